# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface to the host: files, commands and clocks; a unit test can replace each of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable

from .command import Runner, run
from .deadline import Deadline
from .files import Root
from .programs import find_program


@dataclass(frozen=True)
class Host:
    """A file system, a way to run commands, and clocks.

    `now` is the time in seconds since 1970, for expiry dates. `monotonic` measures durations in seconds: it is not
    affected when the clock of the host is set, as chrony does when it starts.
    """

    root: Root = field(default_factory=Root)
    run: Runner = run
    find_program: Callable[[str], str | None] = find_program
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def deadline(self, seconds: float, interval: float = 0.5) -> Deadline:
        """Return a deadline with the clocks of this host."""
        return Deadline(seconds, interval, self.monotonic, self.sleep)

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Call `done` until it returns true or `seconds` have passed, at least once; return whether it was true."""
        return self.deadline(seconds).wait(done)
