# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and trees: those of a cluster go, an administrator's beside them stay, nothing behind a mount is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.files import (
    CNI_CONFIGURATION,
    DIRECTORY,
    FILE,
    clear,
    delete,
    find_bpf,
    find_configurations,
    find_files,
    find_trees,
    parse_network,
    present_network,
    remove_configurations,
    remove_files,
    remove_trees,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.model import Finding
from tests.unit.support.own_mounts import apart, mount, show_table
from tests.unit.support.residue_lab import Host

FLANNEL = '{"name": "cbr0", "plugins": [{"type": "flannel", "delegate": {}}, {"type": "portmap"}]}'
PODMAN = '{"name": "podman", "plugins": [{"type": "bridge", "bridge": "cni-podman0"}]}'


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def trees(host: Host) -> list[str]:
    return [finding.subject for finding in find_trees(host.scan)]


@pytest.mark.parametrize(("file", "text", "name", "owner"), [
    ("10-flannel.conflist", FLANNEL, "cbr0", "flannel"),
    ("whatever.conf", '{"name": "k8s", "type": "calico"}', "k8s", "calico"),
    ("05-cilium.conflist", '{"name": "cilium", "plugins": [{"type": "cilium-cni"}]}', "cilium", "cilium"),
    ("10-flannel.conflist.cilium_bak", FLANNEL, "cbr0", "flannel"),
    ("calico-kubeconfig", "apiVersion: v1\n", "", "calico"),
    ("10-flannel.conflist", PODMAN, "podman", ""),
    ("87-podman.conflist", PODMAN, "podman", ""),
    ("10-flannel.conflist", '{"name": "cbr0", "plug', "", ""),
    ("10-flannel.conflist", "", "", ""),
    ("10-flannel.conflist", "[]", "", ""),
    ("README", "no JSON", "", ""),
])
def test_whose_a_configuration_is(file: str, text: str, name: str, owner: str) -> None:
    network = parse_network(file, text)
    assert (network.name, network.owner) == (name, owner)


def test_an_administrators_configuration_stays(host: Host) -> None:
    host.write("/etc/cni/net.d/10-flannel.conflist", FLANNEL)
    host.write("/etc/cni/net.d/87-podman.conflist", PODMAN)
    found = list(find_configurations(host.scan))
    assert [(finding.kind, finding.subject) for finding in found] == [
        (CNI_CONFIGURATION, "/etc/cni/net.d/10-flannel.conflist")]
    assert present_network(host.scan) == "flannel"
    assert list(remove_configurations(host.scan, found)) == []
    assert os.listdir(host.path("/etc/cni/net.d")) == ["87-podman.conflist"]
    # Somebody has put his own into its place meanwhile
    host.write("/etc/cni/net.d/10-flannel.conflist", PODMAN)
    assert list(remove_configurations(host.scan, found)) == []
    assert host.exists("/etc/cni/net.d/10-flannel.conflist")


def test_files_of_a_cluster_and_an_administrators_beside_them(host: Host) -> None:
    for name in ("admin.conf", "kubelet.conf", "audit-policy.yaml"):
        host.write("/etc/kubernetes/" + name)
    host.write("/var/lib/classroom-kubeadm/init.json")
    host.write("/var/lib/classroom-kubeadm/before.json")
    found = list(find_files(host.scan))
    assert [finding.subject for finding in found] == [
        "/etc/kubernetes/admin.conf", "/etc/kubernetes/kubelet.conf", "/var/lib/classroom-kubeadm/init.json"]
    assert list(remove_files(host.scan, found)) == []
    assert os.listdir(host.path("/etc/kubernetes")) == ["audit-policy.yaml"]
    assert os.listdir(host.path("/var/lib/classroom-kubeadm")) == ["before.json"]
    assert list(remove_files(host.scan, found)) == []


@pytest.mark.parametrize("path", [
    "/var/lib/etcd/member", "/etc/kubernetes/pki", "/etc/kubernetes/tmp", "/var/log/pods", "/var/log/containers",
    "/run/flannel", "/run/calico", "/var/lib/calico", "/run/cilium", "/sys/fs/bpf/cilium", "/var/lib/dockershim",
    "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/nodeagent~uds", "/run/classroom-kubeadm", "/run/kubernetes",
])
def test_trees_go_as_a_whole(host: Host, path: str) -> None:
    host.write(path + "/a/b")
    host.path(path + "/link").symlink_to("/etc/hosts")
    found = [finding for finding in find_trees(host.scan) if finding.kind == DIRECTORY]
    assert [finding.subject for finding in found] == [path]
    assert list(remove_trees(host.scan, found)) == []
    assert not host.exists(path)
    assert trees(host) == []


