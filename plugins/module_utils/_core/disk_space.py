# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether something fits on a disk, judged before it is written."""

from __future__ import annotations

import os

from .errors import ClassroomError

MIB = 1 << 20
# What else is written meanwhile: logs, and files of which nobody knows the size
SPARE = 64 * MIB


def require(path: str, wanted: int, what: str) -> None:
    """Refuse when the file system of a path, which need not be there yet, has not room for `wanted` bytes."""
    place = _existing(path)
    found = free(place)
    if wanted and found < wanted + SPARE:
        raise ClassroomError(
            f"Wanted {_mib(wanted + SPARE)} MiB free in {path} for {what}, found {found // MIB} MiB on the file system "
            f"of {place}. Make room there, or give "
            "it another place; nothing was changed.")


def free(path: str) -> int:
    """Bytes that a program may still write where `path`, which exists, is."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path or "/"


def _mib(size: int) -> int:
    return -(-size // MIB)


def free_mib(path: str) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize // 1024 // 1024
