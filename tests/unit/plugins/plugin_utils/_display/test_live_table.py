# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.live_table import (
    STYLES,
    chosen,
    frame,
    seat_table,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import URGENCY, Row, Run, SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.text import width

NAMES = ["Anna Müller", "王小明 (Wáng Xiǎomíng)", "Łukasz Żak", "นภา", "[bold]x[/bold] :smile:"]


def rows() -> list[Row]:
    return [
        Row(f"seat{number:02}", NAMES[number % len(NAMES)], "Labels and taints", 6, 7, 61, state, "node1: y")
        for number, state in enumerate(URGENCY)]


def drawn(columns: int, colour: bool, students: bool = True) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=columns, no_color=not colour, color_system="standard",
                      highlight=False, markup=False, emoji=False)
    console.print(seat_table(rows(), students, columns))
    return file.getvalue()


@pytest.mark.parametrize("students", [True, False])
@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_the_table_fits_and_names_every_state(columns: int, students: bool) -> None:
    file = io.StringIO()
    Console(file=file, width=columns, markup=False, emoji=False).print(seat_table(rows(), students, columns))
    lines = file.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 2 + len(URGENCY)
    assert all(width(line) <= columns for line in lines)
    for state, line in zip(URGENCY, lines[2:], strict=True):
        assert f" {state} " in line + " "
    # Aligned, whatever letters the names have
    places = {width(line[:line.index(" " + state)]) for state, line in zip(URGENCY, lines[2:], strict=True)}
    assert len(places) == 1
    assert any("王小明" in line for line in lines) == students


def test_every_state_has_its_colour_and_none_where_none_is_wanted() -> None:
    assert set(STYLES) == set(URGENCY)
    coloured, without = drawn(120, True), drawn(120, False)
    assert "\x1b[1;31m" in coloured and "\x1b[1;32m" in coloured
    assert "\x1b[1;31m" not in without and "31m" not in without and "32m" not in without


@pytest.mark.parametrize(("most", "states"), [
    (7, list(URGENCY)), (20, list(URGENCY)),
    # One line says what is not shown
    (4, ["stuck", "unreachable", "working"]), (1, []), (0, []),
])
def test_what_needs_a_person_has_a_place_on_a_small_screen(most: int, states: list[str]) -> None:
    assert [row.state for row in chosen(rows(), most)] == states


@pytest.mark.parametrize(("seats", "lines"), [(3, 24), (200, 24), (200, 10)])
def test_a_frame_is_never_higher_than_the_screen(seats: int, lines: int) -> None:
    run = Run(total=7, check=True)
    for number in range(seats):
        run.add(f"m{number}", SeatPlacement(f"seat{number:03}"))
    run.stage_begins("Run preflight checks")
    run.task_begins("Check host requirements")
    file = io.StringIO()
    Console(file=file, width=60, markup=False).print(frame(run, 60, lines))
    text = file.getvalue()
    assert text.count("\n") < lines
    assert "check mode  Run preflight checks (1/7)  Check host" in text
    assert ("others: " in text) == (seats > lines)