@pytest.mark.parametrize("path", ["/var/lib/kubelet"])
def test_a_directory_of_a_package_is_emptied(host: Host, path: str) -> None:
    host.write(path + "/config.yaml")
    host.write(path + "/pods/1/volumes/x")
    found = list(find_trees(host.scan))
    assert list(remove_trees(host.scan, found)) == []
    assert os.listdir(host.path(path)) == []
    assert trees(host) == []


def test_other_data_beside_etcds_stays(host: Host) -> None:
    host.write("/var/lib/etcd/member/snap/db")
    host.write("/var/lib/etcd/backup.db")
    assert list(remove_trees(host.scan, list(find_trees(host.scan)))) == []
    assert os.listdir(host.path("/var/lib/etcd")) == ["backup.db"]


# Mounts


@pytest.mark.parametrize("keep", [True, False])
def test_a_tree_with_a_mount_below_is_not_touched(host: Host, keep: bool) -> None:
    host.write("/var/lib/kubelet/config.yaml")
    host.write("/var/lib/kubelet/pods/1/volumes/nfs/thesis.tex")
    host.mounts("/", "/var/lib/kubelet/pods/1/volumes/nfs", "/var/lib/kubelet2")
    problem = clear(host.scan, "/var/lib/kubelet", keep)
    assert problem.startswith("/var/lib/kubelet/pods/1/volumes/nfs is mounted below it")
    assert host.exists("/var/lib/kubelet/config.yaml")
    assert host.exists("/var/lib/kubelet/pods/1/volumes/nfs/thesis.tex")


def test_a_mount_that_came_after_the_look_counts(host: Host) -> None:
    host.write("/var/lib/kubelet/pods/1/x")
    scan = host.scan
    assert scan.mounts == ()
    host.mounts("/var/lib/kubelet/pods/1")
    assert clear(scan, "/var/lib/kubelet") != ""


def test_a_directory_that_is_a_mount_itself_is_emptied(host: Host) -> None:
    host.write("/data/x")
    host.directory("/var/log/pods")

    def act() -> str:
        mount("--bind", host.path("/data"), host.path("/var/log/pods"))
        show_table(host.base)
        return clear(host.scan, "/var/log/pods")

    assert apart(act) == ""
    assert os.listdir(host.path("/data")) == [] and host.exists("/var/log/pods")


def test_a_link_to_another_disk_stays_and_what_it_leads_to_goes(host: Host) -> None:
    host.write("/data/kubelet/config.yaml")
    host.directory("/var/lib")
    host.path("/var/lib/kubelet").symlink_to(host.path("/data/kubelet"))
    assert clear(host.scan, "/var/lib/kubelet", True) == ""
    assert (host.path("/var/lib/kubelet").is_symlink(), os.listdir(host.path("/data/kubelet"))) == (True, [])
    host.write("/data/kubelet/pods/1")
    host.mounts("/data/kubelet/pods")
    assert "is mounted below it" in clear(host.scan, "/var/lib/kubelet", True)


@pytest.mark.parametrize("link", ["/var", "/var/lib", "/var/lib/kubelet"])
@pytest.mark.parametrize("known", [True, False])
def test_a_mount_is_seen_wherever_the_path_has_a_link(host: Host, link: str, known: bool) -> None:
    """By the kernel's table, and by the removal itself where a mount came after the table was read."""
    real = "/data" + link.replace("/var", "", 1)
    inner = "/var/lib/kubelet"[len(link):] + "/pods/1/volumes/nfs"
    host.write("/export/thesis")
    host.directory(real + inner)
    host.directory(os.path.dirname(link))
    host.path(link).symlink_to(host.path(real))

    def act() -> str:
        mount("--bind", host.path("/export"), host.path(real + inner))
        if known:
            show_table(host.base)
        return clear(host.scan, "/var/lib/kubelet", True)

    assert apart(act).startswith(real + inner + " is mounted below it")
    assert host.path("/export/thesis").read_text() == "something\n"


