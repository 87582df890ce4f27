# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of a playbook in a terminal, where questions are asked and a person answers."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from tests.support.playbooks import Run
from tools.paths import ROOT


def in_terminal(name: str, *arguments: str, answers: Sequence[tuple[str, str]] = (), seconds: float = 240) -> Run:
    """Run a playbook of the collection; each answer is typed once its question has appeared, in their order."""
    return typed(["ansible-playbook", str(ROOT / "playbooks" / name), *arguments], answers, seconds)


def typed(argv: list[str], answers: Sequence[tuple[str, str]] = (), seconds: float = 240) -> Run:
    """Run any program in the same way."""
    process, ours = pty.fork()
    if process == 0:
        os.execvpe(argv[0], argv, {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"})
    said, heard, typed, waiting = "", 0, 0, list(answers)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([ours], [], [], 1)[0]:
            # It is quiet: somebody asks, or was asked and throws away what was typed before it listened
            if waiting and waiting[0][0] in said[heard:]:
                os.write(ours, waiting[0][1].encode() + b"\n")
                typed = len(said)
            continue
        piece = b""
        # The end of the last process on the other side is an error of the terminal
        with suppress(OSError):
            piece = os.read(ours, 65536)
        if not piece:
            break
        if typed:
            heard, typed, waiting = typed, 0, waiting[1:]
        said += piece.decode(errors="replace").replace("\r\n", "\n")
    else:
        os.kill(process, signal.SIGTERM)
    os.close(ours)
    return Run(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), said)
