# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-wide lock: one process of this collection changes a host at a time.

Its file is on a tmpfs. It is reentrant, because a second lock of the same process would wait for the first one for
ever.

A task that reaches its time limit ends on the controller only, and its module continues: this lock makes the next run
wait for it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Iterator
from typing import Callable

from .deadline import Deadline
from .errors import ClassroomError
from .file_lock import LockHeld, locked

LOCK = "/run/classroom-kubeadm.lock"
# Seconds that a module without its own timeout waits, the same as for the lock of a package manager
WAIT = 300.0
# The root directory of the host of a module; unit tests set another one
ROOT = ""
_POLL_INTERVAL = 0.1

_depths: dict[str, int] = {}


def changing(reads: bool) -> contextlib.AbstractContextManager[bool]:
    """Return a context that holds the lock, or none if the module only reads (`reads`), as in check mode."""
    return contextlib.nullcontext(False) if reads else held(ROOT, WAIT)


@contextlib.contextmanager
def held(
    base: str, seconds: float,
    deadline: Callable[[float], Deadline] = functools.partial(Deadline, interval=_POLL_INTERVAL),
) -> Iterator[bool]:
    """Hold the lock of the host whose root directory is `base` (`Root.path`), after waiting for up to `seconds`.

    The value of the block is whether this call took the lock; False within a block that holds it already. Not for
    several threads of one process. Raises ClassroomError when another process keeps the lock for longer.
    """
    path = base + LOCK
    if _depths.get(path):
        _depths[path] += 1
        try:
            yield False
        finally:
            _depths[path] -= 1
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path, deadline(seconds), _own_line()))
        except LockHeld as problem:
            raise ClassroomError(
                f"Another run of this collection works on this host: expected the lock {path} to be free within "
                f"{seconds:g} s, found it held by {problem.holder or 'an unknown process'}. Wait until that has ended, "
                "then run this again. Nothing was changed.") from problem
        _depths[path] = 1
        try:
            yield True
        finally:
            del _depths[path]


def _own_line() -> str:
    """Return module, process and time."""
    # Ansible's wrapper sets this name in the module that it runs
    module = str(getattr(sys.modules.get("__main__"), "_module_fqn", "")).rsplit(".", 1)[-1] or "this collection"
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"{module} (process {os.getpid()}, since {now})\n"
