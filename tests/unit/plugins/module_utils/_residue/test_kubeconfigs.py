# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of kubeconfigs: this cluster's go, another cluster's are never touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats.x509 import discovery_hash
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.kubeconfigs import (
    find_caches,
    find_copies,
    parse_copy,
    remove_caches,
    remove_copies,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.model import Finding, Scan
from tests.unit.support.kubeadm_lab import Authority, kubeconfig_text
from tests.unit.support.own_mounts import apart, mount
from tests.unit.support.residue_lab import Host, addressed

PASSWD = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/x\nanna:x:1000:1000::/home/anna:/bin/sh\nbroken\n"
ROOT, ANNA = "/root/.kube/config", "/home/anna/.kube/config"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours") / "ca")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs") / "ca")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    found = Host(tmp_path)
    found.write("/etc/passwd", PASSWD)
    found.write("/etc/hosts", "127.0.0.1 localhost\n192.168.90.100 master.example.com master # me\n192.168.90.9 vip\n")
    found.links(addressed("eth0", "192.168.90.100"))
    return found


def config(authority: Authority, server: str = "https://192.168.90.1:6443") -> str:
    return kubeconfig_text(server, authority.pem, "c", "k")


def copies(scan: Scan) -> list[str]:
    return [finding.subject for finding in find_copies(scan)]


@pytest.mark.parametrize("believed", ["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/kubelet.conf",
                                      "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/admin.conf", "given"])
def test_a_copy_is_told_by_the_ca(host: Host, ours: Authority, theirs: Authority, believed: str) -> None:
    host.write(ROOT, config(ours))
    host.write(ANNA, config(theirs))
    if believed != "given":
        host.write(believed, ours.pem if believed.endswith(".crt") else config(ours))
    scan = Scan(host.machine, [discovery_hash(ours.pem)] if believed == "given" else [])
    assert copies(scan) == [ROOT]


@pytest.mark.parametrize(("server", "found"), [
    ("https://192.168.90.100:6443", True), ("https://master.example.com:6443", True), ("192.168.90.100:6443", True),
    ("https://192.168.90.100:35555", False), ("https://192.168.90.100", False), ("https://192.168.90.101:6443", False),
    ("https://vip:6443", False), ("https://127.0.0.1:6443", False),
    ("https://[fd00::1]:6443", False), ("https://[broken", False),
])
def test_without_a_ca_the_address_tells(host: Host, theirs: Authority, server: str, found: bool) -> None:
    host.write(ROOT, config(theirs, server))
    assert copies(host.scan) == ([ROOT] if found else [])


@pytest.mark.parametrize(("path", "text"), [
    ("/etc/kubernetes/kubelet.conf", "    server: https://192.168.90.1:7443\n"),
    ("/etc/kubernetes/manifests/kube-apiserver.yaml", "    - --secure-port=7443\n    - "
                                                      "--etcd-servers=https://a:2379\n"),
])
def test_another_cluster_on_the_same_host_has_another_port(
    host: Host, ours: Authority, theirs: Authority, path: str, text: str,
) -> None:
    """k3s and kind serve their APIs at addresses of this host as well; only this cluster's port is this cluster's."""
    host.write(path, text)
    for name, port in (("former", 7443), ("k3s", 6443), ("kind", 35555)):
        host.write("/root/.kube/" + name, config(theirs, f"https://192.168.90.100:{port}"))
    assert copies(host.scan) == ["/root/.kube/former"]
    list(remove_copies(host.scan, list(find_copies(host.scan))))
    assert sorted(os.listdir(host.path("/root/.kube"))) == ["k3s", "kind"]


def test_an_address_of_ipv6(host: Host, theirs: Authority) -> None:
    host.links(addressed("eth0", "fd00::5"))
    host.write(ROOT, config(theirs, "https://[fd00::5]:6443"))
    assert copies(host.scan) == [ROOT]


def test_with_neither_it_may_be_another_clusters(host: Host, ours: Authority) -> None:
    host.write(ROOT, config(ours))
    host.directory("/root/.kube/cache/discovery")
    assert copies(host.scan) == []
    assert list(find_caches(host.scan)) == []


