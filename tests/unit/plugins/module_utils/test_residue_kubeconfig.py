# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of kubeconfigs: this cluster's go, another cluster's are never touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from kubeadm_lab import Authority, kubeconfig_text
from residue_lab import Host, addressed

from ansible_collections.classroom.kubeadm.plugins.module_utils.certificates import discovery_hash
from ansible_collections.classroom.kubeadm.plugins.module_utils.residue_kind import Look
from ansible_collections.classroom.kubeadm.plugins.module_utils.residue_kubeconfig import (
    parse_copy,
    see_caches,
    see_copies,
    take_caches,
    take_copies,
)

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


def copies(look: Look) -> list[str]:
    return [finding.subject for finding in see_copies(look)]


@pytest.mark.parametrize("believed", ["/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/kubelet.conf",
                                      "/etc/kubernetes/bootstrap-kubelet.conf", "/etc/kubernetes/admin.conf", "given"])
def test_a_copy_is_told_by_the_ca(host: Host, ours: Authority, theirs: Authority, believed: str) -> None:
    host.write(ROOT, config(ours))
    host.write(ANNA, config(theirs))
    if believed != "given":
        host.write(believed, ours.pem if believed.endswith(".crt") else config(ours))
    look = Look(host.machine, [discovery_hash(ours.pem)] if believed == "given" else [])
    assert copies(look) == [ROOT]


@pytest.mark.parametrize(("server", "found"), [
    ("https://192.168.90.100:6443", True), ("https://master.example.com:6443", True), ("192.168.90.100:6443", True),
    ("https://192.168.90.101:6443", False), ("https://vip:6443", False), ("https://127.0.0.1:6443", False),
    ("https://[fd00::1]:6443", False), ("https://[broken", False),
])
def test_without_a_ca_the_address_tells(host: Host, theirs: Authority, server: str, found: bool) -> None:
    host.write(ROOT, config(theirs, server))
    assert copies(host.look) == ([ROOT] if found else [])


def test_with_neither_it_may_be_another_clusters(host: Host, ours: Authority) -> None:
    host.write(ROOT, config(ours))
    host.directory("/root/.kube/cache/discovery")
    assert copies(host.look) == []
    assert list(see_caches(host.look)) == []


def test_any_way_of_writing_is_read(ours: Authority) -> None:
    text = config(ours)
    data = next(line.split()[1] for line in text.splitlines() if "authority-data" in line)
    document = {"clusters": [{"cluster": {"server": "https://a:1", "certificate-authority-data": data}, "name": "x"}]}
    by_hand = "clusters: [{cluster: {server: 'https://a:1', certificate-authority-data: " + data + "}}]"
    for written in (json.dumps(document), json.dumps(document, indent=1), by_hand):
        copy = parse_copy(written)
        assert (set(copy.hosts), set(copy.ca_hashes)) == ({"a"}, {discovery_hash(ours.pem)})


@pytest.mark.parametrize("text", ["", "server", "certificate-authority-data: AAAA\n", "certificate-authority-data: =\n",
                                  "\x00\xff", "apiserver: https://192.168.90.100\n"])
def test_what_is_no_kubeconfig(host: Host, text: str) -> None:
    host.write(ROOT, text)
    assert copies(host.look) == []


def test_a_copy_goes_with_its_cache_and_directory(host: Host, ours: Authority, theirs: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours))
    host.write("/root/.kube/cache/discovery/x")
    host.write("/home/anna/admin.conf", config(ours))
    host.write(ANNA, config(theirs))
    host.write("/home/anna/.kube/cache/discovery/x")
    found, caches = list(see_copies(host.look)), list(see_caches(host.look))
    assert [finding.subject for finding in found] == [ROOT, "/home/anna/admin.conf"]
    assert [finding.subject for finding in caches] == ["/root/.kube/cache"]
    assert list(take_copies(host.look, found)) == list(take_caches(host.look, caches)) == []
    assert not host.exists("/root/.kube")
    assert sorted(os.listdir(host.path("/home/anna/.kube"))) == ["cache", "config"]


def test_one_with_several_clusters_stays_and_is_named(host: Host, ours: Authority, theirs: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours) + config(theirs, "https://10.0.0.1:6443"))
    left = list(take_copies(host.look, list(see_copies(host.look))))
    assert [finding.subject for finding in left] == [ROOT]
    assert "names other clusters too" in left[0].reason
    assert host.exists(ROOT)


def test_homes_on_a_server_are_not_looked_at(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ANNA, config(ours))
    host.mounts("/", "/home", kind="nfs")
    assert copies(host.look) == []


def test_something_big_or_of_another_kind_is_not_read(host: Host, ours: Authority) -> None:
    host.write("/etc/kubernetes/pki/ca.crt", ours.pem)
    host.write(ROOT, config(ours) + "#" * 1_000_001)
    os.mkfifo(host.path("/root/.kube/pipe"))
    assert copies(host.look) == []
