# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lock between processes, by the name of a file.

It is a lock of the kernel (flock), which releases it when its holder ends, however it ends: a killed run blocks no
other one. The file has a line about the holder, for the message of a process that has waited for too long.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import Callable

from .deadline import Deadline
from .errors import ClassroomError

# Longest line about the holder, in bytes; another process may be writing the file
_LINE = 200


class LockHeld(ClassroomError):
    """The lock was not free in time; `holder` is the line of its holder, empty if that is unknown."""

    def __init__(self, path: str, holder: str) -> None:
        self.holder = holder
        super().__init__(f"The lock {path} is held by {holder or 'an unknown process'}.")


@contextlib.contextmanager
def locked(
    path: str, deadline: Deadline, line: str, *, remove: bool = False,
    on_wait: Callable[[str], None] = lambda _holder: None,
) -> Iterator[None]:
    """Hold the lock of the file `path`, which gets `line`; `remove` the file afterwards.

    `on_wait` is called once with the holder's line when another process holds the lock. Raises LockHeld at the
    deadline, and ClassroomError if the file cannot be written.
    """
    descriptor = _acquired(path, deadline, on_wait)
    try:
        # The lock is valid even if its file cannot be written, for example because the file system is full.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, line.encode("ascii", "replace"), 0)
        yield
    finally:
        # Removed while it is held: a process that opened it before sees that it is no longer the file of that name
        if remove:
            with contextlib.suppress(OSError):
                os.unlink(path)
        os.close(descriptor)


def _acquired(path: str, deadline: Deadline, on_wait: Callable[[str], None]) -> int:
    told = False
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            holder = _holder(descriptor)
            os.close(descriptor)
            if deadline.expired:
                raise LockHeld(path, holder) from problem
            if not told:
                on_wait(holder)
                told = True
            deadline.pause()
            continue
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise ClassroomError(f"{path} cannot be written: {problem.strerror}.") from problem


def _holder(descriptor: int) -> str:
    line = os.pread(descriptor, _LINE, 0).decode("ascii", "replace").split("\n")[0].strip()
    return line if line.isprintable() else ""


def _is_current(descriptor: int, path: str) -> bool:
    try:
        named = os.stat(path)
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)
