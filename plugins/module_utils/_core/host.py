# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outside world as the code about a host uses it, so that a unit test can replace it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable

from .command import Runner, run
from .files import Root
from .programs import find_program

_POLL_INTERVAL = 0.5


@dataclass(frozen=True)
class Host:
    """A file system, a way to run commands, and clocks.

    `now` is the date, in seconds since 1970, for what ends at a date. `monotonic` measures durations: it goes on evenly
    while the host's clock is set, as chrony does when it starts.
    """

    root: Root = field(default_factory=Root)
    run: Runner = run
    find_program: Callable[[str], str | None] = find_program
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Poll until `done` returns true or the timeout has passed, at least once; return whether it did."""
        end = self.monotonic() + seconds
        while not done():
            if self.monotonic() >= end:
                return False
            self.sleep(_POLL_INTERVAL)
        return True
