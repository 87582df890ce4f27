# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a playbook run by seat: its stage, whether it is done or stuck, and the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .stage_times import StageTimes

WAITING = "waiting"
WORKING = "working"
STUCK = "stuck"
UNREACHABLE = "unreachable"
READY = "ready"
DONE = "done"
CHECKED = "checked"
# In the order of urgency.
URGENCY = (STUCK, UNREACHABLE, WORKING, WAITING, CHECKED, DONE, READY)

# The results of the verification of a cluster, and of the audit of a host.
PROOF = "verify_result"
AUDIT = "audit_result"
# The results with the current state of a control plane and of a worker. A run with no action does not verify again.
INIT = "control_plane_result"
MEMBERSHIP = "worker_membership"
NO_ACTION = "none"
# The result of the reset of a host.
HOST_RESET = "reset_result"
# The result of a task that fails only because another host of the seat has failed.
WAITS = "worker_waits"


@dataclass(frozen=True)
class SeatPlacement:
    """The seat that a machine belongs to.

    `group` is set when the inventory has a group of the seat's name, `size` is its number of machines, where known.
    """

    seat: str
    student: str = ""
    control_plane: str = ""
    group: bool = False
    size: int = 0


@dataclass(frozen=True)
class Failure:
    """What kept a machine from going on; `text` is for a person, without secrets.

    A tolerated one did not: the play wanted to know and went on. One that `waits` comes from another machine's failure.
    `playbook` is the name of the file with the play, where it is next to the playbook of the run. `on` is the host that
    carried out a delegated task, `order` the place among all failures of the run.
    """

    machine: str
    task: str
    text: str
    unreachable: bool = False
    tolerated: bool = False
    waits: bool = False
    stage: str = ""
    number: int = 0
    playbook: str = ""
    on: str = ""
    order: int = 0

    @property
    def where(self) -> str:
        """Return the host, and the one that carried out the task for it."""
        return f"{self.machine} on {self.on}" if self.on else self.machine


@dataclass(frozen=True)
class Row:
    """A seat in the table, at one moment."""

    seat: str
    student: str
    stage: str
    number: int
    total: int
    seconds: float
    state: str
    detail: str


