# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that keep the clock of a host, and the request for one of them."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.command import Runner
from .._core.plan import Change

# Services that keep a clock, of which one runs; chrony goes by two names
CHRONY = ("chrony.service", "chronyd.service")
OTHERS = ("systemd-timesyncd.service", "ntpd.service", "ntpsec.service", "ntp.service", "openntpd.service")


@dataclass(frozen=True)
class TimeSpec:
    """Whether chrony is to keep the clock, and servers that it is to ask beside those of the distribution."""

    chrony: bool = False
    servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimePlan:
    """Steps in their order, and what no step changes."""

    steps: tuple[Change, ...] = ()
    findings: tuple[str, ...] = ()


def running(run: Runner) -> tuple[str, ...]:
    units = (*CHRONY, *OTHERS)
    answer = run(["systemctl", "is-active", "--", *units], check=False)
    states = answer.out.split()
    return tuple(name for name, state in zip(units, states) if state in ("active", "reloading", "activating"))
