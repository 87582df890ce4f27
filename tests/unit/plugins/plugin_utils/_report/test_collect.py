# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import Failure, SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.collect import (
    REGISTERED,
    Watched,
    kept,
    seat_reports,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import Report, SeatReport, merged

PLACE = SeatPlacement("seat01", "Anna", "m")
NODES = [{"name": "n", "role": "worker", "version": "v1.36.3"},
         {"name": "m", "role": "control-plane", "version": "v1.36.4"}]
AUDITED: dict[str, Any] = {
    "cluster": "worker", "residue": [], "hygiene": [], "identity": {
        "container": False, "machine_id": "", "product_uuid": "", "mac_addresses": {}, "ssh_host_keys": {}}}


def seat(master: dict[str, Any], node: dict[str, Any], *failures: Failure, check: bool = False) -> SeatReport:
    machines = [
        Watched(name, PLACE, "10.0.0.1", results, tuple(each for each in failures if each.machine == name))
        for name, results in (("m", master), ("n", node))]
    stages = {"seat01": {"Machines": 2.0, "Proof": 3.0}}
    (found,) = seat_reports(machines, "now", check=check, ran="site.yml", stages=stages)
    return found


@pytest.mark.parametrize(("master", "node", "check", "state", "why"), [
    # Proven, in a real run and by questions alone
    ({"verify_result": {"nodes": NODES}}, {}, False, "ready", ""),
    ({"verify_result": {"nodes": NODES}}, {}, True, "ready", ""),
    ({"verify_result": {"failed": True, "msg": "n: not ready"}}, {}, True, "stuck", "n: not ready"),
    ({"verify_result": {"unreachable": True, "msg": "no route"}}, {}, True, "stuck", "no route"),
    # Nothing to do is found by reading every machine; the proof is left out then
    ({"control_plane_result": {"decision": "none"}}, {"worker_membership": {"decision": "none"}}, False, "ready", ""),
    ({"control_plane_result": {"decision": "none"}}, {"worker_membership": {"decision": "none"}}, True, "", ""),
    ({"control_plane_result": {"decision": "none"}}, {"worker_membership": {"decision": "start"}}, False, "", ""),
    ({"verify_result": {"nodes": [*NODES, {"name": "x", "ready": False}]}}, {}, False,
     "stuck", "Nodes that are not ready: x"),
    ({"verify_result": {"nodes": []}}, {}, True, "", ""),
    ({"reset_result": {"level": "bare"}}, {"reset_result": {"level": "bare"}}, False,
     "reset", "reset to bare"),
    ({"reset_result": {"level": "bare"}}, {}, True, "", ""),
    # Reset and installed again in one run, whose verification was left out
    ({"reset_result": {"level": "prepared"}, "control_plane_result": {"decision": "init"}},
     {"reset_result": {"level": "prepared"}, "worker_membership": {"decision": "join"}}, False, "", ""),
    ({"audit_result": {**AUDITED, "cluster": "none"}}, {"audit_result": {**AUDITED, "cluster": "none"}}, True,
     "no cluster", ""),
    ({"audit_result": {**AUDITED, "cluster": "none"}}, {"audit_result": AUDITED}, True, "", ""),
    ({"verify_result": {"nodes": NODES}}, {"audit_result": {"unreachable": True, "msg": "no route"}}, True,
     "unreachable", "n was not reached: no route"),
    ({}, {}, False, "", ""),
])
def test_states(master: dict[str, Any], node: dict[str, Any], check: bool, state: str, why: str) -> None:
    found = seat(master, node, check=check)
    assert (found.state, found.why, found.seen) == (state, why, "now" if state else "")
    assert (found.student, found.cluster) == ("Anna", True)
    assert (found.stages, found.seconds) == (((), 0.0) if check else ((("Machines", 2.0), ("Proof", 3.0)), 5.0))


def test_a_failure_outweighs_a_proof_and_what_waits_is_not_the_reason() -> None:
    found = seat({"verify_result": {"nodes": NODES}}, {},
                 Failure("n", "Join", "no control plane", waits=True, stage="Workers"),
                 Failure("m", "Init", "broken", stage="Control plane"))
    assert (found.state, found.why) == ("stuck", "m (10.0.0.1), Control plane, Init: broken")
    assert [machine.state for machine in found.machines] == ["stuck", "stuck"]
    assert seat({}, {}, Failure("n", "x", "y", True)).state == "unreachable"


@pytest.mark.parametrize(("orders", "first"), [((1, 2), "m"), ((2, 1), "n")])
def test_the_reason_is_the_first_failure_in_time_and_not_that_of_the_first_host(
    orders: tuple[int, int], first: str,
) -> None:
    failures = [Failure(name, "Task", "broken", stage="Hosts", order=order)
                for name, order in zip("mn", orders, strict=True)]
    assert seat({}, {}, *failures).why == f"{first} (10.0.0.1), Hosts, Task: broken"
    # And that of each host
    later = Failure("m", "Later", "also broken", stage="Hosts", order=3)
    assert seat({}, {}, later, *failures).machines[0].why == "m (10.0.0.1), Hosts, Task: broken"


