# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that are the same on many hosts: one mistake in the inventory of a class is reported once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .run import Failure, Row, Run, SeatRun, short

# Stands for a name or an address of the host itself; no text from hosts has it
_SELF = "\x00"
# So many names are listed while a run goes on; all of them are at its end
_LISTED = 6


def general(text: str, seat: SeatRun, addresses: Mapping[str, str], me: str = "") -> str:
    """Return `text` with the names of the seat and of its hosts, and their addresses, replaced by what they are there.

    `addresses` are by the name of the host. `me` is a host that is named as the one that speaks, whichever it is.
    """
    words = {seat.place.seat: _SELF}
    for machine in seat.machines:
        name = _SELF if machine == me or seat.alone else _SELF + short(machine, seat.place.seat)
        words[machine] = name
        if addresses.get(machine):
            words[addresses[machine]] = name + "@"
    pattern = "|".join(re.escape(word) for word in sorted(filter(None, words), key=len, reverse=True))
    return re.sub(rf"(?<![\w.-])(?:{pattern})(?![\w-]|\.\w)", lambda found: words[found.group()], text)


def keys(seat: SeatRun, failure: Failure, addresses: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """Return what errors have in common that are the same: one of these is enough.

    The same words on all hosts of a seat, as of a seat that is rejected, or words of each host about itself.
    """
    return (("seat", failure.stage, general(failure.text, seat, addresses)),
            ("host", failure.stage, general(failure.text, seat, addresses, failure.machine)))


@dataclass
class Alike:
    """One error and the seats that have it, with their failures."""

    seats: list[SeatRun] = field(default_factory=list)
    failures: list[tuple[SeatRun, Failure]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The error in the words of the first host that had it."""
        return self.failures[0][1].text

    def heads(self) -> list[str]:
        """Who failed in which task. Of many seats the hosts are named by their part of the name, which is the same."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for seat, failure in self.failures:
            name = failure.where
            if len(self.seats) > 1:
                name = replace(failure, machine=short(failure.machine, seat.place.seat)).where
            found.setdefault((failure.stage, failure.task), {})[name] = None
        return ["{}, {}: {}".format(", ".join(names), stage, task) for (stage, task), names in found.items()]


def grouped(seats: Iterable[SeatRun], addresses: Mapping[str, str]) -> list[Alike]:
    """Return the errors of these seats: those of several seats first, and those of one in the order of the seats."""
    known: dict[tuple[str, ...], Alike] = {}
    found: list[Alike] = []
    for seat in seats:
        for failure in seat.failures:
            names = keys(seat, failure, addresses)
            alike = next((known[name] for name in names if name in known), None)
            if alike is None:
                alike = Alike()
                found.append(alike)
            known.update((name, alike) for name in names if name not in known)
            if seat not in alike.seats:
                alike.seats.append(seat)
            alike.failures.append((seat, failure))
    return sorted(found, key=lambda alike: len(alike.seats) < 2)


def rows(run: Run) -> list[Row]:
    """Return the rows of the table. The reason of several seats is in the row of the first, to which others refer."""
    known: dict[tuple[str, ...], str] = {}
    found = []
    for row in run.rows():
        seat = run.seats[row.seat]
        first = seat.first
        if first is not None:
            names = keys(seat, first, run.addresses)
            same = next((known[name] for name in names if name in known), "")
            known.update((name, row.seat) for name in names if name not in known)
            if same:
                found.append(replace(row, detail=f"{short(first.machine, row.seat)}: same as {same}"))
                continue
        found.append(row)
    return found


class Repeated:
    """Which errors were written while a run goes on, and which hosts have one of them as well."""

    def __init__(self) -> None:
        self._written: set[tuple[str, ...]] = set()
        self._others: list[str] = []

    def is_new(self, seat: SeatRun, failure: Failure, addresses: Mapping[str, str]) -> bool:
        """Return whether the error has to be written; if not, its host is remembered for `others`."""
        names = set(keys(seat, failure, addresses))
        is_new = not names & self._written
        self._written |= names
        if not is_new:
            self._others.append(failure.machine)
        return is_new

    def others(self) -> str:
        """Return a line about the hosts since the last call that have an error that was written before, or nothing."""
        names, self._others = self._others, []
        if not names:
            return ""
        more = len(names) - _LISTED
        return "The same on {}: {}{}".format(
            "1 other host" if len(names) == 1 else f"{len(names)} other hosts", ", ".join(names[:_LISTED]),
            f" and {more} more" if more > 0 else "")
