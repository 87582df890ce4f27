# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show progress: a live line for each step on a terminal, otherwise plain lines at regular intervals."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

# A log that is followed must show progress at least this often.
HEARTBEAT = 10.0


class Step:
    """A running step. `detail` may be set from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detail = ""
        self.outcome = ""
        self._begin = time.monotonic()
        self._told = self._begin

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def is_silent(self) -> bool:
        """Return whether a message is due; a call counts as one."""
        now = time.monotonic()
        silent = now - self._told >= HEARTBEAT
        self._told = now if silent else self._told
        return silent


class Progress:
    """Plain lines: one at the begin and end of a step, and one every ten seconds in between."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Progress:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._heart.join()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the block runs; a failure is shown where it is caught."""
        step = Step(name)
        self._begun(step)
        try:
            yield step
        except BaseException:
            self._ended(step, "stopped")
            raise
        self._ended(step, step.outcome or "done")

    def say(self, line: str) -> None:
        print(line, flush=True)

    def _begun(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
        self.say(f"  ...    {step.name}")

    def _ended(self, step: Step, outcome: str) -> None:
        with self._lock:
            self._steps.remove(step)
        self.say(f"{step.seconds:6.1f} s {step.name}: {outcome}")

    def _beat(self) -> None:
        while not self._stopped.wait(1.0):
            with self._lock:
                silent = [step for step in self._steps if step.is_silent()]
            for step in silent:
                self.say(f"{step.seconds:6.0f} s {step.name} {step.detail}".rstrip())


class TerminalProgress(Progress):
    """The same on a terminal: finished steps scroll up, running ones are updated below them."""

    def __init__(self) -> None:
        super().__init__()
        self._bars = Bars(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            TextColumn("[dim]{task.fields[detail]}"),
            console=Console(),
            transient=True,
        )
        self._tasks: dict[Step, TaskID] = {}

    def __enter__(self) -> Progress:
        self._bars.start()
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self._bars.stop()

    def say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)

    def _begun(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
            self._tasks[step] = self._bars.add_task(step.name, total=None, detail="")

    def _ended(self, step: Step, outcome: str) -> None:
        with self._lock:
            self._bars.remove_task(self._tasks.pop(step))
        super()._ended(step, outcome)

    def _beat(self) -> None:
        while not self._stopped.wait(0.5):
            with self._lock:
                for step, task in self._tasks.items():
                    self._bars.update(task, detail=step.detail[:60])


def for_this_output() -> Progress:
    """Return the kind of progress for standard output."""
    return TerminalProgress() if sys.stdout.isatty() else Progress()
