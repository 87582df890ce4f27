# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.alike import Repeated, rows
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import Failure, Run, SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.text import errors

SEATS, MACHINES = 20, ("master", "node1", "node2")
ADDRESSES = {f"seat{seat:02}-{machine}": f"10.20.0.{seat * 10 + index}"
             for seat in range(1, SEATS + 1) for index, machine in enumerate(MACHINES)}


def a_class() -> Run:
    run = Run(clock=lambda: 0.0)
    for name in ADDRESSES:
        seat = name.split("-")[0]
        run.add(name, SeatPlacement(seat, "Anna" if seat == "seat01" else "", seat + "-master", True))
    run.add("utility", SeatPlacement("utility"))
    run.stage_begins("Preflight")
    return run


@pytest.mark.parametrize("text", [
    "The utility 10.20.0.2 is wrong.",
    "{machine} ({address}) of {seat} cannot be reached.",
    "{seat}-master, {seat}-node1: wrong.\n- {seat}-node2",
    "ssh: connect to host {address} port 22: timed out",
])
def test_a_mistake_of_the_whole_class_is_there_once(text: str) -> None:
    run = a_class()
    for name, address in ADDRESSES.items():
        task = "Check" if name.endswith("master") else "Reject"
        run.fails(Failure(name, task, text.format(machine=name, seat=name.split("-")[0], address=address)))
    (title, lines), *others = errors(run, ADDRESSES)
    assert others == []
    assert title.startswith("20 seats alike: seat01, seat02, ") and title.endswith(", seat20")
    first = text.format(machine="seat01-master", seat="seat01", address="10.20.0.10")
    heads = ["  master, Preflight: Check", "  node1, node2, Preflight: Reject"]
    assert lines == [*heads, *("    " + line for line in first.split("\n")), "  This is the error of seat01 (Anna)."]


@pytest.mark.parametrize(("first", "second"), [
    # Not the names of these hosts, but of others, and addresses that only begin alike
    ("seat02-master is wrong", "seat02-master is wrong too"),
    ("10.20.0.101 is wrong", "10.20.0.201 is wrong"),
    ("seat011 is wrong", "seat021 is wrong"),
    ("seat01-master.example.com", "seat02-node1.example.com"),
])
def test_different_errors_stay_apart(first: str, second: str) -> None:
    run = a_class()
    run.fails(Failure("seat01-master", "Check", first))
    run.fails(Failure("seat02-master", "Check", second))
    assert [title for title, _lines in errors(run, ADDRESSES)] == ["seat01 (Anna)", "seat02"]


def test_a_seat_with_an_error_of_its_own_has_that_as_well() -> None:
    run = a_class()
    for seat in ("seat01", "seat02"):
        run.fails(Failure(seat + "-node1", "Check", seat + " is wrong"))
    run.fails(Failure("seat02-node1", "Join", "broken"))
    run.fails(Failure("utility", "Check", "utility is full"))
    assert [title for title, _lines in errors(run, ADDRESSES)] == ["2 seats alike: seat01, seat02", "seat02", "utility"]


def test_the_table_has_a_mistake_of_several_seats_once() -> None:
    run = a_class()
    run.addresses.update(ADDRESSES)
    for seat in ("seat01", "seat02", "seat04"):
        run.fails(Failure(seat + "-node1", "Check", f"{seat}: the utility is wrong"))
    run.fails(Failure("seat03-node1", "Check", "the disk is full"))
    assert [row.detail for row in rows(run)[:5]] == [
        "node1: seat01: the utility is wrong", "node1: same as seat01", "node1: the disk is full",
        "node1: same as seat01", ""]


def test_a_delegated_task_names_the_host_that_carried_it_out() -> None:
    run = a_class()
    for seat in ("seat01", "seat02"):
        run.fails(Failure(seat + "-master", "Add network", "full", on="utility"))
    (_title, lines), = errors(run, ADDRESSES)
    assert lines[0] == "  master on utility, Preflight: Add network"


def test_while_a_run_goes_on_an_error_is_written_once() -> None:
    run, repeated = a_class(), Repeated()
    new = []
    for name in ADDRESSES:
        failure = run.fails(Failure(name, "Check", "{} is wrong".format(name.split("-")[0])))
        new.append(repeated.is_new(run.seat_of(name), failure, ADDRESSES))
    assert new == [True] + [False] * 59
    assert repeated.others() == ("The same on 59 other hosts: seat01-node1, seat01-node2, seat02-master, seat02-node1, "
                                 "seat02-node2, seat03-master and 53 more")
    assert repeated.others() == ""
    again = run.fails(Failure("seat05-node1", "Join", "seat05 is wrong"))
    assert not repeated.is_new(run.seat_of("seat05-node1"), again, ADDRESSES)
    assert repeated.others() == "The same on 1 other host: seat05-node1"
    # In another stage it is another error
    run.stage_begins("Machines")
    later = run.fails(Failure("seat05-node1", "Check", "seat05 is wrong"))
    assert repeated.is_new(run.seat_of("seat05-node1"), later, ADDRESSES)
