# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import Failure, Row, Run, SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.text import (
    CENSORED,
    SILENT,
    at_once,
    cut,
    duration,
    errors,
    failure_text,
    padded,
    plain,
    summary,
    table,
    width,
    wrapped,
)

NAMES = ["Anna Müller", "王小明", "Łukasz Żak", "Zoe\u0301 A\u030angström", "นภา", "👩 Emoji", ""]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("text", "columns"), [
    ("abc", 3), ("Müller", 6), ("王小明", 6), ("e\u0301", 1), ("\uff21", 2), ("\u200b", 0)])
def test_widths(text: str, columns: int) -> None:
    assert width(text) == columns
    assert width(padded(text, 10)) == 10


@pytest.mark.parametrize(("text", "columns", "shown"), [
    ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("王小明", 5, "王小…"), ("王小明", 4, "王…"), ("王小明", 6, "王小明")])
def test_cutting_never_halves_a_letter(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) == shown


@pytest.mark.parametrize("students", [True, False])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_plain_table_is_aligned_and_fits(columns: int, students: bool) -> None:
    rows = [Row(f"seat{number:02}", name * 2, "Labels and taints", 6, 7, 3700, "unreachable", "")
            for number, name in enumerate(NAMES)]
    lines = table(rows, students, columns)
    assert all(width(line) <= columns for line in lines)
    # The state is what a person looks for, and stands in the same column everywhere
    places = {width(line[:line.index("unreachable")]) for line in lines[1:]}
    assert len(places) == 1
    assert lines[0].split()[-2:] == ["time", "state"]
    assert ("student" in lines[0]) == students


def test_names_do_not_steer_the_terminal() -> None:
    assert plain("A\x1b[31mB\nC\tD\x07") == "A [31mB C D"


@pytest.mark.parametrize(("result", "text"), [
    ({"msg": "Wanted a,\nfound b."}, "Wanted a,\nfound b."),
    ({"msg": "non-zero return code", "rc": 1, "cmd": ["a", "b"], "stderr": "no\nspace", "stdout": ""},
     "non-zero return code\ncmd: [a, b]\nrc: 1\nstderr:\n  no\n  space"),
    ({"msg": "no space", "stderr": "no space"}, "no space"),
    ({"msg": {"a": 1}}, "{a: 1}"),
    ({"msg": "red \x1b[31mink"}, "red [31mink"),
    ({"msg": "Wanted a.", "assertion": "a is defined"}, "Wanted a."),
    ({"msg": "Assertion failed", "assertion": "a is defined"}, "Assertion failed\nassertion: a is defined"),
    ({}, SILENT),
    ({"failed_when_result": True, "rc": 0}, "The task counts this as a failure (failed_when)."),
    ({"censored": "hidden", "msg": "hunter2"}, CENSORED),
    ({"_ansible_no_log": True, "msg": "hunter2"}, CENSORED),
    ({"msg": "One or more items failed", "results": [
        {"item": "a", "msg": "fine"}, {"item": "b", "failed": True, "msg": "bad"},
        {"item": {"password": "hunter2"}, "_ansible_item_label": "c", "failed": True, "msg": "worse"}]},
     "b: bad\nc: worse"),
    ({"results": [{"item": "hunter2", "failed": True, "_ansible_no_log": True, "msg": "hunter2"}]}, CENSORED),
])
def test_what_a_failure_says(result: dict[str, Any], text: str) -> None:
    assert failure_text(result) == text


def finished(check: bool = False) -> Run:
    run = Run(total=1, check=check, clock=lambda: 0.0)
    for seat, student in (("seat01", "王小明"), ("seat02", "")):
        for machine in ("master", "node1", "node2"):
            run.add(f"{seat}-{machine}", SeatPlacement(seat, student, seat + "-master", True))
    run.add("utility", SeatPlacement("utility"))
    run.stage_begins("Machines")
    for seat in ("seat01", "seat02"):
        for machine in ("master", "node1", "node2"):
            run.machine_begins(f"{seat}-{machine}")
            run.machine_ends(f"{seat}-{machine}", changed=True)
    for machine in ("seat01-node1", "seat01-node2"):
        run.fails(Failure(machine, "Packages", "Wanted x,\nfound y."))
    run.fails(Failure("seat01-master", "Ping", "no route", unreachable=True))
    run.ends(lambda machine: True)
    return run


def test_errors_are_grouped_by_seat_and_said_once() -> None:
    assert errors(finished()) == [("seat01 (王小明)", [
        "  seat01-node1, seat01-node2, Machines: Packages", "    Wanted x,", "    found y.",
        "  seat01-master, Machines: Ping", "    no route"])]


@pytest.mark.parametrize(("line", "lines"), [
    ("    one two three", ["    one two", "    three"]),
    ("  a-very-long-address", ["  a-very-long-address"]),
    ("  王小明 王小明", ["  王小明", "  王小明"]),
    ("", [""]), ("  x", ["  x"]),
])
def test_lines_end_at_a_blank(line: str, lines: list[str]) -> None:
    assert wrapped([line], 12) == lines


@pytest.mark.parametrize(("check", "text"), [
    (False, "2 seats: 1 done, 1 stuck; 6 changes; 0:00"),
    (True, "2 seats: 1 checked, 1 stuck; 6 changes; 0:00. Check mode: nothing was changed"),
])
def test_the_last_line(check: bool, text: str) -> None:
    assert summary(finished(check)) == text


def test_hosts_count_where_there_are_no_seats() -> None:
    run = Run(clock=lambda: 0.0)
    run.add("localhost", SeatPlacement("localhost"))
    assert summary(run) == "1 machine: 1 waiting; 0 changes; 0:00"


@pytest.mark.parametrize(("unreachable", "waits", "verb"), [
    (False, False, "failed"), (True, False, "was not reached"), (False, True, "waits")])
def test_a_failure_in_one_line(unreachable: bool, waits: bool, verb: str) -> None:
    run = Run(clock=lambda: 0.0)
    run.add("m", SeatPlacement("s", "Ann"))
    run.stage_begins("Machines")
    failure = run.fails(Failure("m", "Packages", "bad\nmore", unreachable, waits=waits))
    assert at_once(run.seats["s"], failure) == f"s (Ann): m {verb} at Machines, Packages: bad"
