# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run external commands; a unit test can replace the runner."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import ClassroomError

# How long a command may take to end after SIGTERM, in seconds
_GRACE = 60.0


@dataclass(frozen=True)
class Completed:
    """The result of a command: its exit status and both outputs, decoded as UTF-8."""

    rc: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Return the end of the error output, or of the output if that is empty, for a message."""
        return (self.err.strip() or self.out.strip())[-4000:]


class CommandFailed(ClassroomError):
    """A command that failed. The message names the command and has the end of its output."""

    def __init__(self, argv: Sequence[str], completed: Completed) -> None:
        self.argv = list(argv)
        self.completed = completed
        super().__init__("'{}' ended with {}: {}".format(" ".join(argv), completed.rc, completed.text))


class Runner(Protocol):
    """The signature of `run`; unit tests pass a recorded answer instead."""

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed: ...


def run(
    argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run `argv` without a shell and return its exit status and outputs.

    `timeout` is in seconds. A command that exceeds it gets SIGTERM, then SIGKILL, and has the exit status 124; a
    command that is not installed has 127. Both are the shell's numbers, so that callers check one thing. Raises
    CommandFailed for a status other than 0 unless `check` is false. Pass secrets in `stdin` or in a file, never in
    `argv`, which becomes part of the message.
    """
    # The C locale keeps messages comparable; sbin is missing from the path of some sudo configurations.
    environment = dict(os.environ, LC_ALL="C.UTF-8", PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    environment.update(env or {})
    try:
        with subprocess.Popen(
            list(argv), stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", errors="replace", env=environment,
        ) as process:
            completed = _communicate(process, stdin, timeout)
    except FileNotFoundError:
        completed = Completed(127, "", f"{argv[0]}: command not found")
    if check and completed.rc != 0:
        raise CommandFailed(argv, completed)
    return completed


def _communicate(process: subprocess.Popen[str], stdin: str | None, timeout: float) -> Completed:
    """Wait up to `timeout` seconds for the end of the command, then end it.

    A package manager that is killed leaves half-installed packages, and its children continue without it. So SIGTERM
    comes first, and all processes that have its outputs open are waited for, for a tenth of the timeout at most.
    """
    try:
        out, err = process.communicate(stdin, timeout=timeout)
        return Completed(process.returncode, out, err)
    except subprocess.TimeoutExpired:
        process.terminate()
    except BaseException:
        process.kill()
        raise
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=min(timeout / 10, _GRACE))
    process.kill()
    # Not communicate(): a detached child may keep the outputs open for ever
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    return Completed(124, "", f"no answer within {timeout:g} s")
