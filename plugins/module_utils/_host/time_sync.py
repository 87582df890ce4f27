# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who keeps the machine's clock.

What it takes to have chrony do it (`time_service`) is loaded for those who wish for it only: packages, services and all
take as long to load as everything else together that a ready machine is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import Root
from .time_services import TimePlan, TimeSpec, running

if TYPE_CHECKING:
    from . import chrony as time_service

_SERVER = re.compile(r"[0-9A-Za-z]([-.0-9A-Za-z:]*[0-9A-Za-z])?")
_NOBODY = "time service chrony: no service keeps this machine's clock, and certificates and tokens need a right one; " \
          "install chrony or systemd-timesyncd, or let host_time_service be chrony"


@dataclass(frozen=True)
class TimeState:
    """The services that run, None where nobody asked, and what else there is to know when chrony is to be one."""

    running: tuple[str, ...] | None = None
    chrony: time_service.ChronyState | None = None


def validate(spec: TimeSpec) -> None:
    """Refuse what would be another directive of chrony's, or none."""
    for server in spec.servers:
        if not _SERVER.fullmatch(server):
            raise ClassroomError(
                f"Wanted the name or address of a time server, found '{server}'. Correct it in the inventory.")


def read_state(root: Root, run: Runner, spec: TimeSpec) -> TimeState:
    found = running(run)
    if not spec.chrony:
        return TimeState(found)
    from . import chrony as time_service

    return TimeState(found, time_service.read_state(root, run, spec, found, time_service.silent))


def plan(spec: TimeSpec, state: TimeState) -> TimePlan:
    """A service that nobody wished for is only looked for."""
    if spec.chrony and state.chrony is not None:
        from . import chrony as time_service

        return time_service.plan(spec, state.chrony)
    return TimePlan(findings=() if state.running or state.running is None else (_NOBODY,))


def apply(root: Root, run: Runner, spec: TimeSpec, state: TimeState) -> None:
    if state.chrony is not None:
        from . import chrony as time_service

        time_service.apply(root, run, spec, state.chrony)
