# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import (
    Finding,
    MachineReport,
    Report,
    ReportError,
    SeatReport,
    as_json,
    commands,
    counts,
    from_json,
    merged,
)

LEFT = Finding("residue", "interface", "cni0", "ip link", "it keeps an address")
NODE = MachineReport("seat01-node1", "10.0.0.2", "worker", "answers", "", (("kubelet", "1.36.3"),), (LEFT,), "day 1")
SEAT = SeatReport("seat01", "Łukasz", True, "ready", "", "v1.36.3", (NODE,), (("Machines", 12.5),), 12.5, "site.yml",
                  "day 1")
FIRST = Report("class", "day 1", "site.yml", False, 20.0, (SEAT,))


def second(*seats: SeatReport, check: bool = False) -> Report:
    return Report("class", "day 2", "site.yml", check, 1.0, seats)


def test_what_is_written_can_be_read() -> None:
    document = json.loads(json.dumps(as_json(FIRST)))
    assert document["format"] == 1 and document["counts"] == {"ready": 1}
    assert document["seats"][0]["stages"] == [{"stage": "Machines", "seconds": 12.5}]
    assert from_json(document) == FIRST


@pytest.mark.parametrize(("document", "found"), [
    ([], "not a report"),
    ({"a": 1}, "not a report"),
    ({**as_json(FIRST), "format": 2}, "format 2 of a report, while this version supports 1"),
    ({**as_json(FIRST), "seats": 3}, "parts missing or of another kind"),
    ({"format": 1}, "parts missing or of another kind"),
    ({**as_json(FIRST), "seats": [{**as_json(FIRST)["seats"][0], "why": ["x"]}]}, "expected a text, found"),
])
def test_what_is_no_report_is_said(document: Any, found: str) -> None:
    with pytest.raises(ReportError, match=found):
        from_json(document)


def test_the_first_report_has_no_changes() -> None:
    report = merged(None, second(replace(SEAT, state="")))
    assert report.changes == () and report.since == "" and report.seats[0].state == "unknown"


def test_nothing_changed() -> None:
    report = merged(FIRST, second(SEAT))
    assert report.changes == () and report.since == "day 1"


def test_a_run_of_one_seat_keeps_what_is_known_of_the_others() -> None:
    other = replace(SEAT, name="seat02")
    report = merged(replace(FIRST, seats=(SEAT, other)), second(replace(SEAT, state="stuck", why="x", seen="day 2")))
    assert [(seat.name, seat.state, seat.seen) for seat in report.seats] == [
        ("seat01", "stuck", "day 2"), ("seat02", "ready", "day 1")]
    assert counts(report) == {"stuck": 1, "ready": 1}


def test_a_run_that_says_nothing_of_a_seat_leaves_its_state_times_and_findings() -> None:
    node = replace(NODE, state="", findings=None, audited="", versions=(("containerd", "2.4.2"),), address="")
    report = merged(FIRST, second(SeatReport("seat01", machines=(node,)), check=True))
    seat = report.seats[0]
    assert (seat.state, seat.seen, seat.stages, seat.ran, seat.student) == (
        "ready", "day 1", (("Machines", 12.5),), "site.yml", "Łukasz")
    assert seat.machines[0].findings == (LEFT,) and seat.machines[0].audited == "day 1"
    assert dict(seat.machines[0].versions) == {"kubelet": "1.36.3", "containerd": "2.4.2"}
    assert seat.machines[0].address == "10.0.0.2" and seat.machines[0].state == "answers"


@pytest.mark.parametrize(("seat", "changes"), [
    (replace(SEAT, state="stuck", why="x"), ("seat01: stuck, was ready",)),
    (replace(SEAT, kubernetes="v1.36.4"), ("seat01: Kubernetes v1.36.4, was v1.36.3",)),
    (replace(SEAT, name="seat00"), ("seat00 is new: ready",)),
    (replace(SEAT, machines=(NODE, replace(NODE, name="new"))), ("seat01: new is new",)),
    (replace(SEAT, machines=(replace(NODE, versions=(("kubelet", "1.36.4"),)),)),
     ("seat01-node1: kubelet 1.36.4, was 1.36.3",)),
    (replace(SEAT, machines=(replace(NODE, findings=()),)), ("seat01-node1: no longer residue interface cni0",)),
    (replace(SEAT, machines=(replace(NODE, findings=(LEFT, replace(LEFT, subject="flannel.1"))),)),
     ("seat01-node1: found residue interface flannel.1",)),
    (replace(SEAT, machines=(replace(NODE, findings=None),)), ()),
    # A reset takes the version along, which is no other one
    (replace(SEAT, state="reset", kubernetes=""), ("seat01: reset, was ready",)),
])
def test_what_changed(seat: SeatReport, changes: tuple[str, ...]) -> None:
    assert merged(FIRST, second(seat)).changes == changes


STUCK_SEAT = SeatReport("seat01", state="stuck", stages=(("Hosts", 1.0),), retry="ansible-playbook renew.yml",
                        limit=("seat01-node1",))


@pytest.mark.parametrize(("latest", "expected"), [
    # report.yml knows a general command only, and one that it knows of no run
    (SeatReport("seat01", state="stuck", retry="ansible-playbook site.yml", limit=("seat01",)),
     ["ansible-playbook renew.yml --limit seat01-node1"]),
    (SeatReport("seat01", state=""), ["ansible-playbook renew.yml --limit seat01-node1"]),
    (replace(STUCK_SEAT, retry="ansible-playbook site.yml"), ["ansible-playbook site.yml --limit seat01-node1"]),
    (SeatReport("seat01", state="ready"), []),
    (SeatReport("seat02", state="stuck", stages=(("Hosts", 1.0),), retry="ansible-playbook renew.yml",
                limit=("seat02",)), ["ansible-playbook renew.yml --limit seat01-node1,seat02"]),
])
def test_the_command_that_repeats_what_failed(latest: SeatReport, expected: list[str]) -> None:
    former = Report("class", "day 1", "renew.yml", False, 1.0, (STUCK_SEAT,))
    found = merged(former, replace(former, seats=(latest,), written="day 2"))
    assert commands(found) == expected
    assert from_json(json.loads(json.dumps(as_json(found)))) == found


def test_a_report_of_an_earlier_version_has_no_command() -> None:
    document = json.loads(json.dumps(as_json(Report("class", "day 1", "site.yml", False, 1.0, (STUCK_SEAT,)))))
    del document["seats"][0]["retry"], document["seats"][0]["limit"]
    assert commands(from_json(document)) == []


def test_another_reason_is_a_change() -> None:
    stuck = replace(SEAT, state="stuck", why="a")
    report = merged(replace(FIRST, seats=(stuck,)), second(replace(stuck, why="b")))
    assert report.changes == ("seat01: stuck for another reason",)


def test_seats_are_in_the_order_of_their_numbers_and_the_utility_is_last() -> None:
    names = ["seat10", "seat2", "seat1"]
    report = merged(None, second(SeatReport("a-utility", cluster=False), *(SeatReport(name) for name in names)))
    assert [seat.name for seat in report.seats] == ["seat1", "seat2", "seat10", "a-utility"]


def test_the_control_plane_is_the_first_host_of_a_seat() -> None:
    machines = (replace(NODE, name="n10"), replace(NODE, name="n2"), replace(NODE, name="p", role="control plane"))
    report = merged(None, second(replace(SEAT, machines=machines)))
    assert [machine.name for machine in report.seats[0].machines] == ["p", "n2", "n10"]
