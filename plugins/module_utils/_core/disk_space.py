# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check free disk space before something is written."""

from __future__ import annotations

import os

from .errors import ClassroomError

MIB = 1 << 20
# Reserve for what is written at the same time: logs, and files of unknown size
SPARE = 64 * MIB


def require(path: str, wanted: int, what: str) -> None:
    """Raise ClassroomError unless the file system of `path` has room for `wanted` bytes.

    `path` need not exist yet. `what` names the data in the message.
    """
    place = _existing(path)
    found = free(place)
    if wanted and found < wanted + SPARE:
        raise ClassroomError(
            f"Not enough disk space: expected {_mib(wanted + SPARE)} MiB free in {path} for {what}, found "
            f"{found // MIB} MiB on the file system of {place}. Make room there, or choose another directory. Nothing "
            "was changed.")


def same_file_system(one: str, other: str) -> bool:
    """Return whether two paths, which need not exist yet, are or will be on one file system."""
    return os.stat(_existing(one)).st_dev == os.stat(_existing(other)).st_dev


def free(path: str) -> int:
    """Return how many bytes an unprivileged program can still write to the file system of an existing path."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path or "/"


def _mib(size: int) -> int:
    return -(-size // MIB)


def free_mib(path: str) -> int:
    """Return the free space of an existing path in whole MiB."""
    return free(path) // MIB
