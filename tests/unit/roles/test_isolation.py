# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who acts for a cluster and who stops with it, of several in one run, as the roles' own variables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[3] / "roles"
ENDING = ("firewall", "pod_network", "crio", "verify", "control_plane")
FILES = [
    f"{role}/{kind}" for role in ("cluster", "preflight", "reset", *ENDING) for kind in ("defaults", "vars")
    if (ROLES / role / kind).is_dir()
]
SEATS = {"s1": ["s1-master", "s1-node1", "s1-node2"], "s2": ["s2-master", "s2-node1"]}
MACHINES = [machine for seat in SEATS.values() for machine in seat]
ALL = [*MACHINES, "utility"]


def value(words: str, host: str, run: list[str], failed: tuple[str, ...] = (), **given: Any) -> Any:
    """An expression on a machine of a class, in a run with these machines of which some have failed."""
    variables: dict[str, Any] = {
        "inventory_hostname": host, "groups": {
            "k8s_cluster": MACHINES, "control_plane": ["s1-master", "s2-master"], "utility": ["utility"]},
        "ansible_play_hosts_all": run, "ansible_play_hosts": [name for name in run if name not in failed],
        "hostvars": {name: {} for name in ALL},
    }
    seat = SEATS.get(host.split("-")[0])
    if seat:
        variables.update(cluster_machines=seat, cluster_control_plane=seat[0])
    variables.update(given)
    loader = DataLoader()
    for name in FILES:
        known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
        variables.update({key: text for key, text in known.items() if key not in variables})
    return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {words} }}}}"))


@pytest.mark.parametrize(("host", "run", "failed", "speaker", "members", "left_out"), [
    ("s1-node1", ALL, (), "s1-master", SEATS["s1"], []),
    ("s2-node1", ALL, ("s1-master",), "s2-master", SEATS["s2"], []),
    ("s1-node1", ALL, ("s1-master",), "s1-node1", ["s1-node1", "s1-node2"], ["s1-master"]),
    ("s1-node2", ALL, ("s1-node1",), "s1-master", ["s1-master", "s1-node2"], ["s1-node1"]),
    ("s1-node2", ["s1-node2", "s2-master"], (), "s1-node2", ["s1-node2"], []),
    ("s1-node2", ["s1-node2"], ("s1-node2",), "", [], ["s1-node2"]),
    ("utility", ALL, tuple(MACHINES), "utility", ["utility"], []),
], ids=["all", "another's", "no control plane", "a worker", "limit", "nobody", "utility"])
def test_one_of_a_cluster_acts_for_those_that_are_left(
    host: str, run: list[str], failed: tuple[str, ...], speaker: str, members: list[str], left_out: list[str]
) -> None:
    assert value("_cluster_delegate_host", host, run, failed) == speaker
    assert value("_cluster_members", host, run, failed) == members
    assert value("_cluster_failed", host, run, failed) == left_out


def judged(host: str) -> dict[str, Any]:
    """A machine that has found its cluster wrong, and others that failed without a word about theirs."""
    found: dict[str, Any] = {name: {"__cluster_check_result": {"failed": False}} for name in ("s1-master", "s2-master")}
    failed = {"__cluster_check_result": {"failed": True, "msg": "Wanted so."}}
    return {**{name: {} for name in ALL}, **found, host: failed}


@pytest.mark.parametrize(("host", "by", "failed", "words"), [
    ("s1-node1", "s1-master", ("s1-master",), "Wanted so."),
    ("s2-node1", "s1-master", ("s1-master",), ""),
    ("s2-node1", "s1-master", ("s1-master", "s2-master"), ""),
    ("s2-node1", "utility", ("utility",), "Wanted so."),
], ids=["its own", "another's", "otherwise", "utility"])
def test_a_refusal_is_for_all_whom_it_concerns(host: str, by: str, failed: tuple[str, ...], words: str) -> None:
    assert value("_cluster_failure_msg", host, ALL, failed, hostvars=judged(by)) == words


