# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that does again what failed, and only that."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath

from .class_run import Run, SeatRun

# Options of ansible-playbook with one letter that take no value, and so may stand before -l in the same word
_FLAGS = "bCDJkKv"
_SHORT = re.compile("-([{0}]*)l(.*)".format(_FLAGS), re.DOTALL)
# A variable that is given on the command line and that nobody should read on a projector
_SECRET = re.compile(
    r"""((?:\b|_)(?:pass|secret|token|credential|private_key)\w*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,}]+)""",
    re.IGNORECASE)


def limit(run: Run) -> list[str]:
    """What failed: a seat where its control plane or all of it did, else single machines."""
    found: list[str] = []
    for seat in run.seats.values():
        machines = [machine for machine in seat.machines if machine in _stopped(seat)]
        if machines:
            found += [seat.place.seat] if _whole(seat, machines) else machines
    return found


def _stopped(seat: SeatRun) -> set[str]:
    return {each.machine for each in seat.failures if not each.tolerated}


def _whole(seat: SeatRun, failed: Sequence[str]) -> bool:
    return seat.place.group and (seat.place.control_plane in failed or len(failed) == len(seat.machines))


def retry_command(argv: Sequence[str], hosts: Sequence[str]) -> str:
    """`argv` as it was typed, with another --limit and without secrets. Empty when nothing failed."""
    if not hosts or not argv:
        return ""
    words = [PurePath(argv[0]).name, *without_limit(argv[1:]), "--limit", ",".join(hosts)]
    return " ".join(shlex.quote(_SECRET.sub(r"\1***", word)) for word in words)


def without_limit(words: Sequence[str]) -> list[str]:
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        short = _SHORT.fullmatch(word)
        if word.startswith("--lim"):
            if "=" not in word:
                next(rest, None)
        elif short:
            if short.group(1):
                kept.append("-" + short.group(1))
            if not short.group(2):
                next(rest, None)
        else:
            kept.append(word)
    return kept
