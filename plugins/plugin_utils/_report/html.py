# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a class as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .._display.text import duration
from .model import READY, STUCK, UNREACHABLE, Report, SeatReport, counts

TEMPLATE = "page.html.j2"
# As many colours as the page has for stages; a run with more begins again
COLOURS = 8
# Units of the drawing
CHART = 1000.0


@dataclass(frozen=True)
class Bar:
    """A stage of a seat in the chart: a place, a width, a colour's number, and words for who sees no colour."""

    x: float
    width: float
    colour: int
    words: str


def page(report: Report) -> str:
    # Everything that is put in is escaped: names, versions and messages are what machines and people say
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
        broken=[seat for seat in report.seats if seat.state in (STUCK, UNREACHABLE)],
        ready=READY,
        marks={"ready": "✓", "stuck": "✗", "unreachable": "✗"},
        stages=[(name, number % COLOURS, *_spread(report.seats, name)) for number, name in enumerate(stages)],
        bars={seat.name: bars(seat, stages, longest) for seat in report.seats},
        audited=any(machine.findings is not None for seat in report.seats for machine in seat.machines),
        findings=sum(seat.findings for seat in report.seats),
        chart=CHART)


def moment(written: str) -> str:
    """A date and time as people write it."""
    return written[:16].replace("T", " ") + " UTC" if written.endswith("+00:00") else written


def stage_names(seats: Iterable[SeatReport]) -> list[str]:
    """In the order of the runs; one that few have comes after what it followed there."""
    found: list[str] = []
    for seat in seats:
        place = 0
        for stage, _seconds in seat.stages:
            if stage not in found:
                found.insert(place, stage)
            place = found.index(stage) + 1
    return found


def bars(seat: SeatReport, stages: list[str], longest: float) -> list[Bar]:
    """The stages of a seat one after the other; the slowest seat fills the drawing."""
    found = []
    x = 0.0
    for name, seconds in seat.stages:
        size = CHART * seconds / longest if longest > 0 else 0.0
        found.append(Bar(round(x, 1), round(size, 1), stages.index(name) % COLOURS,
                         f"{name}: {duration(seconds)}"))
        x += size
    return found


def _spread(seats: Iterable[SeatReport], stage: str) -> tuple[float, float, str]:
    """Average, longest, and the seat that took longest."""
    times = [(seconds, seat.name) for seat in seats for name, seconds in seat.stages if name == stage]
    most, who = max(times)
    return sum(seconds for seconds, _name in times) / len(times), most, who
