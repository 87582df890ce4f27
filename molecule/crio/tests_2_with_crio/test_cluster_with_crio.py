# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster's life with a real CRI-O: one story in its order; each test begins where the one before has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.crio import NOT_RUN, choosing, is_given, repository
from tests.support.failures import refused
from tests.support.playbooks import Run, kept_prints, playbook
from tests.support.snapshots import NODES, all_prints, machine
from tests.support.timings import stage

# No registry that tests reach has CRI-O: its programs are named by a variable, and a run without says what was left out
pytestmark = pytest.mark.skipif(not is_given(), reason=NOT_RUN)

MIXED = {"master": "crio", "node1": "crio", "node2": "containerd"}
ALL = dict.fromkeys(NODES, "crio")
CLASS = ("--limit", "k8s_cluster")
CONFIRMED = ("-e", "reset_confirm=true")
RUNTIME = ("--limit", "node1", "--tags", "preflight,crio")
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
OWN_DROP_IN = "/etc/crio/crio.conf.d/99-own.conf"


def command(name: str, words: str) -> str:
    return str(machine(name).check_output(words))


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def chosen(path: Path, machines: dict[str, str], **variables: object) -> tuple[Path, ...]:
    return choosing(path / "crio.yml", machines, crio_repository=repository(), **variables)


def main_process() -> str:
    return command("node1", "systemctl show --value --property=MainPID crio")


def pods_of(name: str) -> str:
    """The processes of the machine's own pods, which a restart of their runtime must not end."""
    return command(name, "pgrep --exact --list-name 'kube-proxy|flanneld' | sort")


def runtimes() -> dict[str, str]:
    nodes = json.loads(command("master", f"{KUBECTL} get nodes -o json"))["items"]
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["containerRuntimeVersion"].partition(":")[0]
        for node in nodes
    }


def residue(tmp_path: Path) -> list[dict[str, str]]:
    report = tmp_path / "audit.json"
    inventories = chosen(tmp_path, ALL)
    succeeded(playbook("audit.yml", *CLASS, "-e", f"audit_file={report}", inventories=inventories))
    found: list[dict[str, str]] = json.loads(report.read_text(encoding="utf-8"))["findings"]
    return [finding for finding in found if finding["section"] == "residue"]


def test_a_mixed_cluster_is_installed(tmp_path: Path) -> None:
    """With the proof at its end: pods on every machine, and names and services from each of them."""
    with stage("site.yml, two machines with CRI-O, one with containerd"):
        succeeded(playbook("site.yml", inventories=chosen(tmp_path, MIXED)))
    assert runtimes() == {"master": "cri-o", "node1": "cri-o", "node2": "containerd"}


@pytest.mark.parametrize("arguments", [("--check", "--diff"), ()], ids=["check", "real"])
def test_the_second_run_changes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with stage("site.yml with nothing to do"):
        run = succeeded(playbook("site.yml", *arguments, inventories=chosen(tmp_path, MIXED)))
    assert set(run.changed.values()) == {0}, run.output


def test_a_living_cluster_is_not_residue(tmp_path: Path) -> None:
    assert residue(tmp_path) == []


def test_runtime_and_kubelet_have_one_driver_and_one_pause_image() -> None:
    in_force = command("node1", "crio status config")
    kubelet = json.loads(command("master", f"{KUBECTL} get --raw /api/v1/nodes/node1/proxy/configz"))["kubeletconfig"]
    driver = kubelet["cgroupDriver"]
    assert f'cgroup_manager = "{driver}"' in in_force
    assert 'pause_image = "registry.k8s.io/pause:3.10.2"' in in_force


def test_a_broken_file_is_found_before_the_service_is_touched(tmp_path: Path) -> None:
    process = main_process()
    command("node1", f"printf '[crio.runtime]\\nlog_level = broken\\n' > {OWN_DROP_IN}")
    try:
        says = ("expected files in /etc/crio/crio.conf.d that crio.service can start with", OWN_DROP_IN, "broken")
        another = chosen(tmp_path, MIXED, crio_cni_plugin_dirs=["/opt/cni/bin", "/opt/own/bin"])
        refused("node1", *RUNTIME, inventories=another, says=says)
    finally:
        command("node1", f"rm {OWN_DROP_IN}")
    assert main_process() == process


