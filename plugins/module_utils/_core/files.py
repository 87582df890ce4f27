# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write files of the host: a missing file is no error, and a file is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import ClassroomError

# The first line of a file that is replaced by the next run
HEADER = "# Written by the collection classroom.kubeadm; the next run replaces changes made here.\n"
# Bytes that are read at a time
PIECE = 1 << 20
_SELINUX = "security.selinux"
# Part of the name of a file that is being written; the end of the name is different for each writer
_NEW = ".classroom-new"
_ATTEMPTS = 100


@dataclass(frozen=True)
class Root:
    """The root directory of the host: the empty string on a host, a temporary directory in a unit test."""

    path: str = ""

    def __call__(self, absolute: str) -> str:
        return self.path + absolute


def read_text(path: str) -> str | None:
    """Return the content of a file, None if the file or a directory of its path is missing.

    Raises ClassroomError for any other reason why it cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise ClassroomError(f"{path} cannot be read: {problem.strerror}.") from problem


def mode_of(path: str) -> int | None:
    """Return the permission bits of a file, None if it is missing."""
    try:
        return os.stat(path).st_mode & 0o7777
    except (FileNotFoundError, NotADirectoryError):
        return None


def checksum_of(path: str, algorithm: str = "sha256") -> str:
    """Return the checksum of a file's content in hexadecimal digits, empty if the file cannot be read."""
    total = hashlib.new(algorithm)
    try:
        with open(path, "rb") as stream:
            for piece in iter(lambda: stream.read(PIECE), b""):
                total.update(piece)
    except OSError:
        return ""
    return total.hexdigest()


def write_text(path: str, content: str, mode: int | None = None) -> None:
    """Replace the content of a file atomically: no reader sees half of it, and the later of two writers wins.

    An existing file keeps its mode (unless `mode` is given), owner and SELinux label; a new file gets 0644. Missing
    parent directories are created. If `path` is a symbolic link, its target is written. Raises ClassroomError.
    """
    target = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        _replace(target, content, mode)
    except OSError as problem:
        raise ClassroomError(f"{path} cannot be written: {problem.strerror}.") from problem


def remove(path: str) -> None:
    """Remove a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _replace(target: str, content: str, mode: int | None) -> None:
    directory, name = os.path.split(target)
    _sweep(directory, name)
    with _fresh(directory, name) as (fresh, descriptor):
        try:
            with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", closefd=False) as stream:
                stream.write(content)
                stream.flush()
                _dress(descriptor, target, mode)
                os.fsync(descriptor)
            os.rename(fresh, target)
        except BaseException as problem:
            remove(fresh)
            if not isinstance(problem, OSError) or problem.errno != errno.EBUSY:
                raise
            _overwrite(target, content, mode)
        else:
            _sync_directory(directory)


@contextlib.contextmanager
def _fresh(directory: str, name: str) -> Iterator[tuple[str, int]]:
    """Create a file with a unique name and lock it, so that no other writer takes it for a leftover."""
    for _attempt in range(_ATTEMPTS):
        path = os.path.join(directory, f".{name}{_NEW}.{secrets.token_hex(6)}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # Another writer may have removed it between the two calls
            if _lock(descriptor, without=True) and os.fstat(descriptor).st_nlink == 1:
                yield path, descriptor
                return
        finally:
            os.close(descriptor)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _sweep(directory: str, name: str) -> None:
    """Remove the files that killed writers of this file left: those with such a name that no process has locked."""
    start = f".{name}{_NEW}"
    for entry in os.listdir(directory):
        # The first versions of this collection used the name without a dot and a suffix
        if entry != start and not entry.startswith(start + "."):
            continue
        path = os.path.join(directory, entry)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _lock(descriptor, without=False):
                    os.unlink(path)
            finally:
                os.close(descriptor)


def _lock(descriptor: int, without: bool) -> bool:
    """Lock the file and return whether that worked; on a file system without locks return `without`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without
    return True


def _sync_directory(directory: str) -> None:
    """Write the new name to the disk, too, if the file system can; without it only the name may be lost."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _dress(descriptor: int, target: str, mode: int | None) -> None:
    """Give the new file the owner, mode and SELinux label of the old one."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644 if mode is None else mode)
        return
    os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777 if mode is None else mode)
    with contextlib.suppress(OSError):
        os.setxattr(descriptor, _SELINUX, os.getxattr(target, _SELINUX))


def _overwrite(target: str, content: str, mode: int | None) -> None:
    """Write into the file itself: a bind-mounted file (/etc/hosts in a container) cannot be replaced by renaming."""
    with open(target, "r+", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(content)
        stream.truncate()
        stream.flush()
        if mode is not None:
            os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