@pytest.mark.parametrize("keep", [True, False])
def test_a_directory_moved_to_another_disk_goes_on_being_cleared(host: Host, keep: bool) -> None:
    host.write("/data/lib/etcd/member/snap/db")
    host.directory("/var")
    host.path("/var/lib").symlink_to("../data/lib")
    assert clear(host.scan, "/var/lib/etcd/member", keep) == ""
    assert os.listdir(host.path("/data/lib/etcd")) == (["member"] if keep else [])
    assert host.path("/var/lib").is_symlink()


@pytest.mark.parametrize("weak", ["/data", "/var"])
def test_a_link_that_another_user_could_exchange_is_no_way(host: Host, weak: str) -> None:
    host.write("/data/lib/kubelet/x")
    host.write("/data/lib/x")
    host.directory("/var")
    host.path("/var/lib").symlink_to(host.path("/data/lib"))
    host.path(weak).chmod(0o777)
    for problem in (clear(host.scan, "/var/lib/kubelet", True), delete(host.scan, "/var/lib/x")):
        assert "leads through the symbolic link /var/lib, which other users could redirect" in problem
    assert host.exists("/data/lib/kubelet/x") and host.exists("/data/lib/x")


def test_empty_directories_behind_a_mount_stay(host: Host) -> None:
    host.directory("/export/empty")
    host.directory("/data/kubernetes/own")
    host.directory("/etc")
    host.path("/etc/kubernetes").symlink_to(host.path("/data/kubernetes"))

    def act() -> list[str]:
        mount("--bind", host.path("/export"), host.path("/data/kubernetes/own"))
        # A look before the mount was made, as the table is empty
        list(remove_trees(host.scan, [Finding(DIRECTORY, "/etc/kubernetes", "", "")]))
        return os.listdir(host.path("/export"))

    assert apart(act) == ["empty"]


def test_keys_of_students_go_with_the_cluster(host: Host) -> None:
    host.write("/etc/kubernetes/students/anna.conf")
    host.write("/etc/kubernetes/policy.yaml")
    found = list(find_trees(host.scan))
    assert [finding.subject for finding in found] == ["/etc/kubernetes/students"]
    assert list(remove_trees(host.scan, found)) == []
    assert os.listdir(host.path("/etc/kubernetes")) == ["policy.yaml"]


def test_a_link_inside_of_a_tree_is_not_followed(host: Host) -> None:
    host.write("/home/student/thesis.tex")
    host.directory("/run/flannel")
    host.path("/run/flannel/home").symlink_to(host.path("/home/student"))
    assert clear(host.scan, "/run/flannel") == ""
    assert host.exists("/home/student/thesis.tex")


def test_what_lies_on_a_server_is_not_looked_at(host: Host) -> None:
    host.write("/var/log/pods/x")
    host.mounts("/", "/var/log", kind="nfs4")
    assert trees(host) == []


# The state of CNI plugins


def test_an_administrators_networks_keep_their_addresses(host: Host) -> None:
    host.write("/etc/cni/net.d/87-podman.conflist", PODMAN)
    kept = ["networks/podman/10.88.0.2", "results/podman-abc-eth0"]
    gone = ["networks/cbr0/10.244.1.2", "results/cbr0-abc-eth0", "cache/results/cbr0-1-eth0", "flannel/abc"]
    for path in [*kept, *gone]:
        host.write("/var/lib/cni/" + path)
    assert trees(host) == ["/var/lib/cni"]
    assert list(remove_trees(host.scan, list(find_trees(host.scan)))) == []
    left = sorted(str(path.relative_to(host.path("/var/lib/cni"))) for path in host.path("/var/lib/cni").rglob("*")
                  if path.is_file())
    assert left == kept
    assert trees(host) == []


def test_without_networks_of_an_administrator_all_of_it_goes(host: Host) -> None:
    host.write("/var/lib/cni/networks/cbr0/lock", "")
    host.directory("/var/lib/cni/results")
    assert list(remove_trees(host.scan, list(find_trees(host.scan)))) == []
    assert not host.exists("/var/lib/cni")


# Empty directories


