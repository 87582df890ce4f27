# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the time of a run by stage; every play of this collection's playbooks is one."""

from __future__ import annotations

import time
from collections.abc import Callable


class StageTimes:
    """A list of (stage, seconds) in the order of the run, without stages for which no host matched."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: list[tuple[str, float]] = []
        self._open: tuple[str, float] | None = None

    @property
    def name(self) -> str:
        """Return the current stage, empty if there is none."""
        return self._open[0] if self._open is not None else ""

    @property
    def began(self) -> float:
        """Return the start time of the current stage by the clock."""
        return self._open[1] if self._open is not None else self._clock()

    @property
    def seconds(self) -> float:
        """Return the seconds since the start of the current stage."""
        return self._clock() - self.began

    def begin(self, name: str) -> None:
        self.end()
        self._open = (name, self._clock())

    def drop(self) -> None:
        """Discard the current stage, which has no hosts."""
        self._open = None

    def end(self) -> None:
        if self._open is not None:
            name, began = self._open
            self._done.append((name, self._clock() - began))
            self._open = None

    @property
    def done(self) -> list[tuple[str, float]]:
        return list(self._done)