def test_any_way_of_writing_is_read(ours: Authority) -> None:
    text = config(ours)
    data = next(line.split()[1] for line in text.splitlines() if "authority-data" in line)
    document = {"clusters": [{"cluster": {"server": "https://a:1", "certificate-authority-data": data}, "name": "x"}]}
    by_hand = "clusters: [{cluster: {server: 'https://a:1', certificate-authority-data: " + data + "}}]"
    for written in (json.dumps(document), json.dumps(document, indent=1), by_hand):
        copy = parse_copy(written)
        assert (set(copy.servers), set(copy.ca_hashes)) == ({"a:1"}, {discovery_hash(ours.pem)})


@pytest.mark.parametrize("text", ["", "server", "certificate-authority-data: AAAA\n", "certificate-authority-data: =\n",
                                  "\x00\xff", "apiserver: https://192.168.90.100\n"])
def test_what_is_no_kubeconfig(host: Host, text: str) -> None:
    host.write(ROOT, text)
    assert copies(host.scan) == []


def test_a_copy_goes_with_its_cache_and_directory(host: Host, ours: Authority, theirs: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours))
    host.write("/root/.kube/cache/discovery/x")
    host.write("/home/anna/admin.conf", config(ours))
    host.write(ANNA, config(theirs))
    host.write("/home/anna/.kube/cache/discovery/x")
    found, caches = list(find_copies(host.scan)), list(find_caches(host.scan))
    assert [finding.subject for finding in found] == [ROOT, "/home/anna/admin.conf"]
    assert [finding.subject for finding in caches] == ["/root/.kube/cache"]
    assert list(remove_copies(host.scan, found)) == list(remove_caches(host.scan, caches)) == []
    assert not host.exists("/root/.kube")
    assert sorted(os.listdir(host.path("/home/anna/.kube"))) == ["cache", "config"]


def test_one_with_several_clusters_stays_and_is_named(host: Host, ours: Authority, theirs: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours) + config(theirs, "https://10.0.0.1:6443"))
    left = list(remove_copies(host.scan, list(find_copies(host.scan))))
    assert [finding.subject for finding in left] == [ROOT]
    assert "names other clusters too" in left[0].reason
    assert host.exists(ROOT)


def test_homes_on_a_server_are_not_looked_at(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ANNA, config(ours))
    host.mounts("/", "/home", kind="nfs")
    assert copies(host.scan) == []


def test_something_big_or_of_another_kind_is_not_read(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours) + "#" * 1_000_001)
    os.mkfifo(host.path("/root/.kube/pipe"))
    assert copies(host.scan) == []


