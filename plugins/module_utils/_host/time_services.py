# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time services that a host may run, and the desired one."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.command import Runner
from .._core.plan import Change

# Time services, of which one runs; chrony has two unit names
CHRONY = ("chrony.service", "chronyd.service")
OTHERS = ("systemd-timesyncd.service", "ntpd.service", "ntpsec.service", "ntp.service", "openntpd.service")


@dataclass(frozen=True)
class TimeSpec:
    """Whether chrony is requested, and servers that it uses in addition to those of the distribution."""

    chrony: bool = False
    servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimePlan:
    """The planned changes in their order, and problems that no change solves."""

    steps: tuple[Change, ...] = ()
    findings: tuple[str, ...] = ()


def running(run: Runner) -> tuple[str, ...]:
    """Return the time services that run or start."""
    units = (*CHRONY, *OTHERS)
    answer = run(["systemctl", "is-active", "--", *units], check=False)
    states = answer.out.split()
    return tuple(name for name, state in zip(units, states) if state in ("active", "reloading", "activating"))
