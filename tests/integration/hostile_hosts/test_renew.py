# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""renew.yml on fake hosts: which hosts are reset and installed, and what the run advises when some of them fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.hostile_hosts.attacks import Attack
from tests.integration.hostile_hosts.runs import Controller, Outcome

CONFIRMED = ("-e", "reset_confirm=true")
BROKEN = {"failed": True, "msg": "The disk is full."}
# Seats 3 and 4: one cannot be reset, one is reset and cannot be installed
FAILING = (
    Attack("no-reset", [{"modules": ["kubeadm_reset"], "set": BROKEN}]),
    Attack("no-init", [{"modules": ["kubeadm_init"], "set": BROKEN}], machines=("master", "node1")),
)
HOSTS = ("seat01-master", "seat01-node1", "seat02-master", "seat03-master", "seat04-master", "seat04-node1")
READING = {"host_interfaces"}


def modules(outcome: Outcome, host: str) -> list[str]:
    """The modules that a host was asked for, in their order."""
    return [event["module"] for event in outcome.received if event["host"] == host and "module" in event]


def renewed(tree: Path, *arguments: str) -> Outcome:
    controller = Controller(tree)
    students = controller.work / "kubeconfig" / "students"
    students.mkdir()
    for seat in ("seat01", "seat02"):
        (students / f"{seat}-student.conf").write_text("of a former cluster\n", encoding="utf-8")
    return controller.run("renew.yml", FAILING, *arguments)


@pytest.fixture(scope="module", name="outcome")
def _outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return renewed(tmp_path_factory.mktemp("renew"), *CONFIRMED)


def test_each_host_is_reset_before_it_is_installed(outcome: Outcome) -> None:
    for host in ("seat01-master", "seat01-node1", "seat02-master"):
        assert not outcome.stats[host]["failures"], outcome.output
        asked = modules(outcome, host)
        assert asked.count("kubeadm_reset") == 1
        before = set(asked[:asked.index("kubeadm_reset")])
        assert before <= READING and {"kubeadm_init", "kubeadm_join"} & set(asked)


def test_nothing_is_validated_twice(outcome: Outcome) -> None:
    for task in ("Validate role variables of the cluster", "Gather host interfaces",
                 "Check reported addresses against those of all other hosts",
                 "Validate cluster definition of the inventory"):
        done = [line["host"] for line in outcome.results if line["task"].endswith(task) and line["state"] == "ok"]
        assert done and sorted(done) == sorted(set(done)), task


def test_a_host_whose_reset_failed_is_not_installed(outcome: Outcome) -> None:
    assert modules(outcome, "seat03-master")[-1] == "kubeadm_reset"
    said = " ".join(outcome.output.split())
    assert "seat03-master: NOT RESET, or not completely: The disk is full." in said
    assert "Hosts that were not reset are not installed in this run." in said


def test_the_commands_repeat_the_reset_only_where_it_is_missing(outcome: Outcome) -> None:
    first = outcome.output.split("Again for what failed:\n")[1].split("\n")[0]
    assert "/playbooks/renew.yml" in first and first.endswith("--limit seat03")
    second = outcome.output.split("Again for what failed after its reset:\n")[1].split("\n")[0]
    assert "/playbooks/site.yml" in second and second.endswith("--limit seat04")


def test_new_kubeconfigs_of_students_are_advised(outcome: Outcome) -> None:
    said = " ".join(outcome.output.split())
    assert "removed with their clusters: 2. To create new ones, after the installation: ansible-playbook" in said
    assert not list((outcome.work / "kubeconfig" / "students").iterdir())


@pytest.mark.parametrize(("arguments", "message"), [
    ((), "was not confirmed: expected 'yes', found no answer"),
    ((*CONFIRMED, "--limit", "utility"),
     "No host can be renewed: expected hosts of the group k8s_cluster in this run, found utility.example.com."),
    ((*CONFIRMED, "--limit", "seat01-master"),
     "The reset of seat01-master would leave workers without a control plane"),
    # Of a role that runs long after the reset
    ((*CONFIRMED, "-e", "pod_network_preload=perhaps"), "argument 'pod_network_preload' is of type str"),
    ((*CONFIRMED, "-e", "cluster_pod_subnet=10.20.0.0/16"), "The declaration of the cluster has"),
    ((*CONFIRMED, "-e", "reset_level=wiped"), "value of reset_level must be one of: prepared, bare, got: wiped"),
], ids=["declined", "utility", "control plane", "variable", "definition", "level"])
def test_a_rejected_renewal_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    outcome = renewed(tmp_path, *arguments)
    assert outcome.status != 0 and message in " ".join(outcome.output.split())
    assert {name for host in (*HOSTS, "utility.example.com") for name in modules(outcome, host)} <= READING
    assert [path for path in outcome.changed if path.startswith("work/kubeconfig")] == []


def test_check_mode_predicts_the_reset_only(tmp_path: Path) -> None:
    outcome = renewed(tmp_path, "--check", "--limit", "seat01")
    assert outcome.status == 0, outcome.output
    assert {name for host in HOSTS for name in modules(outcome, host)} <= READING | {"kubeadm_reset"}
    assert "would be reset" in outcome.output
    assert "The installation is not predicted, because it depends on the reset." in " ".join(outcome.output.split())
    assert (outcome.work / "kubeconfig" / "students" / "seat01-student.conf").exists()
