# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-wide lock: one process of this collection changes a host at a time.

It is a lock of the kernel (flock) on a file on a tmpfs, so it ends with its holder, however that ends. It is reentrant,
because a second flock of the same process would wait for the first one for ever.

A task that reaches its time limit ends on the controller only, and its module continues: this lock makes the next run
wait for it. The file names the holder, for the message when the timeout has passed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from typing import Callable

from .errors import ClassroomError

LOCK = "/run/classroom-kubeadm.lock"
# Seconds that a module without its own timeout waits, the same as for the lock of a package manager
WAIT = 300.0
# The root directory of the host of a module; unit tests set another one
ROOT = ""
_POLL_INTERVAL = 0.1
# Longest line about the holder, in bytes; another process may be writing the file
_LINE = 200

# Polls a condition for at most so many seconds and returns whether it became true
Wait = Callable[[Callable[[], bool], float], bool]

_depths: dict[str, int] = {}


def changing(reads: bool) -> contextlib.AbstractContextManager[bool]:
    """Return a context that holds the lock, or none if the module only reads (`reads`), as in check mode."""
    return contextlib.nullcontext(False) if reads else held(ROOT, WAIT)


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
                f"Another run of this collection works on this host: expected the lock {path} to be free within "
                f"{seconds:g} s, found it held by {_holder(descriptor)}. Wait until that has ended, then run this "
                "again. Nothing was changed.")
        _write_holder(descriptor)
        _depths[path] = 1
        try:
            yield True
        finally:
            del _depths[path]
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Return the line that the holder has written about itself."""
    line = os.pread(descriptor, _LINE, 0).decode("ascii", "replace").split("\n")[0]
    return line if line.isprintable() and line else "an unknown process"


def _write_holder(descriptor: int) -> None:
    """Write module, process and time; the lock is valid even if its file cannot be written."""
    # Ansible's wrapper sets this name in the module that it runs
    module = str(getattr(sys.modules.get("__main__"), "_module_fqn", "")).rsplit(".", 1)[-1] or "this collection"
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        line = f"{module} (process {os.getpid()}, since {now})\n"
        os.pwrite(descriptor, line.encode("ascii", "replace"), 0)


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
        time.sleep(_POLL_INTERVAL)
    return True
