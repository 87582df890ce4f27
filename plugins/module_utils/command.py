# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""External commands, run one way everywhere and replaceable in a unit test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Completed:
    """What a finished command left: its exit status and both outputs, decoded as UTF-8."""

    rc: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """The more telling of the two outputs, for a message to a person."""
        return (self.err.strip() or self.out.strip())[-4000:]


class CommandFailed(Exception):
    """A command that had to succeed did not; the message names it and carries its last output."""

    def __init__(self, argv: Sequence[str], completed: Completed) -> None:
        self.argv = list(argv)
        self.completed = completed
        super().__init__("'{0}' ended with {1}: {2}".format(" ".join(argv), completed.rc, completed.text))


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
    """Run `argv` without a shell and return what it printed.

    `timeout` is in seconds; a command that exceeds it is killed and counts as exit status 124, one that is not
    installed as 127 (the shell's own numbers, so that callers have one thing to look at).
    Raises CommandFailed for a status other than 0 unless `check` is false. Secrets belong into `stdin` or a file,
    never into `argv`: it becomes part of the message.
    """
    # The C locale keeps messages comparable; sbin is missing from the path of some sudo configurations.
    environment = dict(os.environ, LC_ALL="C.UTF-8", PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    environment.update(env or {})
    try:
        process = subprocess.run(
            list(argv), input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True,
            timeout=timeout, check=False, encoding="utf-8", errors="replace", env=environment,
        )
        completed = Completed(process.returncode, process.stdout, process.stderr)
    except FileNotFoundError:
        completed = Completed(127, "", "{0}: command not found".format(argv[0]))
    except subprocess.TimeoutExpired:
        completed = Completed(124, "", "no answer within {0:g} s".format(timeout))
    if check and completed.rc != 0:
        raise CommandFailed(argv, completed)
    return completed
