# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open entries of a directory by its descriptor, and never through a symbolic link.

Each call resolves its path again, and a user may exchange a part of it between two calls; a descriptor is stable. Only
directories and regular files are opened: opening a FIFO would block, and opening a device may have effects.
"""

from __future__ import annotations

import errno
import os
import stat

# Without O_DIRECTORY the kernel does not trigger an automount here (see open(2), O_PATH)
_LOCATE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def locate(directory: int, name: str) -> int:
    """Return a descriptor (O_PATH) of an entry of any type: of a link itself, and of a FIFO without opening it."""
    return os.open(name, _LOCATE, dir_fd=directory)


def listable(located: int) -> int:
    """Return a descriptor for listing the directory that `locate` returned.

    Raises NotADirectoryError for everything else, also for a link to a directory.
    """
    if not stat.S_ISDIR(os.fstat(located).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return os.open(".", _LIST, dir_fd=located)


def open_directory(directory: int, name: str) -> int:
    """Return a descriptor of the directory `name`; raise NotADirectoryError for a link, even to a directory."""
    located = locate(directory, name)
    try:
        return listable(located)
    finally:
        os.close(located)


def read_regular(directory: int, name: str, most: int) -> bytes | None:
    """Return the content of a regular file; None for anything else, and for a file of more than `most` bytes."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        return None
    with open(os.open(name, _READ, dir_fd=directory), "rb") as stream:
        # Another entry may have this name by now, and the file may have grown
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        content = stream.read(most + 1)
    return content if len(content) <= most else None


def mount_id(descriptor: int) -> int:
    """Return the number of the mount on which an open file lies (proc(5), `/proc/pid/fdinfo`).

    Unlike the device number it differs behind a bind mount of the same file system. Do not call it within
    `owner_rights.acting_as`.
    """
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as stream:
        for line in stream:
            name, _colon, value = line.partition(":")
            if name == "mnt_id":
                return int(value)
    raise OSError(errno.ENOTSUP, "The kernel does not report the mount of an open file")
