# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let only one run at a time work on a directory or file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator

from .errors import ClassroomError

POLL = 0.2


@contextlib.contextmanager
def alone(path: str, what: str, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the file `path`, after waiting up to `wait` seconds for its holder.

    `what` names the protected object in messages; `say` gets one message when the wait starts. The kernel releases the
    lock when its holder ends, however it ends, so a killed run blocks no other one. The file has the process id of the
    holder and is removed afterwards. Raises ClassroomError when another run keeps the lock for longer.
    """
    descriptor = _acquired(path, what, wait, say)
    try:
        yield
    finally:
        # Removed while it is held: a process that opened it before sees that it is no longer the file of that name
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _acquired(path: str, what: str, wait: float, say: Callable[[str], None]) -> int:
    deadline = time.monotonic() + wait
    told = False
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise ClassroomError(
                    f"Another run is using {what}: expected the lock to be free within {wait:g} s, found it held by "
                    f"process {holder}. Wait until that run has ended, then run this again.") from problem
            if not told:
                say(f"waits for another run on {what} (process {holder})")
                told = True
            time.sleep(POLL)
            continue
        if _is_current(descriptor, path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return descriptor
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise ClassroomError(f"{path} cannot be written: {problem.strerror}.") from problem


def _is_current(descriptor: int, path: str) -> bool:
    try:
        named = os.stat(path)
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)