def test_a_delegated_task_names_the_host_that_carried_it_out() -> None:
    """Its address is not that of the host for which the task ran."""
    assert seat({}, {}, Failure("m", "Task", "full", stage="Hosts", on="utility")).why == (
        "m on utility, Hosts, Task: full")


def test_a_stuck_seat_has_the_command_that_repeats_what_failed() -> None:
    machines = [Watched("m", PLACE, "10.0.0.1", {}, (Failure("m", "x", "y"),)), Watched("u", SeatPlacement("u"))]
    stuck, other = seat_reports(machines, "now", retry=lambda name: ("ansible-playbook site.yml", [name]))
    assert (stuck.retry, stuck.limit) == ("ansible-playbook site.yml", ("seat01",))
    assert (other.retry, other.limit) == ("", ())


def test_a_failed_prediction_says_nothing_of_the_cluster() -> None:
    assert seat({}, {}, Failure("n", "x", "y"), check=True).state == ""


def test_versions_and_roles() -> None:
    found = seat({"kubernetes_result": {"versions": {"kubelet": "1.36.3-1", "kubectl": ""}},
                  "verify_result": {"nodes": NODES}},
                 {"containerd_result": {"versions": {"containerd": "2.4.2"}}})
    assert found.kubernetes == "v1.36.4"
    assert [(machine.role, machine.versions) for machine in found.machines] == [
        ("control plane", (("kubelet", "1.36.3-1"),)), ("worker", (("containerd", "2.4.2"),))]


def test_changes_are_drift_only_where_they_were_looked_for() -> None:
    prepared = {"host_result": {"changes": ["file /etc/hosts: other names"]},
                "kubernetes_result": {"changes": [], "versions": {"kubelet": "1"}}}
    found = seat({**prepared, "audit_result": AUDITED}, prepared)
    audited, installed = found.machines
    assert audited.findings is not None and [each.subject for each in audited.findings] == ["/etc/hosts"]
    assert audited.audited == "now"
    assert installed.findings is None and installed.audited == ""


@pytest.mark.parametrize(("contacted", "state"), [(True, "answers"), (False, "")])
def test_what_stands_for_itself_is_no_cluster_and_answers_only_if_it_was_contacted(contacted: bool, state: str) -> None:
    (found,) = seat_reports([Watched("utility", SeatPlacement("utility"), contacted=contacted)], "now")
    assert (found.cluster, found.state, found.machines[0].role) == (False, state, "")
    assert (found.machines[0].state, found.seen) == (state, "now" if state else "")
    assert found.machines[0].seen == found.seen
    # Nothing is known of it, unless an earlier report knows something
    run = Report("class", "now", "site.yml", False, 1.0, (found,))
    assert merged(None, run).seats[0].state == merged(None, run).seats[0].machines[0].state == (state or "unknown")
    known = replace(run, seats=(replace(found, state="stuck", machines=(replace(found.machines[0], state="stuck"),)),))
    assert merged(known, run).seats[0].state == (state or "stuck")


ODD: list[Any] = [
    None, 5, "x", ["x"], [["x"]], {"x": 1}, {"x": {"y": []}}, [{"kind": 1}], [None], True, [{"name": ["x"]}], 1e309]


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("name", [
    "residue", "hygiene", "identity", "cluster", "changes", "findings", "versions", "version", "nodes", "level",
    "decision", "msg", "failed", "unreachable", "skipped", "changed"])
def test_a_value_of_another_type_costs_no_host_the_report(name: str, value: Any) -> None:
    answer = kept({**AUDITED, "nodes": NODES, name: value})
    places = [Watched("bad", SeatPlacement("s1", "", "bad"), "", dict.fromkeys(REGISTERED, answer)),
              Watched("good", SeatPlacement("s2", "", "good"), "", {"verify_result": {"nodes": NODES}})]
    found = {seat.name: seat.state for seat in seat_reports(places, "now")}
    assert found["s2"] == "ready"


@pytest.mark.parametrize(("result", "shown"), [
    ({"msg": "x", "secret": "hunter2", "versions": {}}, {"msg": "x", "versions": {}, "failed": True}),
    ({"censored": "x", "versions": {"a": "hunter2"}, "msg": "hunter2"},
     {"failed": True, "msg": "What it said is hidden, since the task handles a secret (no_log)."}),
])
def test_only_what_is_read_is_kept(result: dict[str, Any], shown: dict[str, Any]) -> None:
    assert kept(result, failed=True) == shown
