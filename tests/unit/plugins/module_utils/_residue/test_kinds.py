# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of residue as a whole: clean stays clean, the order of removal, what a living cluster's machine shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._residue import kinds as residue
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.kinds import (
    NAMES,
    Finding,
    find,
    foreign,
    remove,
)
from tests.unit.support.residue_lab import Host, link


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def dirty(host: Host) -> None:
    host.write("/etc/cni/net.d/10-flannel.conflist", '{"name": "cbr0", "plugins": [{"type": "flannel"}]}')
    host.write("/etc/kubernetes/admin.conf")
    host.write("/run/flannel/subnet.env", "FLANNEL_NETWORK=10.244.0.0/16\n")
    host.write("/run/cilium/state/x")
    host.mounts("/", "/var/lib/kubelet/pods/1")
    host.write("/var/lib/kubelet/pods/1/x")
    host.process(10, "kube-proxy")
    host.links(link("eth0"), link("flannel.1", "vxlan"), link("cilium_host", "veth"))
    host.tables(("ip", "kube-proxy"), ("inet", "staff"))


def test_an_empty_host_without_any_tool_is_clean(host: Host) -> None:
    assert find(host.machine) == ()


def test_a_clean_host_is_asked_few_questions(host: Host) -> None:
    host.tables()
    host.links(link("eth0"))
    host.programs |= {"iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"}
    assert find(host.machine) == ()
    assert len(host.said) <= 6
    assert len(set(host.said)) == len(host.said)


def test_an_administrators_host_is_clean(host: Host) -> None:
    host.write("/etc/cni/net.d/87-podman.conflist", '{"name": "podman", "plugins": [{"type": "bridge"}]}')
    host.write("/var/lib/cni/networks/podman/10.88.0.2")
    host.write("/etc/kubernetes/policy.yaml")
    host.write("/var/lib/classroom-kubeadm/before.json")
    host.write("/run/netns/staff", "")
    host.links(link("eth0"), link("br0", "bridge"), link("docker0", "bridge"), link("veth1234567", "veth"))
    host.tables(("inet", "firewalld"), ("inet", "staff"))
    host.process(10, "sshd")
    host.process(11, "conmon", "--exit-dir", "/run/libpod/exits")
    host.mounts("/", "/var/lib/kubelet", "/home")
    assert find(host.machine) == ()


def test_what_would_create_the_rest_again_is_removed_first_and_files_last() -> None:
    order = ["process", "container", "container shim", "pod cgroup", "mount", "network namespace", "route", "interface",
             "nft table", "iptables chain", "ipset", "kubeconfig", "CNI configuration", "file", "directory"]
    assert [name for name in NAMES if name in order] == order
    assert len(set(NAMES)) == len(NAMES)


def test_findings_come_in_the_order_of_removal_and_complete(host: Host) -> None:
    dirty(host)
    found = find(host.machine)
    assert [finding.kind for finding in found] == sorted((finding.kind for finding in found), key=NAMES.index)
    for finding in found:
        assert all(finding.as_dict().values()), finding
        assert not finding.reason.endswith(".")
        assert re.match(r"[a-z]", finding.reason)


def test_only_what_is_given_is_removed(host: Host) -> None:
    dirty(host)
    found = [finding for finding in find(host.machine) if finding.subject == "/run/cilium"]
    assert remove(host.machine, found) == ()
    assert not host.exists("/run/cilium")
    assert host.exists("/run/flannel") and host.exists("/etc/kubernetes/admin.conf")
    assert not any(line.startswith(("kill", "umount", "nft delete", "ip link")) for line in host.said)


def test_a_tree_stays_while_its_mount_does(host: Host) -> None:
    dirty(host)
    left = remove(host.machine, find(host.machine))
    assert [(finding.kind, finding.subject) for finding in left] == [
        ("process", "kube-proxy (10)"), ("mount", "/var/lib/kubelet/pods/1"), ("interface", "flannel.1"),
        ("interface", "cilium_host"), ("nft table", "ip kube-proxy"), ("directory", "/var/lib/kubelet")]
    assert host.exists("/var/lib/kubelet/pods/1/x")
    assert not host.exists("/run/flannel")


def test_a_second_removal_finishes_what_the_first_could_not(host: Host) -> None:
    dirty(host)
    found = find(host.machine)
    assert remove(host.machine, found) != ()
    host.ends(10)
    host.mounts("/")
    host.links(link("eth0"))
    host.tables(("inet", "staff"))
    assert remove(host.machine, found) == ()
    assert find(host.machine) == ()


def test_an_unknown_kind_is_left_alone(host: Host) -> None:
    assert remove(host.machine, [Finding("certificate", "/etc/hosts", "", "")]) == ()
    assert host.said == []


@pytest.mark.parametrize(("agent", "first_file", "expected"), [
    ("flanneld", "flannel", {"cilium"}), ("cilium-agent", "flannel", {"flannel"}),
    ("", "flannel", {"cilium"}), ("", "cilium-cni", {"flannel"}), ("", "bridge", set()),
])
def test_on_a_living_member_only_another_networks_things_are_strange(
    host: Host, agent: str, first_file: str, expected: set[str]
) -> None:
    dirty(host)
    host.write("/etc/cni/net.d/00-first.conf", json.dumps({"name": "x", "type": first_file}))
    if agent:
        host.process(40, agent, cgroup="/kubepods/besteffort/pod12345678/c")
    found = foreign(host.machine, find(host.machine))
    assert {finding.owner for finding in found} == expected


def test_every_kind_can_be_seen_and_taken() -> None:
    for kind in residue.KINDS:
        assert callable(kind.find) and callable(kind.remove) and kind.name