@dataclass
class SeatRun:
    """What is known of a seat so far; `reset` are the hosts that were reset, and in which playbook."""

    place: SeatPlacement
    machines: list[str] = field(default_factory=list)
    stage: str = ""
    number: int = 0
    began: float | None = None
    last: float | None = None
    pending: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    changed: int = 0
    verified: bool = False
    settled: set[str] = field(default_factory=set)
    reset: dict[str, str] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Return whether the seat was verified, or all of its hosts were found in the desired state."""
        return self.verified or (set(self.machines) <= self.settled and len(self.machines) >= self.place.size)

    @property
    def alone(self) -> bool:
        """Return whether it is a host outside of a cluster."""
        return self.machines == [self.place.seat]

    @property
    def first(self) -> Failure | None:
        """Return the failure that caused the others."""
        return first_of(self.failures)


def first_of(failures: Iterable[Failure]) -> Failure | None:
    """Return the earliest failure, one that only waits for another host if there is no other."""
    return min(failures, key=lambda each: (each.waits, each.order), default=None)


def place_of(machine: str, variables: Mapping[str, Any], groups: Iterable[str]) -> SeatPlacement:
    """Return the seat of a host by its inventory variables. A host outside of a cluster, as the utility, is its own."""
    groups = set(groups)
    seat = _text(variables.get("seat_name"))
    control_plane = _text(variables.get("cluster_control_plane"))
    if seat:
        machines = variables.get("cluster_machines")
        return SeatPlacement(seat, _text(variables.get("seat_student")), control_plane, seat in groups,
                             len(machines) if isinstance(machines, list) else 0)
    cluster = _text(variables.get("cluster_name"))
    if groups & {"k8s_cluster", "control_plane", "workers"}:
        return SeatPlacement(cluster or "kubernetes", "", control_plane, cluster in groups)
    return SeatPlacement(machine)


def _text(value: Any) -> str:
    """Return a text, empty for a template and for any other value."""
    return str(value) if isinstance(value, str) and "{{" not in value else ""


class Run:
    """The state of a run, updated by events and shown as rows. It is independent of Ansible."""

    def __init__(self, total: int = 0, check: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.check = check
        self.task = ""
        self.times = StageTimes(clock)
        self.ended: float | None = None
        self.seats: dict[str, SeatRun] = {}
        self._clock = clock
        self._number = 0
        self._playbook = ""
        self._failed = 0
        # Of hosts, by name
        self.addresses: dict[str, str] = {}
        self._seat_of: dict[str, SeatRun] = {}
        self.began = clock()

    def knows(self, machine: str) -> bool:
        return machine in self._seat_of

    def add(self, machine: str, place: SeatPlacement) -> None:
        if machine not in self._seat_of:
            seat = self.seats.setdefault(place.seat, SeatRun(place))
            seat.machines.append(machine)
            self._seat_of[machine] = seat

    def seat_of(self, machine: str) -> SeatRun:
        if machine not in self._seat_of:
            self.add(machine, SeatPlacement(machine))
        return self._seat_of[machine]

    @property
    def stage(self) -> str:
        return self.times.name

    @property
    def number(self) -> int:
        return self._number

    @property
    def seconds(self) -> float:
        return (self.ended if self.ended is not None else self._clock()) - self.began

    def stage_begins(self, name: str, playbook: str = "") -> None:
        self.times.begin(name)
        self._playbook = playbook
        self._number += 1
        self.task = ""

    def stage_empty(self) -> None:
        self.times.drop()

    def task_begins(self, name: str) -> None:
        self.task = name

    def machine_begins(self, machine: str) -> None:
        seat = self.seat_of(machine)
        seat.pending.add(machine)
        seat.began = self._clock() if seat.began is None else seat.began
        if seat.stage != self.stage or seat.number != self._number:
            seat.stage, seat.number = self.stage, self._number

    def machine_ends(
        self, machine: str, *, changed: bool = False, verified: bool = False, settled: bool = False,
        reset: bool = False,
    ) -> None:
        """Record the end of a task on a host, with any result."""
        seat = self.seat_of(machine)
        seat.pending.discard(machine)
        seat.last = self._clock()
        seat.changed += changed
        seat.verified = seat.verified or verified
        if settled:
            seat.settled.add(machine)
        if reset and not self.check:
            seat.reset[machine] = self._playbook
        if self.stage:
            seat.stages[self.stage] = seat.last - self.times.began

    def fails(self, failure: Failure) -> Failure:
        """Record a failure and return it with its stage."""
        self.machine_ends(failure.machine)
        self._failed += 1
        failure = replace(
            failure, stage=self.stage, number=self._number, playbook=self._playbook, order=self._failed)
        self.seat_of(failure.machine).failures.append(failure)
        return failure

    def ends(self, failed: Callable[[str], bool]) -> None:
        """Record the end of the run; `failed` tells whether a host failed finally, because failures may be rescued."""
        self.times.end()
        self.ended = self._clock()
        for seat in self.seats.values():
            seat.pending.clear()
            seat.failures = [each for each in seat.failures if each.tolerated or failed(each.machine)]

    @property
    def failures(self) -> list[Failure]:
        return [failure for seat in self.seats.values() for failure in seat.failures]

    @property
    def with_students(self) -> bool:
        return any(seat.place.student for seat in self.seats.values())

    def state(self, seat: SeatRun) -> str:
        first = seat.first
        if first is not None:
            return UNREACHABLE if first.unreachable else STUCK
        if seat.began is None:
            return WAITING
        if self.ended is None:
            return WORKING if seat.pending or seat.number == self._number else WAITING
        if self.check:
            return CHECKED
        return READY if seat.ready else DONE

    def rows(self) -> list[Row]:
        return [self._row(seat) for seat in self.seats.values()]

    def _row(self, seat: SeatRun) -> Row:
        state, first = self.state(seat), seat.first
        # A seat stays at the stage at which it got stuck, even if its other hosts go on.
        stage, number = (first.stage, first.number) if first is not None else (seat.stage, seat.number)
        if state in (READY, DONE, CHECKED):
            number = self.total
        return Row(seat.place.seat, seat.place.student, stage, number, max(self.total, self._number),
                   self._seconds(seat, state), state, self._detail(seat))

    def _seconds(self, seat: SeatRun, state: str) -> float:
        if seat.began is None:
            return 0.0
        if state == WORKING:
            return self._clock() - seat.began
        return (seat.last if seat.last is not None else seat.began) - seat.began

    def _detail(self, seat: SeatRun) -> str:
        first = seat.first
        if first is not None:
            name, text = short(first.machine, seat.place.seat), first.text.strip().split("\n")[0]
            # Many messages begin with the host, and the column is narrow
            own = first.machine + " "
            return f"{name} {text[len(own):]}" if text.startswith(own) else f"{name}: {text}"
        return ", ".join(short(machine, seat.place.seat) for machine in seat.machines if machine in seat.pending)


def short(machine: str, seat: str) -> str:
    """Return the name of a host without that of its seat: node1 for seat03-node1."""
    for separator in "-_.":
        if machine.startswith(seat + separator):
            return machine[len(seat) + 1:]
    return machine


def counted(rows: Iterable[Row]) -> dict[str, int]:
    """Return the number of seats by state, the most urgent state last, where it is noticed."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + 1
    return {state: found[state] for state in reversed(URGENCY) if state in found}
