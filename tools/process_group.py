# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program, pass its output on line by line, and kill it with all processes that it started."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Seconds between SIGTERM and SIGKILL, and for the last lines of output
GRACE = 10.0


class ProcessGroup:
    """A running program and its descendants."""

    def __init__(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]
    ) -> None:
        """Start the program; raises OSError if it cannot be started.

        `on_line` is called in another thread for each line of its standard output and standard error.
        """
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._on_line = on_line
        # A daemon that the program started may keep the pipe open after its end
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._on_line(line)

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None if the program is still running after this time."""
        try:
            # Python passes the time to the operating system, which takes no infinite one
            status = self._process.wait(None if math.isinf(seconds) else max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(GRACE)
        return status

    def kill(self) -> list[str]:
        """End the program and its descendants, by SIGTERM and then SIGKILL; return their command lines."""
        processes = descendants(self._process.pid)
        lines = [command_line(pid) for pid in processes]
        for number, grace in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 1.0)):
            for pid in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + grace
            while any(is_running(pid) for pid in processes) and time.monotonic() < deadline:
                self._process.poll()
                time.sleep(0.1)
        self._reader.join(1.0)
        return [line for line in lines if line]


def descendants(pid: int) -> list[int]:
    """Return a process and all that it started, directly or indirectly, the oldest first.

    A process whose parent has ended has process 1 as its parent and is not among them.
    """
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(stat_fields(entry)[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found


def command_line(pid: int) -> str:
    """Return the command line of a running program, empty for one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    return ""


def is_running(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    with contextlib.suppress(OSError):
        return stat_fields(Path(f"/proc/{pid}"))[0] != "Z"
    return False


def stat_fields(process: Path) -> list[str]:
    """Return the fields that proc(5) lists after the name of a process; raises OSError if it has ended."""
    # The name is in parentheses and may contain blanks and parentheses
    return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
