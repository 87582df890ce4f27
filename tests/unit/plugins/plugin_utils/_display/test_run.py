# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import (
    Failure,
    Row,
    Run,
    SeatPlacement,
    place_of,
    short,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(**more: Any) -> tuple[Run, Clock]:
    """Two seats of two machines and a utility, at the second of two stages after ten seconds."""
    clock = Clock()
    found = Run(total=2, clock=clock, **more)
    for seat in ("seat01", "seat02"):
        for machine in ("master", "node1"):
            found.add(f"{seat}-{machine}", SeatPlacement(seat, "Anna", seat + "-master", True))
    found.add("utility", SeatPlacement("utility"))
    found.stage_begins("Preflight")
    for machine in ("seat01-master", "seat01-node1", "utility"):
        found.machine_begins(machine)
    clock.now = 4.0
    for machine in ("seat01-master", "seat01-node1", "utility"):
        found.machine_ends(machine, changed=machine != "utility")
    clock.now = 10.0
    found.stage_begins("Machines")
    return found, clock


def row(found: Run, seat: str) -> Row:
    return next(each for each in found.rows() if each.seat == seat)


@pytest.mark.parametrize(("variables", "groups", "place"), [
    ({"seat_name": "seat01", "seat_student": "Łukasz", "cluster_control_plane": "m"}, ["seat01"],
     SeatPlacement("seat01", "Łukasz", "m", True)),
    ({"seat_name": "seat01", "cluster_name": "other", "cluster_machines": ["x", "y"]}, [],
     SeatPlacement("seat01", size=2)),
    ({"cluster_name": "lab"}, ["k8s_cluster", "workers"], SeatPlacement("lab")),
    ({"cluster_name": "lab"}, ["utility"], SeatPlacement("x")),
    ({}, ["control_plane"], SeatPlacement("kubernetes")),
    ({"cluster_name": "{{ name }}"}, ["workers"], SeatPlacement("kubernetes")),
    ({}, [], SeatPlacement("x")),
])
def test_the_seat_of_a_host(variables: dict[str, Any], groups: list[str], place: SeatPlacement) -> None:
    assert place_of("x", variables, groups) == place


def test_who_waits_and_who_works() -> None:
    found, clock = run()
    assert [each.state for each in found.rows()] == ["waiting", "waiting", "waiting"]
    found.machine_begins("seat01-master")
    clock.now = 12.0
    assert row(found, "seat01") == Row("seat01", "Anna", "Machines", 2, 2, 12.0, "working", "master")
    assert row(found, "seat02") == Row("seat02", "Anna", "", 0, 2, 0.0, "waiting", "")
    assert row(found, "utility") == Row("utility", "", "Preflight", 1, 2, 4.0, "waiting", "")


def test_a_seat_stands_where_it_got_stuck_though_its_other_hosts_go_on() -> None:
    found, _clock = run()
    failure = found.fails(Failure("seat01-node1", "Packages", "Wanted x,\nfound y."))
    assert (failure.stage, failure.number) == ("Machines", 2)
    found.stage_begins("Proof")
    found.machine_begins("seat01-master")
    stuck = row(found, "seat01")
    assert (stuck.stage, stuck.number, stuck.state, stuck.detail) == ("Machines", 2, "stuck", "node1: Wanted x,")


@pytest.mark.parametrize(("text", "detail"), [
    ("The disk is full.\nMore.", "node1: The disk is full."),
    ("seat01-node1 cannot become a worker: wrong.", "node1 cannot become a worker: wrong."),
    ("seat01-node10 is another host.", "node1: seat01-node10 is another host."),
])
def test_the_reason_in_one_line(text: str, detail: str) -> None:
    found, _clock = run()
    found.fails(Failure("seat01-node1", "x", text))
    assert row(found, "seat01").detail == detail


def test_what_only_waits_is_not_the_reason() -> None:
    found, _clock = run()
    found.fails(Failure("seat01-node1", "Join", "no control plane", waits=True))
    found.fails(Failure("seat01-master", "Init", "broken", unreachable=True))
    assert row(found, "seat01").state == "unreachable" and row(found, "seat01").detail == "master: broken"


@pytest.mark.parametrize(("check", "verified", "failed", "state"), [
    (False, True, False, "ready"), (False, False, False, "done"), (True, True, False, "checked"),
    (False, True, True, "stuck"),
    # A failure that a rescue section took care of
    (False, True, None, "ready"),
])
def test_how_a_seat_ends(check: bool, verified: bool, failed: bool | None, state: str) -> None:
    found, clock = run(check=check)
    found.machine_begins("seat01-master")
    clock.now = 15.0
    found.machine_ends("seat01-master", verified=verified)
    if failed is not False:
        found.fails(Failure("seat01-node1", "x", "y"))
    found.ends(lambda machine: bool(failed))
    assert row(found, "seat01").state == state
    assert row(found, "seat01").seconds == 15.0
    assert row(found, "seat02").state == "waiting"
    assert found.seats["seat01"].stages == {"Preflight": 4.0, "Machines": 5.0}
    assert found.seats["seat01"].changed == 2


def test_what_a_play_only_wanted_to_know_is_shown_all_the_same() -> None:
    found, _clock = run()
    found.fails(Failure("seat01-master", "Proof", "not ready", tolerated=True))
    found.ends(lambda machine: False)
    assert row(found, "seat01").state == "stuck" and len(found.failures) == 1


@pytest.mark.parametrize(("settled", "size", "state"), [
    (("master", "node1"), 2, "ready"), (("master",), 2, "done"), ((), 0, "done"),
    # A run of a part of the seat says nothing of the rest
    (("master", "node1"), 3, "done"),
])
def test_a_seat_in_which_nothing_was_to_do_is_ready(settled: tuple[str, ...], size: int, state: str) -> None:
    found = Run()
    found.stage_begins("Workers")
    for machine in ("master", "node1"):
        found.add(machine, SeatPlacement("seat01", size=size))
        found.machine_begins(machine)
        found.machine_ends(machine, settled=machine in settled)
    found.ends(lambda machine: False)
    assert row(found, "seat01").state == state


@pytest.mark.parametrize(("machine", "shown"), [
    ("seat01-node1", "node1"), ("seat01.example.com", "example.com"), ("seat011", "seat011"), ("master", "master")])
def test_short_names(machine: str, shown: str) -> None:
    assert short(machine, "seat01") == shown
