# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check that a time service runs, or set up chrony if it is requested.

The module `chrony` is imported only for a host that requests it: with packages and services, the import takes as long
as everything else that is read from a host without changes.
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
    from . import chrony

_SERVER = re.compile(r"[0-9A-Za-z]([-.0-9A-Za-z:]*[0-9A-Za-z])?")
_NOT_RUNNING = "time service chrony: no time service is active; certificates and tokens depend on a correct clock. " \
               "Install chrony or systemd-timesyncd, or set host_time_service=chrony"


@dataclass(frozen=True)
class TimeState:
    """The services that run (None: not read), and the state of chrony if it is requested."""

    running: tuple[str, ...] | None = None
    chrony: chrony.ChronyState | None = None


def validate(spec: TimeSpec) -> None:
    """Check the names of time servers, which must not form another directive of chrony. Raises ClassroomError."""
    for server in spec.servers:
        if not _SERVER.fullmatch(server):
            raise ClassroomError(
                f"A time server is invalid: expected a host name or an address, found '{server}'. Correct it in the "
                "inventory.")


def read_state(root: Root, run: Runner, spec: TimeSpec) -> TimeState:
    """Read the running time services, and chrony if it is requested."""
    found = running(run)
    if not spec.chrony:
        return TimeState(found)
    from . import chrony

    return TimeState(found, chrony.read_state(root, run, spec, found, chrony.unreachable))


def plan(spec: TimeSpec, state: TimeState) -> TimePlan:
    """Plan the changes. If no time service is requested, only check that one is running."""
    if spec.chrony and state.chrony is not None:
        from . import chrony

        return chrony.plan(spec, state.chrony)
    return TimePlan(findings=() if state.running or state.running is None else (_NOT_RUNNING,))


def apply(root: Root, run: Runner, spec: TimeSpec, state: TimeState) -> None:
    """Set up chrony if it is requested."""
    if state.chrony is not None:
        from . import chrony

        chrony.apply(root, run, spec, state.chrony)