@pytest.mark.parametrize("wrong", ["{{ nowhere }}", "{{ {}.a.b }}"])
def test_a_variable_without_a_value_is_for_the_task_that_needs_it(wrong: str) -> None:
    """What decides whether a role goes on is evaluated outside of tasks, where an error would end everybody's run."""
    for name in ("cluster_machines", "cluster_control_plane", "cluster_utility", "cluster_packages_from"):
        given = {name: trust_as_template(wrong)}
        own = ["s1-node1"] if name == "cluster_machines" else SEATS["s1"]
        assert value("_cluster_members", "s1-node1", ALL, **given) == own
        assert value("_cluster_delegate_host", "s1-node1", ALL, **given) in own
        assert value("_cluster_failure_msg", "s1-node1", ALL, ("s2-master",), **given) == ""
    given = {"cluster_internal_network": trust_as_template(wrong)}
    assert value("_cluster_networks | default('?')", "s1-node1", ALL, **given) == "?"


@pytest.mark.parametrize(("validated", "roles", "again"), [
    (None, ["cluster"], True),
    (["cluster", "host"], ["cluster"], False),
    (["cluster", "host"], ["host", "cluster"], False),
    (["cluster", "host"], ["cluster", "reset"], True),
])
def test_variables_are_validated_once_in_a_run(validated: list[str] | None, roles: list[str], again: bool) -> None:
    given: dict[str, Any] = {"_cluster_validated_roles": roles}
    if validated is not None:
        given["__cluster_variables_result"] = {"roles": validated}
    assert value("_cluster_variables_validated", "s1-master", ALL, **given) is not again


def test_invalid_variables_are_reported_by_all_hosts_of_the_cluster() -> None:
    found = {**{name: {} for name in ALL}, "s1-master": {"__cluster_variables_result": {"failed": True, "msg": "No."}}}
    for host, message in (("s1-node1", "No."), ("s2-node1", "")):
        assert value("_cluster_failure_msg", host, ALL, ("s1-master",), hostvars=found) == message


def conditions(role: str) -> dict[str, str]:
    """By the name of the task, the conditions under which a role ends early."""
    found = {}
    for path in sorted((ROLES / role / "tasks").glob("*.yml")):
        for task in yaml.safe_load(path.read_text(encoding="utf-8")):
            if task.get("ansible.builtin.meta") == "end_role":
                found[task["name"]] = task["when"]
    return found


@pytest.mark.parametrize(("role", "name"), [
    ("firewall", "firewall_state"), ("pod_network", "pod_network_preload"), ("crio", "crio_oci_runtime"),
    ("verify", "verify_unchanged"), ("control_plane", "control_plane_kubeconfig"),
])
def test_a_role_goes_on_with_a_variable_without_a_value_up_to_the_task_that_fails(role: str, name: str) -> None:
    given: dict[str, Any] = {
        name: trust_as_template("{{ nowhere }}"), "kubernetes_result": {"changed": True},
        "ansible_check_mode": False, "control_plane_result": {"changed": False},
        "hostvars": {machine: {"_crio_runtimes_found": ["kata"]} for machine in ALL},
    }
    ends = conditions(role)
    assert ends
    for title, condition in ends.items():
        assert value(condition, "s1-master", ALL, **given) in (False, True), title


@pytest.mark.parametrize(("host", "run", "failed", "wanted"), [
    ("s1-master", ALL, (), True),
    ("utility", ALL, (), True),
    ("utility", ALL, tuple(SEATS["s1"]), True),
    ("utility", ALL, tuple(MACHINES), False),
    ("utility", ["utility"], (), True),
])
def test_a_utility_is_left_alone_without_hosts_to_serve(
    host: str, run: list[str], failed: tuple[str, ...], wanted: bool
) -> None:
    assert value("_preflight_required", host, run, failed) is wanted


@pytest.mark.parametrize(("host", "run", "left"), [
    ("s1-master", ALL, []),
    ("s1-master", ["s1-master", "s1-node1"], ["s1-node2"]),
    ("s1-node1", ["s1-master", "s1-node1"], ["s1-node2"]),
    ("s2-master", ["s1-master", *SEATS["s2"]], []),
    ("s1-node1", ["s1-node1"], []),
], ids=["all", "control plane", "worker beside it", "another seat", "worker alone"])
def test_all_of_a_seat_stop_for_workers_that_would_be_left(host: str, run: list[str], left: list[str]) -> None:
    assert value("_reset_orphaned_workers", host, run) == left


@pytest.mark.parametrize(("host", "changed"), [("s1-master", True), ("s2-master", False)])
def test_what_changed_in_one_cluster_is_not_proved_in_another(host: str, changed: bool) -> None:
    facts = {**{name: {} for name in ALL}, "s1-node2": {"kubernetes_result": {"changed": True}}}
    assert value("_verify_changed", host, ALL, hostvars=facts) is changed
