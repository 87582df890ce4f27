# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-wide lock: one process of this collection changes a host at a time.

It is a lock of the kernel (flock) on a file on a tmpfs, so it ends with its holder, however that ends. A function that
takes it may be called by one that holds it: a second flock of the same process would wait for the first one for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Callable

from ..errors import ClassroomError

LOCK = "/run/classroom-kubeadm.lock"
_POLL = 0.1

# Asks until something is so, for so many seconds at most, and returns whether it is
Wait = Callable[[Callable[[], bool], float], bool]

_depths: dict[str, int] = {}


@contextlib.contextmanager
def held(base: str, seconds: float, wait: Wait | None = None) -> Iterator[bool]:
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
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not (wait or _wait)(lambda: _locked(descriptor), seconds):
            raise ClassroomError(
                "another run of this collection has been working on this machine for {0:g} s. "
                "Wait for it, then run this again.".format(seconds))
        _depths[path] = 1
        try:
            yield True
        finally:
            del _depths[path]
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True
