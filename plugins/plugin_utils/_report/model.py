# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a class: the state of every seat, merged from run to run, and the changes in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import Any

from .._display.retry import limited

FORMAT = 1
READY = "ready"
STUCK = "stuck"
UNREACHABLE = "unreachable"
RESET = "reset"
NO_CLUSTER = "no cluster"
UNKNOWN = "unknown"
# The state of a host without a problem, in a cluster or outside of one.
ANSWERS = "answers"
# In the order of urgency.
STATES = (STUCK, UNREACHABLE, UNKNOWN, NO_CLUSTER, RESET, READY)

CONTROL_PLANE = "control plane"
WORKER = "worker"


class ReportError(Exception):
    """An error with the reason why a file cannot be read as a report."""


@dataclass(frozen=True)
class Finding:
    """One finding of an audit on a host."""

    section: str
    kind: str
    subject: str
    command: str
    reason: str


@dataclass(frozen=True)
class MachineReport:
    """A host. `findings` is None without an audit; `audited` is the time of the last one.

    `seen` is the time at which its state was last determined.
    """

    name: str
    address: str = ""
    role: str = ""
    state: str = ""
    why: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    findings: tuple[Finding, ...] | None = None
    audited: str = ""
    seen: str = ""


@dataclass(frozen=True)
class SeatReport:
    """A seat, or a host outside of a cluster. `state` is empty if the run does not determine it."""

    name: str
    student: str = ""
    cluster: bool = True
    state: str = ""
    why: str = ""
    kubernetes: str = ""
    machines: tuple[MachineReport, ...] = ()
    # Of the last run that changed something, whose playbook is `ran`.
    stages: tuple[tuple[str, float], ...] = ()
    seconds: float = 0.0
    ran: str = ""
    # The time at which the state was last determined.
    seen: str = ""
    # The command that repeats what failed, and the seat or hosts that it has to be limited to.
    retry: str = ""
    limit: tuple[str, ...] = ()

    @property
    def findings(self) -> int:
        """Return the number of findings of all hosts."""
        return sum(len(machine.findings or ()) for machine in self.machines)


@dataclass(frozen=True)
class Report:
    """The report of a class. `changes` are messages about differences to the report of the time `since`."""

    title: str
    written: str
    playbook: str
    check: bool
    seconds: float
    seats: tuple[SeatReport, ...]
    changes: tuple[str, ...] = ()
    since: str = ""


def counts(report: Report) -> dict[str, int]:
    """Return the number of seats by state; hosts outside of a cluster do not count."""
    states = [seat.state for seat in report.seats if seat.cluster]
    return {state: states.count(state) for state in STATES if state in states}


def as_json(report: Report) -> dict[str, Any]:
    """Return the document for report.json."""
    document = {"format": FORMAT, **asdict(report), "counts": counts(report)}
    for seat in document["seats"]:
        seat["stages"] = [{"stage": stage, "seconds": round(seconds, 1)} for stage, seconds in seat["stages"]]
        seat["seconds"] = round(seat["seconds"], 1)
        for machine in seat["machines"]:
            machine["versions"] = dict(machine["versions"])
    document["seconds"] = round(report.seconds, 1)
    return document


def from_json(document: Any) -> Report:
    """Return the report of a document of `as_json`. Raise ReportError with what was found instead."""
    if not isinstance(document, Mapping) or "format" not in document:
        raise ReportError("a file that is not a report of a class")
    if document["format"] != FORMAT:
        raise ReportError("format {!r} of a report, while this version supports {}".format(document["format"], FORMAT))
    try:
        return Report(
            title=_text(document["title"]), written=_text(document["written"]), playbook=_text(document["playbook"]),
            check=bool(document["check"]), seconds=float(document["seconds"]),
            seats=tuple(_seat(each) for each in document["seats"]),
            changes=tuple(_text(each) for each in document["changes"]), since=_text(document["since"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"a report with parts missing or of another kind ({type(error).__name__}: "
                          f"{error})") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r}")
    return value


def _seat(data: Mapping[str, Any]) -> SeatReport:
    return SeatReport(
        name=_text(data["name"]), student=_text(data["student"]), cluster=bool(data["cluster"]),
        state=_text(data["state"]), why=_text(data["why"]), kubernetes=_text(data["kubernetes"]),
        machines=tuple(_machine(each) for each in data["machines"]),
        stages=tuple((_text(each["stage"]), float(each["seconds"])) for each in data["stages"]),
        seconds=float(data["seconds"]), ran=_text(data["ran"]), seen=_text(data["seen"]),
        retry=_text(data.get("retry", "")), limit=tuple(_text(each) for each in data.get("limit", ())))


def _machine(data: Mapping[str, Any]) -> MachineReport:
    found = data["findings"]
    return MachineReport(
        name=_text(data["name"]), address=_text(data["address"]), role=_text(data["role"]), state=_text(data["state"]),
        why=_text(data["why"]),
        versions=tuple((_text(name), _text(version)) for name, version in data["versions"].items()),
        findings=None if found is None else tuple(
            Finding(*(_text(each[key]) for key in ("section", "kind", "subject", "command", "reason")))
            for each in found),
        audited=_text(data["audited"]), seen=_text(data.get("seen", "")))


def merged(former: Report | None, latest: Report) -> Report:
    """Return the last report updated with the latest run, and the changes between them."""
    if former is None:
        return replace(latest, seats=_sorted(_settled(seat) for seat in latest.seats))
    known = {seat.name: seat for seat in former.seats}
    for seat in latest.seats:
        known[seat.name] = _merged_seat(known[seat.name], seat) if seat.name in known else _settled(seat)
    seats = _sorted(known.values())
    return replace(latest, seats=seats, changes=tuple(_changes(former.seats, seats)), since=former.written)


def _sorted(seats: Iterable[SeatReport]) -> tuple[SeatReport, ...]:
    """Return the seats by name in natural order, hosts outside of clusters last, control planes first in their seat."""
    return tuple(
        replace(seat, machines=tuple(sorted(
            seat.machines, key=lambda machine: (machine.role != CONTROL_PLANE, _natural(machine.name)))))
        for seat in sorted(seats, key=lambda seat: (not seat.cluster, _natural(seat.name))))


def _natural(name: str) -> list[tuple[int, str]]:
    parts: list[tuple[int, str]] = []
    digits = ""
    for letter in [*name, ""]:
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, letter))
    return parts


