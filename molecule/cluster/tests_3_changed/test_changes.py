# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to a running cluster: labels and taints, the clock, and members that a run has to repair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.failures import beside
from tests.support.playbooks import Run, playbook
from tests.support.snapshots import machine

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
WORKERS = ("--limit", "node1,node2")
BOOTSTRAP = "/etc/kubernetes/bootstrap-kubelet.conf"


def command(name: str, words: str) -> str:
    return str(machine(name).check_output(words))


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def node(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("master", f"{KUBECTL} get node {name} -o json"))
    return found


# Labels and taints


def test_labels_and_taints_are_those_of_the_inventory(tmp_path: Path) -> None:
    """A label and a taint that the inventory no longer has are removed, those of other owners stay."""
    command("master", f"{KUBECTL} label node node2 example.com/own=kept && {KUBECTL} taint node node2 "
                      "example.com/own=kept:PreferNoSchedule")
    own = {"key": "example.com/own", "value": "kept", "effect": "PreferNoSchedule"}
    declared: tuple[tuple[dict[str, str], list[dict[str, str]]], ...] = (
        ({"example.com/disk": "fast", "example.com/rack": "a"},
         [{"key": "example.com/exam", "value": "yes", "effect": "NoSchedule"}]),
        ({"example.com/disk": "slow"}, []),
    )
    for labels, taints in declared:
        variables = {"node_metadata_labels": labels, "node_metadata_taints": taints}
        inventories = beside(
            tmp_path / "declared.yml", json.dumps({"all": {"hosts": {"node2": variables}}}))
        for changes in (1, 0):
            run = succeeded(playbook("site.yml", "--tags", "node_metadata", inventories=inventories))
            assert sum(run.changed.values()) == changes, run.output
        found = node("node2")
        expected = {**labels, "example.com/own": "kept"}
        assert {key: value for key, value in found["metadata"]["labels"].items()
                if key.startswith(("example.com/", "node-role"))} == expected
        assert sorted(found["spec"].get("taints", []), key=str) == sorted([own, *taints], key=str)
        assert node("node1")["spec"].get("taints", []) == []


# Decisions of the join

# For each worker: the command that provokes a decision (kubectl's on the control plane), the reason, the actions
Decisions = dict[str, tuple[str, str, tuple[str, ...]]]
RESTARTED: Decisions = {
    "node1": ("systemctl stop kubelet", "the cluster knows this host, but its kubelet does not answer",
              ("restart kubelet",)),
    "node2": (f"cp /etc/kubernetes/kubelet.conf {BOOTSTRAP}",
              "a join was interrupted after the kubelet had registered; the bootstrap token is still in " + BOOTSTRAP,
              ("remove credential", "restart kubelet", "wait for node")),
}
JOINED: Decisions = {
    "node1": (f"{KUBECTL} delete node node1", "the cluster trusts this host, but its Node node1 was deleted",
              ("reset", "join", "wait for node")),
    # By hand, which leaves bridge and subnet of the pod network: the next Node has another subnet
    "node2": ("kubeadm reset --force", "this host belongs to no cluster, but the pod network of a former one is left: "
              "/sys/class/net/cni0, /run/flannel/subnet.env", ("reset", "join", "wait for node")),
}


def provoke(decisions: Decisions, *arguments: str) -> None:
    """Run the commands, then the playbook, and find in its diff what it did on each worker and why."""
    for name, (words, _reason, _actions) in decisions.items():
        command("master" if words.startswith(KUBECTL) else name, words)
    run = succeeded(playbook("site.yml", *WORKERS, "--diff", *arguments))
    shown = [line.removeprefix("+") for line in run.output.splitlines() if line.startswith("+")]
    for name, (_words, reason, actions) in decisions.items():
        at = next((at for at, line in enumerate(shown) if line.startswith(f"worker {name}: ({reason}")), None)
        assert at is not None, f"{reason}\n{run.output}"
        found = [line.strip() for line in shown[at + 2: at + 2 + len(actions)]]
        assert found == [f"by: {action}" for action in actions], run.output
        assert machine(name).service("kubelet").is_running and not machine(name).file(BOOTSTRAP).exists


def test_a_member_whose_kubelet_is_down_or_has_a_token_left_is_restarted() -> None:
    provoke(RESTARTED, "--tags", "preflight,join")


def test_a_host_without_node_or_membership_joins_and_runs_pods() -> None:
    """With the verification of the playbook: pods run on both workers and reach each other."""
    provoke(JOINED)
    assert set(succeeded(playbook("site.yml", *WORKERS)).changed.values()) == {0}


# The clock


@pytest.fixture
def time_server() -> str:
    """Return the address of the utility, whose administrator has made it a time server of the class."""
    utility = machine("utility.example.com")
    utility.check_output(
        "apt-get -qq --yes install chrony && "
        # The stratum is that of a server without a source of its own, whose clock the class follows
        "printf 'local stratum 8\\nallow\\n' > /etc/chrony/conf.d/class.conf && systemctl restart chrony")
    return str(utility.ansible.get_variables()["ansible_host"])


def test_a_node_takes_the_time_of_the_utility(time_server: str) -> None:
    arguments = ("--limit", "node1", "--tags", "preflight,host", "-e", json.dumps({"host_time_servers": [time_server]}))
    run = succeeded(playbook("site.yml", *arguments))
    assert run.changed["node1"] > 0 and "does not respond" not in run.output, run.output
    node1 = machine("node1")
    # The clock is this machine's own: chrony follows the server and sets nothing
    assert " -x" in node1.check_output("ps -C chronyd -o args=")
    node1.check_output("chronyc waitsync 30 0 0 1")
    [selected] = [line.split(",") for line in node1.check_output("chronyc -n -c sources").splitlines()
                  if line.startswith("^,*,")]
    assert selected[2:4] == [time_server, "8"]
    tracking = node1.check_output("chronyc -n -c tracking").split(",")
    assert (tracking[1], tracking[2], tracking[-1]) == (time_server, "9", "Normal")
    assert succeeded(playbook("site.yml", *arguments)).changed == {"node1": 0}
