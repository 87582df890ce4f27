# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run other programs: output goes to a log, its last line to the progress, and a failure to the user."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bundle.builder.errors import BundleError

# Delay before a failed download is tried again, in seconds
DOWNLOAD_PAUSE = 5.0

_running: set[subprocess.Popen[str]] = set()
_running_lock = threading.Lock()


def run(
    argv: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a program to its end. Its output is kept in the log; a failure quotes the last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    last: deque[str] = deque(maxlen=15)
    with log.open("w", encoding="utf-8") as sink, _started(argv, cwd, env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sink.write(line)
            last.append(line.rstrip())
            on_line(line.rstrip())
        code = process.wait()
        _forget(process)
    if code != 0:
        raise BundleError(
            f"`{' '.join(argv[:4])} ...` to succeed",
            f"exit code {code}:\n    " + "\n    ".join(last) + "\n",
            f"see {log}; the next build continues from here",
        )


def download(argv: Sequence[str], log: Path, **context: Any) -> None:
    """Run a program that only downloads, as `run` does, and retry it once: registries have temporary failures."""
    try:
        run(argv, log, **context)
    except BundleError:
        time.sleep(DOWNLOAD_PAUSE)
        run(argv, log, **context)


def output(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> str:
    """Return the output of a short command."""
    completed = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, check=False
    )
    if completed.returncode != 0:
        raise BundleError(
            f"`{' '.join(argv)}` to succeed",
            f"exit code {completed.returncode}: {completed.stderr.decode().strip()}",
            "run it manually to see more",
        )
    return completed.stdout.decode()


def stop_all() -> None:
    """End all running programs. A build in another thread then fails, which ends that thread too."""
    with _running_lock:
        for process in _running:
            process.terminate()


def _started(argv: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with _running_lock:
        _running.add(process)
    return process


def _forget(process: subprocess.Popen[str]) -> None:
    with _running_lock:
        _running.discard(process)