def _settled(seat: SeatReport) -> SeatReport:
    """Return a seat in which every empty state is replaced by `unknown`."""
    return replace(seat, state=seat.state or UNKNOWN, machines=tuple(
        replace(machine, state=machine.state or UNKNOWN) for machine in seat.machines))


def _merged_seat(former: SeatReport, latest: SeatReport) -> SeatReport:
    machines = {machine.name: machine for machine in former.machines}
    for machine in latest.machines:
        machines[machine.name] = _merged_machine(machines.get(machine.name), machine)
    stated = latest if latest.state else former
    ran = latest if latest.stages else former
    # The command of a run that could have changed the seat stays while it is stuck: report.yml knows a general one only
    again = former if stated.state in (STUCK, UNREACHABLE) and former.retry and not latest.stages else latest
    return _settled(replace(
        latest, machines=tuple(machines.values()), state=stated.state, why=stated.why, seen=stated.seen,
        retry=again.retry, limit=again.limit,
        kubernetes="" if latest.state in (RESET, NO_CLUSTER) else latest.kubernetes or former.kubernetes,
        stages=ran.stages, seconds=ran.seconds, ran=ran.ran, student=latest.student or former.student))


def _merged_machine(former: MachineReport | None, latest: MachineReport) -> MachineReport:
    if former is None:
        return latest
    looked = latest if latest.findings is not None else former
    stated = latest if latest.state else former
    return replace(
        latest, address=latest.address or former.address, state=stated.state, why=stated.why, seen=stated.seen,
        versions=tuple({**dict(former.versions), **dict(latest.versions)}.items()),
        findings=looked.findings, audited=looked.audited)


def without_students(report: Report) -> Report:
    """Return a report without the names of students; in messages that have one it is replaced by that of the seat."""
    names = {seat.student: seat.name for seat in report.seats if seat.student}
    hidden: Report = _replaced(replace(
        report, seats=tuple(replace(seat, student="") for seat in report.seats)), names)
    return hidden


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """Return `value` with these names replaced in all of its texts."""
    if isinstance(value, str):
        for name, seat in names.items():
            value = value.replace(name, seat)
        return value
    if isinstance(value, tuple):
        return tuple(_replaced(each, names) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _replaced(getattr(value, each.name), names) for each in fields(value)})
    return value


def commands(report: Report) -> list[str]:
    """Return the commands that repeat what failed, each for all seats and hosts that it completes."""
    found: dict[str, list[str]] = {}
    for seat in report.seats:
        if seat.retry and seat.state in (STUCK, UNREACHABLE):
            found.setdefault(seat.retry, []).extend(seat.limit)
    return [limited(command, hosts) for command, hosts in found.items()]


def _changes(former: Sequence[SeatReport], latest: Sequence[SeatReport]) -> Iterator[str]:
    known = {seat.name: seat for seat in former}
    for seat in latest:
        if seat.name not in known:
            yield f"{seat.name} is new: {seat.state}"
            continue
        before = known[seat.name]
        if before.state != seat.state:
            yield f"{seat.name}: {seat.state}, was {before.state}"
        elif before.why != seat.why and seat.why:
            yield f"{seat.name}: {seat.state} for another reason"
        if before.kubernetes and seat.kubernetes and before.kubernetes != seat.kubernetes:
            yield f"{seat.name}: Kubernetes {seat.kubernetes}, was {before.kubernetes}"
        yield from _machine_changes(before, seat)


def _machine_changes(former: SeatReport, latest: SeatReport) -> Iterator[str]:
    known = {machine.name: machine for machine in former.machines}
    for machine in latest.machines:
        before = known.get(machine.name)
        if before is None:
            yield f"{latest.name}: {machine.name} is new"
            continue
        old = dict(before.versions)
        for name, version in machine.versions:
            if name in old and old[name] != version:
                yield f"{machine.name}: {name} {version}, was {old[name]}"
        if before.findings is not None and machine.findings is not None:
            yield from _finding_changes(machine.name, before.findings, machine.findings)


def _finding_changes(machine: str, former: Iterable[Finding], latest: Iterable[Finding]) -> Iterator[str]:
    def names(findings: Iterable[Finding]) -> dict[str, None]:
        return dict.fromkeys(f"{each.section} {each.kind} {each.subject}" for each in findings)

    before, now = names(former), names(latest)
    yield from (f"{machine}: found {name}" for name in now if name not in before)
    yield from (f"{machine}: no longer {name}" for name in before if name not in now)