@pytest.mark.parametrize(("files", "packaged", "found"), [
    ((), "", ["/etc/kubernetes/manifests", "/etc/kubernetes"]),
    ((), "/etc/kubernetes/manifests", []),
    ((), "/usr/bin/kubelet", ["/etc/kubernetes/manifests", "/etc/kubernetes"]),
    (("/etc/kubernetes/policy.yaml",), "", ["/etc/kubernetes/manifests"]),
    (("/etc/kubernetes/manifests/mine.yaml",), "", ["/etc/kubernetes/manifests"]),
])
def test_empty_directories(host: Host, files: tuple[str, ...], packaged: str, found: list[str]) -> None:
    host.directory("/etc/kubernetes/manifests")
    for path in files:
        host.write(path)
    host.write("/var/lib/dpkg/info/kubelet.list", "/.\n/etc\n" + packaged + "\n")
    assert trees(host) == found
    assert list(remove_trees(host.scan, list(find_trees(host.scan)))) == []
    assert trees(host) == []
    assert host.exists("/etc/kubernetes/policy.yaml") is ("/etc/kubernetes/policy.yaml" in files)


@pytest.mark.parametrize(("said", "found"), [
    ("file {0}/etc/kubernetes is not owned by any package\nkubelet\n", []),
    ("file {0}/etc/kubernetes is not owned by any package\nfile {0}/etc/kubernetes/manifests is not owned by any "
     "package\n", ["/etc/kubernetes/manifests", "/etc/kubernetes"]),
    ("", ["/etc/kubernetes/manifests", "/etc/kubernetes"]),
])
def test_empty_directories_of_rpms(host: Host, said: str, found: list[str]) -> None:
    host.directory("/etc/kubernetes/manifests")
    host.write("/var/lib/rpm/rpmdb.sqlite")
    host.programs.add("rpm")
    host.answers["rpm --query"] = said.format(host.base)
    assert trees(host) == found


def test_a_directory_that_was_empty_a_moment_ago(host: Host) -> None:
    host.directory("/etc/kubernetes")
    found = list(find_trees(host.scan))
    host.write("/etc/kubernetes/policy.yaml")
    list(remove_trees(host.scan, found))
    assert host.exists("/etc/kubernetes/policy.yaml")


def test_only_what_is_in_the_table_is_removed(host: Host) -> None:
    host.write("/home/student/thesis.tex")
    left = list(remove_trees(host.scan, [Finding(DIRECTORY, "/home/student", "", "")]))
    assert [finding.reason for finding in left] == ["it is no directory of a cluster"]
    assert host.exists("/home/student/thesis.tex")


def test_directories_of_volume_plugins_go_when_they_are_empty(host: Host) -> None:
    host.directory("/usr/libexec/kubernetes/kubelet-plugins/volume/exec")
    assert trees(host) == ["/usr/libexec/kubernetes"]
    assert list(remove_trees(host.scan, list(find_trees(host.scan)))) == []
    assert not host.exists("/usr/libexec/kubernetes")
    host.write("/usr/libexec/kubernetes/kubelet-plugins/volume/exec/vendor~driver/driver")
    assert trees(host) == []


# BPF, errors


def test_pinned_maps(host: Host) -> None:
    for name in ("cilium_ct4_global", "cali_v4_nat_fe", "staff_map"):
        host.write("/sys/fs/bpf/tc/globals/" + name)
    assert [(Path(finding.subject).name, finding.owner) for finding in find_bpf(host.scan)] == [
        ("cali_v4_nat_fe", "calico"), ("cilium_ct4_global", "cilium")]


def test_a_file_that_cannot_be_removed_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, **_more: object) -> None:
        raise OSError(30, "Read-only file system", path)

    host.write("/etc/kubernetes/admin.conf")
    monkeypatch.setattr(os, "unlink", refuse)
    assert delete(host.scan, "/etc/kubernetes/admin.conf") == (
        "/etc/kubernetes/admin.conf cannot be removed: Read-only file system")
    found = [Finding(FILE, "/etc/kubernetes/admin.conf", "", "")]
    assert [finding.reason for finding in remove_files(host.scan, found)] != []
    host.write("/run/flannel/subnet.env")
    assert "Read-only file system" in clear(host.scan, "/run/flannel")