def test_a_home_that_an_automounter_offers_is_not_looked_at(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write("/data/home/anna/.kube/config", config(ours))
    host.path("/home").symlink_to("data/home")
    host.mounts("/", "/data/home", kind="autofs")
    assert copies(host.scan) == []
    host.mounts("/", "/data")
    assert copies(host.scan) == [ANNA]


# Links, and the rights of the home's user

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
CACHE = "/home/anna/.kube/cache"


@pytest.fixture
def anna(host: Host, ours: Authority) -> Host:
    """A home that belongs to its user, on a host whose cluster is `ours`."""
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.directory("/home/anna/.kube")
    for path in ("/home/anna", "/home/anna/.kube"):
        os.chown(host.path(path), 1000, 1000)
    return host


def linked(host: Host, path: str, target: str) -> None:
    host.path(path).symlink_to(host.path(target))
    os.chown(host.path(path), 1000, 1000, follow_symlinks=False)


def swept(host: Host) -> tuple[list[str], list[str]]:
    found = [*find_copies(host.scan), *find_caches(host.scan)]
    left = [*remove_copies(host.scan, [one for one in found if one.kind == "kubeconfig"]),
            *remove_caches(host.scan, [one for one in found if one.kind == "kubectl cache"])]
    return [finding.subject for finding in found], [finding.reason for finding in left]


@as_root
def test_a_link_in_place_of_the_cache_costs_nothing_behind_it(anna: Host) -> None:
    anna.write("/home/teacher/thesis.tex")
    linked(anna, CACHE, "/home/teacher")
    assert swept(anna) == ([CACHE], [])
    assert not anna.exists(CACHE)
    assert anna.exists("/home/teacher/thesis.tex")


@as_root
def test_a_link_in_place_of_the_directory_leads_nowhere(anna: Host, ours: Authority) -> None:
    anna.path("/home/anna/.kube").rmdir()
    anna.write("/var/cache/apt/archive")
    anna.write("/var/config", config(ours))
    linked(anna, "/home/anna/.kube", "/var")
    assert swept(anna) == ([], [])
    assert anna.exists("/var/cache/apt/archive") and anna.exists("/var/config")


@as_root
def test_a_link_in_place_of_a_kubeconfig_is_not_followed(anna: Host, ours: Authority) -> None:
    anna.write("/srv/admin.conf", config(ours))
    linked(anna, ANNA, "/srv/admin.conf")
    linked(anna, "/home/anna/admin.conf", "/srv/admin.conf")
    assert swept(anna) == ([], [])
    assert anna.exists("/srv/admin.conf")


@as_root
def test_a_fifo_or_a_secret_in_place_of_a_kubeconfig_is_not_opened(anna: Host, ours: Authority) -> None:
    os.mkfifo(anna.path(ANNA))
    anna.write("/home/anna/admin.conf", config(ours)).chmod(0o600)
    assert swept(anna) == ([], [])


@as_root
def test_a_users_own_files_go_with_the_users_rights(anna: Host, ours: Authority) -> None:
    anna.write(ANNA, config(ours))
    anna.write(CACHE + "/discovery/x")
    for path in anna.path("/home/anna").rglob("*"):
        os.chown(path, 1000, 1000)
    assert swept(anna) == ([ANNA, CACHE], [])
    assert os.listdir(anna.path("/home/anna")) == []


@as_root
@pytest.mark.parametrize(("mode", "removed"), [(0o755, True), (0o700, True), (0o777, False)])
def test_what_was_made_with_sudo_goes_too(anna: Host, ours: Authority, mode: int, removed: bool) -> None:
    """`sudo mkdir ~/.kube`, `sudo cp`: root's, unless another user may have put something there."""
    os.chown(anna.path("/home/anna/.kube"), 0, 0)
    anna.path("/home/anna/.kube").chmod(mode)
    anna.write(ANNA, config(ours)).chmod(0o600)
    anna.write(CACHE + "/discovery/x")
    found, left = swept(anna)
    assert (found, bool(left)) == ([ANNA, CACHE] if removed else [CACHE], not removed)
    assert anna.exists(ANNA) is anna.exists(CACHE + "/discovery/x") is not removed


@as_root
@pytest.mark.parametrize("exchange", ["link", "directory", "gone"])
def test_what_changes_after_the_look(anna: Host, ours: Authority, exchange: str) -> None:
    anna.write("/home/teacher/cache/thesis.tex")
    anna.write("/home/teacher/config", config(ours))
    anna.write(ANNA, config(ours))
    anna.write(CACHE + "/x")
    found, caches = list(find_copies(anna.scan)), list(find_caches(anna.scan))
    anna.path("/home/anna/.kube").rename(anna.path("/home/anna/former"))
    if exchange == "link":
        linked(anna, "/home/anna/.kube", "/home/teacher")
    elif exchange == "directory":
        anna.write(ANNA + "/thesis.tex")
    left = [*remove_copies(anna.scan, found), *remove_caches(anna.scan, caches)]
    assert anna.exists("/home/teacher/cache/thesis.tex") and anna.exists("/home/teacher/config")
    assert bool(left) is (exchange == "directory")
    assert anna.exists(ANNA + "/thesis.tex") is (exchange == "directory")


@as_root
def test_a_mount_in_a_home_is_not_entered(anna: Host) -> None:
    anna.write("/export/thesis.tex")
    anna.write(CACHE + "/nfs/x")
    for path in anna.path("/home/anna").rglob("*"):
        os.chown(path, 1000, 1000)

    def act() -> list[str]:
        mount("--bind", anna.path("/export"), anna.path(CACHE + "/nfs"))
        return swept(anna)[1]

    assert "/home/anna/.kube/cache/nfs is mounted below it" in apart(act)[0]
    assert anna.exists("/export/thesis.tex")


def test_two_users_of_one_home(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    passwd = "backup:x:34:34::/home/anna/:/x\nodd:x:x:1::/odd:/x\nanna:x:{0}:{1}::/home/anna:/x\n"
    host.write("/etc/passwd", passwd.format(os.geteuid(), os.getegid()))
    host.write(ANNA, config(ours)).chmod(0o600)
    assert copies(host.scan) == [ANNA]


def test_only_places_in_homes_are_removed(host: Host) -> None:
    host.write("/srv/config")
    host.write("/root/.ssh/config")
    findings = [Finding("kubeconfig", path, "", "") for path in ("/srv/config", "/root/.ssh/config")]
    assert list(remove_copies(host.scan, findings)) == list(remove_caches(host.scan, findings)) == []
    assert host.exists("/srv/config") and host.exists("/root/.ssh/config")
