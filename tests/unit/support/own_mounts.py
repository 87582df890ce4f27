# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real mounts for a test, in a mount namespace of its own: nothing of them is seen by another process."""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.mounts import TABLE

Result = TypeVar("Result")
_CLONE_NEWNS = 0x00020000


def apart(act: Callable[[], Result]) -> Result:
    """Run `act` in a child process with its own mounts; what it returns, or an AssertionError with its traceback."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        answer: tuple[str, object]
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
                answer = ("skip", os.strerror(ctypes.get_errno()))
            else:
                mount("--make-rprivate", "/")
                answer = ("result", act())
        except BaseException:
            answer = ("error", traceback.format_exc())
        with open(writes, "wb") as stream:
            pickle.dump(answer, stream)
        os._exit(0)
    os.close(writes)
    with open(reads, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    kind, found = pickle.loads(text)
    if kind == "skip":
        pytest.skip(f"no mount namespace: {found}")
    if kind == "error":
        raise AssertionError(found)
    result: Result = found
    return result


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def show_table(base: Path) -> None:
    """Give the host below `base` the kernel's table of what is mounted there, with paths from its own root on."""
    lines = []
    with open(TABLE, encoding="utf-8") as stream:
        for line in stream:
            words = line.split(" ")
            if words[4].startswith(str(base) + "/"):
                words[4] = words[4][len(str(base)):]
                lines.append(" ".join(words))
    target = base / TABLE.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(lines))
