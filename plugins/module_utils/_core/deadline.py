# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deadline for everything that waits; a unit test can replace its clock."""

from __future__ import annotations

import time
from typing import Callable

# Seconds until the first poll, and the part of the time waited so far until the next one
_SHORTEST, _PART = 0.02, 0.1


class Deadline:
    """A deadline `timeout` seconds after its creation, for a loop that polls at least every `interval` seconds.

    It polls more often in the beginning: a wait takes at most a tenth longer than what it waits for.

    The clock is monotonic: it is not affected when the clock of the host is set, as chrony does when it starts.
    """

    def __init__(
        self, timeout: float, interval: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout = timeout
        self._interval, self._monotonic, self._sleep = interval, monotonic, sleep
        self._begin = monotonic()
        self._end = self._begin + timeout

    @property
    def elapsed(self) -> float:
        """Return the seconds since the start, to a tenth."""
        return round(self._monotonic() - self._begin, 1)

    @property
    def remaining(self) -> float:
        """Return the seconds until the deadline, 0 when it has passed."""
        return max(0.0, self._end - self._monotonic())

    @property
    def expired(self) -> bool:
        """Return whether the deadline has passed."""
        return self._monotonic() >= self._end

    def expire(self) -> None:
        """End all waiting for this deadline at once."""
        self._end = self._begin

    def pause(self) -> None:
        """Sleep until the next poll."""
        waited = self._monotonic() - self._begin
        self._sleep(min(self._interval, max(_SHORTEST, waited * _PART)))

    def wait(self, done: Callable[[], bool]) -> bool:
        """Call `done` until it returns true or the deadline has passed, at least once; return whether it was true."""
        while not done():
            if self.expired:
                return False
            self.pause()
        return True