def test_a_reload_suffices_for_images_and_registries(tmp_path: Path) -> None:
    process = main_process()
    another = chosen(
        tmp_path, MIXED, cluster_pause_image="registry.k8s.io/pause:3.10", registries_unqualified_search=["quay.io"])
    run = succeeded(playbook("site.yml", *RUNTIME, "--diff", inventories=another))
    assert "reload crio.service" in run.output and "restart" not in run.output
    assert 'pause_image = "registry.k8s.io/pause:3.10"' in command("node1", "crio status config")
    assert main_process() == process


def test_a_restart_leaves_the_pods_running(tmp_path: Path) -> None:
    process, pods = main_process(), pods_of("node1")
    another = chosen(tmp_path, MIXED, crio_cni_plugin_dirs=["/opt/cni/bin", "/opt/own/bin"])
    run = succeeded(playbook("site.yml", *RUNTIME, "--diff", inventories=another))
    assert "restart crio.service" in run.output
    assert main_process() != process
    assert pods and pods_of("node1") == pods
    succeeded(playbook("site.yml", *RUNTIME, inventories=chosen(tmp_path, MIXED)))
    # CRI-O has made it
    command("node1", "rmdir /opt/own/bin /opt/own")


def test_a_member_keeps_its_runtime(tmp_path: Path) -> None:
    says = ("found this host in a cluster with containerd", "by renew.yml")
    refused("node2", "--limit", "node2", inventories=chosen(tmp_path, ALL), says=says)


def test_a_reset_with_the_runtime_stopped_leaves_nothing(tmp_path: Path) -> None:
    """And with another runtime requested already: what counts is the one that has the containers."""
    command("node1", "systemctl stop crio")
    with stage("reset.yml, the class"):
        succeeded(playbook("reset.yml", *CLASS, *CONFIRMED, inventories=chosen(tmp_path, ALL)))
    assert residue(tmp_path) == []
    for name in ("master", "node1"):
        assert command(name, "pgrep --exact --count conmon || true") == "0"
        assert command(name, "systemctl is-active crio") == "active"


def test_the_class_is_back_with_cri_o_everywhere(tmp_path: Path) -> None:
    with stage("site.yml after the reset, all with CRI-O"):
        succeeded(playbook("site.yml", inventories=chosen(tmp_path, ALL)))
    assert set(runtimes().values()) == {"cri-o"}
    assert not machine("node2").service("containerd").is_running
    assert not machine("node2").service("containerd").is_enabled
    run = succeeded(playbook("site.yml", inventories=chosen(tmp_path, ALL)))
    assert set(run.changed.values()) == {0}, run.output


def test_another_oci_runtime_is_a_runtime_class(tmp_path: Path) -> None:
    """Where a machine has its program; a handler without one is nobody's."""
    command("node1", "ln -s /usr/local/sbin/machine-runc /usr/local/sbin/sandboxed")
    further = {"sandboxed": {"runtime_path": "/usr/local/sbin/sandboxed"}, "kata": {"runtime_path": "/usr/bin/none"}}
    inventories = chosen(tmp_path, ALL, crio_runtimes=further)
    succeeded(playbook("site.yml", *CLASS, "--tags", "preflight,crio", inventories=inventories))
    try:
        assert command("master", f"{KUBECTL} get runtimeclass -o name").split() == [
            "runtimeclass.node.k8s.io/sandboxed"]
        overrides = {"spec": {"runtimeClassName": "sandboxed", "nodeName": "node1"}}
        command("master", f"{KUBECTL} run boxed --image=registry.k8s.io/e2e-test-images/agnhost:2.63.0 --restart=Never "
                          f"--overrides='{json.dumps(overrides)}' -- pause")
        command("master", f"{KUBECTL} wait --for=condition=Ready pod/boxed --timeout=60s")
        run = succeeded(playbook("site.yml", *CLASS, inventories=inventories))
        assert set(run.changed.values()) == {0}, run.output
    finally:
        # The pod before the program, without which nobody can end it
        command("master", f"{KUBECTL} delete pod boxed --now --ignore-not-found")
        command("node1", "rm /usr/local/sbin/sandboxed")


def test_bare_is_what_was_before(tmp_path: Path) -> None:
    with stage("reset.yml, the class, to bare"):
        level = ("-e", "reset_level=bare")
        succeeded(playbook("reset.yml", *CLASS, *CONFIRMED, *level, inventories=chosen(tmp_path, ALL)))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    assert {name: sorted(lines ^ set(before[name])) for name, lines in all_prints(NODES).items()} == {
        name: [] for name in NODES
    }
    for name in NODES:
        for path in ("/etc/crio", "/etc/containers", "/var/lib/crio", "/var/lib/containers/storage"):
            assert not machine(name).file(path).exists, (name, path)
