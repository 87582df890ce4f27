# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the time of a run goes, stage by stage: every play of this collection's playbooks is one."""

from __future__ import annotations

import time
from collections.abc import Callable


class StageTimes:
    """Collects (stage, seconds) in the order of the run; stages for which no host matched are left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: list[tuple[str, float]] = []
        self._open: tuple[str, float] | None = None

    @property
    def name(self) -> str:
        """The stage that is going on; empty when there is none."""
        return self._open[0] if self._open is not None else ""

    @property
    def began(self) -> float:
        """When the stage that is going on began."""
        return self._open[1] if self._open is not None else self._clock()

    @property
    def seconds(self) -> float:
        """How long the stage has been going on."""
        return self._clock() - self.began

    def begin(self, name: str) -> None:
        self.end()
        self._open = (name, self._clock())

    def drop(self) -> None:
        """The stage that was begun has nothing to do."""
        self._open = None

    def end(self) -> None:
        if self._open is not None:
            name, began = self._open
            self._done.append((name, self._clock() - began))
            self._open = None

    @property
    def done(self) -> list[tuple[str, float]]:
        return list(self._done)
