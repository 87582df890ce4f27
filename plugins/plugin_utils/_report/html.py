# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the report of a class as one self-contained HTML page."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .._display.alike import general
from .._display.run import SeatPlacement, SeatRun
from .._display.text import duration
from .model import READY, STUCK, UNREACHABLE, Report, SeatReport, commands, counts

TEMPLATE = "page.html.j2"
# The number of colours of the page for stages; a run with more stages starts again with the first.
COLOURS = 8
# The width of the drawing in its own units.
CHART = 1000.0


@dataclass(frozen=True)
class Bar:
    """A stage of a seat in the chart: position, width, number of the colour, and a text for readers without colours."""

    x: float
    width: float
    colour: int
    words: str


def page(report: Report) -> str:
    """Return the HTML page of a report."""
    # All values are escaped, because names, versions and messages come from hosts and users.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True)
    environment.filters.update(duration=duration, moment=moment)
    stages = stage_names(report.seats)
    longest = max((seat.seconds for seat in report.seats), default=0.0)
    return environment.get_template(TEMPLATE).render(
        report=report,
        counts=counts(report),
        seats=[seat for seat in report.seats if seat.cluster],
        others=[seat for seat in report.seats if not seat.cluster],
        broken=alike([seat for seat in report.seats if seat.state in (STUCK, UNREACHABLE)]),
        commands=commands(report),
        students=any(seat.student for seat in report.seats),
        ready=READY,
        marks={"ready": "✓", "stuck": "✗", "unreachable": "✗"},
        stages=[(name, number % COLOURS, *_spread(report.seats, name)) for number, name in enumerate(stages)],
        bars={seat.name: bars(seat, stages, longest) for seat in report.seats},
        audited=any(machine.findings is not None for seat in report.seats for machine in seat.machines),
        findings=sum(seat.findings for seat in report.seats),
        chart=CHART)


def moment(written: str) -> str:
    """Return date and time of the controller's time zone in a short form, and that zone."""
    try:
        found = datetime.datetime.fromisoformat(written)
    except ValueError:
        return written
    return f"{found.astimezone():%Y-%m-%d %H:%M %Z}" if found.tzinfo is not None else written


def alike(seats: Iterable[SeatReport]) -> list[list[SeatReport]]:
    """Return these seats in groups with the same state and reason, apart from the names and addresses of each seat.

    One mistake in the inventory of a class is on the page once. The largest group comes first.
    """
    found: dict[tuple[str, str], list[SeatReport]] = {}
    for seat in seats:
        run = SeatRun(SeatPlacement(seat.name), [machine.name for machine in seat.machines])
        reason = general(seat.why, run, {machine.name: machine.address for machine in seat.machines})
        found.setdefault((seat.state, reason), []).append(seat)
    return sorted(found.values(), key=lambda group: -len(group) if len(group) > 1 else 0)


def stage_names(seats: Iterable[SeatReport]) -> list[str]:
    """Return the names of all stages in their order; a rare stage follows its predecessor."""
    found: list[str] = []
    for seat in seats:
        place = 0
        for stage, _seconds in seat.stages:
            if stage not in found:
                found.insert(place, stage)
            place = found.index(stage) + 1
    return found


def bars(seat: SeatReport, stages: list[str], longest: float) -> list[Bar]:
    """Return the stages of a seat one after the other; the slowest seat fills the drawing."""
    found = []
    x = 0.0
    for name, seconds in seat.stages:
        size = CHART * seconds / longest if longest > 0 else 0.0
        found.append(Bar(round(x, 1), round(size, 1), stages.index(name) % COLOURS,
                         f"{name}: {duration(seconds)}"))
        x += size
    return found


def _spread(seats: Iterable[SeatReport], stage: str) -> tuple[float, float, str]:
    """Return average and longest time of a stage, and the seat that took longest."""
    times = [(seconds, seat.name) for seat in seats for name, seconds in seat.stages if name == stage]
    most, who = max(times)
    return sum(seconds for seconds, _name in times) / len(times), most, who
