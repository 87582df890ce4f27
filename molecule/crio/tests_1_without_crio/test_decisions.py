# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What needs no CRI-O: what would be written, and what is refused. The machines are bare and stay so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crio import choosing
from tests.support.failures import refused
from tests.support.playbooks import kept_prints, playbook
from tests.support.snapshots import NODES, all_prints, machine

CRIO = dict.fromkeys(NODES, "crio")
ALONE = ("--limit", "node2")


def test_the_hosts_are_bare_and_known() -> None:
    prints = {name: sorted(lines) for name, lines in all_prints(NODES).items()}
    assert not any("/etc/crio" in line for lines in prints.values() for line in lines)
    kept_prints().write_text(json.dumps(prints), encoding="utf-8")


def test_check_mode_shows_what_would_be_written(tmp_path: Path) -> None:
    chosen = choosing(tmp_path / "crio.yml", {**CRIO, "node1": "containerd"})
    before = all_prints()
    run = playbook("site.yml", "--check", "--diff", inventories=chosen)
    assert run.status == 0, run.output
    for words in (
        "package cri-o: (it is missing)", "file /etc/crio/crio.conf.d/50-classroom-kubeadm.conf: (it is missing)",
        'default_runtime = "runc"', 'pause_image = "registry.k8s.io/pause:3.10.2"', '"insecureAcceptAnything"',
        "start crio.service: (it is not running)", "start containerd.service: (it is not running)",
    ):
        assert words in run.output, words
    # The kubelets' and the runtimes' are one
    assert run.output.count('cgroup_manager = "cgroupfs"') + run.output.count('cgroup_manager = "systemd"') == 2
    assert all_prints() == before


def test_another_minor_than_kubernetes(tmp_path: Path) -> None:
    chosen = choosing(tmp_path / "crio.yml", CRIO, crio_version="1.35.2")
    says = ("expected CRI-O 1.36, as Kubernetes 1.36.3 needs it, found 1.35.2", "leave crio_version empty")
    refused("node2", *ALONE, inventories=chosen, says=says)


def test_the_socket_of_another_runtime(tmp_path: Path) -> None:
    chosen = choosing(tmp_path / "crio.yml", CRIO, cluster_cri_socket="unix:///run/containerd/containerd.sock")
    says = ("expected the container runtime CRI-O", "which is containerd's", "Leave cluster_cri_socket out")
    refused("node2", *ALONE, inventories=chosen, says=says)


def test_a_runtime_that_is_none(tmp_path: Path) -> None:
    run = playbook("site.yml", *ALONE, inventories=choosing(tmp_path / "crio.yml", dict.fromkeys(NODES, "docker")))
    assert run.status != 0 and "value of cluster_runtime must be one of: containerd, crio, got: docker" in run.output


@pytest.fixture
def member_with_containerd() -> Iterator[None]:
    """What kubeadm writes down for the kubelet of a member."""
    node2 = machine("node2")
    node2.check_output(
        "mkdir -p /var/lib/kubelet && echo 'containerRuntimeEndpoint: unix:///run/containerd/containerd.sock' "
        "> /var/lib/kubelet/instance-config.yaml")
    yield
    node2.check_output("rm /var/lib/kubelet/instance-config.yaml")


@pytest.mark.usefixtures("member_with_containerd")
def test_a_member_with_another_runtime(tmp_path: Path) -> None:
    says = ("found this host in a cluster with containerd", "by renew.yml")
    refused("node2", *ALONE, inventories=choosing(tmp_path / "crio.yml", CRIO), says=says)


def test_a_bundle_without_cri_o(tmp_path: Path) -> None:
    """Known only to the utility itself; its description is put back, and nothing is installed."""
    run = playbook("utility.yml")
    assert run.status == 0, run.output
    chosen = choosing(tmp_path / "crio.yml", CRIO)
    run = playbook("site.yml", *ALONE, "--tags", "preflight,crio", inventories=chosen)
    assert run.status != 0
    assert "expected cri-o 1.36, found no package of that name in http://" in run.failures["node2"]
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    assert sorted(all_prints(("node2",))["node2"] ^ set(before["node2"])) == []
