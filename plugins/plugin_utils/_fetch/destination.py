# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, directories and files on the controller for content that comes from hosts.

The directory that the inventory names is opened once; everything below it is accessed through its descriptor, and no
link is followed there. Links above it are the administrator's own, for example to a larger disk, and are followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator

from ...module_utils._core.errors import ClassroomError

_LONGEST_NAME = 200
_PIECE = 1 << 20
# Seconds after which a temporary file or directory of a killed run is removed.
_STALE = 3600.0
_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.part")


def require_name(name: str) -> str:
    """Return a name from the inventory that is one component of a path. Raise ClassroomError for any other text."""
    wrong = not name or name in (".", "..") or "/" in name or len(os.fsencode(name)) > _LONGEST_NAME
    if wrong or any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise ClassroomError(
            f"Invalid file name: expected one name of at most {_LONGEST_NAME} bytes without '/' and control "
            f"characters, found {name[:_LONGEST_NAME]!a}. Correct the inventory. Nothing was changed.")
    return name


class Directory:
    """An open directory of the controller. `path` is for messages and for programs that accept only paths."""

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self.path = path

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def subdirectory(self, name: str, create: bool = False) -> Directory:
        """Open a directory in this one. Raise FileNotFoundError unless `create`, ClassroomError for a link."""
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self._descriptor)
        path = os.path.join(self.path, name)
        if not stat.S_ISDIR(self._status(name).st_mode):
            raise ClassroomError(_not_a("directory", path, self._status(name)))
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        return Directory(os.open(name, flags, dir_fd=self._descriptor), path)

    def exists(self, name: str) -> bool:
        """Return whether the name exists, also as a dangling link."""
        try:
            self._status(name)
        except FileNotFoundError:
            return False
        return True

    def open_file(self, name: str) -> int:
        """Return a descriptor of a regular file. Raise FileNotFoundError, and ClassroomError for anything else."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        status = self._status(name)
        if not stat.S_ISREG(status.st_mode):
            raise ClassroomError(_not_a("regular file", os.path.join(self.path, name), status))
        descriptor = os.open(name, flags, dir_fd=self._descriptor)
        opened = os.fstat(descriptor)
        if (opened.st_dev, opened.st_ino) != (status.st_dev, status.st_ino):
            os.close(descriptor)
            raise ClassroomError(f"{os.path.join(self.path, name)} was replaced while it was opened. Try again.")
        return descriptor

    def read(self, name: str, limit: int) -> tuple[bytes, int] | None:
        """Return content and mode of a regular file, None if there is none; at most `limit` + 1 bytes are read."""
        try:
            descriptor = self.open_file(name)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as stream:
            return stream.read(limit + 1), stat.S_IMODE(os.fstat(stream.fileno()).st_mode)

    def write(self, name: str, content: bytes, mode: int, replace: bool) -> None:
        """Write a file under a temporary name, synchronize and then rename it.

        Without `replace` an existing name is an error. A link or a directory is never replaced.
        """
        if self.exists(name):
            self._require_replaceable(name, replace)
        self._sweep(name)
        fresh = _temporary(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(fresh, flags, 0o600, dir_fd=self._descriptor)
        try:
            with open(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            if not replace:
                # Creates the name exclusively. A hard link would do the same, but not on every file system.
                os.close(os.open(name, flags, 0o600, dir_fd=self._descriptor))
            os.rename(fresh, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=self._descriptor)
            raise
        os.fsync(self._descriptor)

    def write_stream(self, name: str, pieces: Iterator[bytes]) -> None:
        """Write a new file of mode 0600 piece by piece, in a directory that does not have its final name yet."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=self._descriptor), "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())

    def set_mode(self, name: str, mode: int) -> None:
        """Set the mode of a regular file."""
        descriptor = self.open_file(name)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def remove(self, name: str, check_mode: bool = False) -> None:
        """Remove a file, or the link itself. Raise ClassroomError for a directory, in check mode too."""
        status = self._status(name)
        if stat.S_ISDIR(status.st_mode):
            raise ClassroomError(_not_a("regular file", os.path.join(self.path, name), status))
        if not check_mode:
            os.unlink(name, dir_fd=self._descriptor)

    def fill_new(self, name: str, fill: Callable[[Directory], None]) -> None:
        """Create a directory with the content that `fill` writes; it gets its name only when it is complete.

        Raise ClassroomError if the name exists. Nothing is left if `fill` raises an error.
        """
        self.require_free(name)
        self._sweep(name)
        fresh = _temporary(name)
        os.mkdir(fresh, 0o700, dir_fd=self._descriptor)
        try:
            inner = self.subdirectory(fresh)
            try:
                fill(inner)
            finally:
                inner.close()
            try:
                # Creates the name exclusively; the rename replaces only an empty directory.
                os.mkdir(name, 0o700, dir_fd=self._descriptor)
            except FileExistsError:
                self.require_free(name)
            os.rename(fresh, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True, dir_fd=self._descriptor)
            raise
        os.fsync(self._descriptor)

    def require_free(self, name: str) -> None:
        """Raise ClassroomError if the name exists."""
        if self.exists(name):
            raise ClassroomError(
                f"{os.path.join(self.path, name)} exists: expected a new directory, and an earlier harvest is never "
                "overwritten. Run it again, or move that directory away. Nothing was changed.")

    def _status(self, name: str) -> os.stat_result:
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def _require_replaceable(self, name: str, replace: bool) -> None:
        status = self._status(name)
        path = os.path.join(self.path, name)
        if not stat.S_ISREG(status.st_mode):
            raise ClassroomError(_not_a("regular file", path, status))
        if not replace:
            raise ClassroomError(f"{path} exists and is not overwritten. Move it away. Nothing was changed.")

    def _sweep(self, name: str) -> None:
        """Remove temporary files and directories that killed runs left for the same name."""
        for entry in os.listdir(self._descriptor):
            found = _PART.fullmatch(entry)
            if not found or found["name"] != name:
                continue
            with contextlib.suppress(FileNotFoundError):
                status = self._status(entry)
                if time.time() - status.st_mtime < _STALE:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    shutil.rmtree(entry, ignore_errors=True, dir_fd=self._descriptor)
                else:
                    os.unlink(entry, dir_fd=self._descriptor)


@contextlib.contextmanager
def opened(path: str, *below: str, create: bool = False) -> Iterator[Directory]:
    """Open the directory `path` that the inventory names, and one `below` it, component by component.

    Links above `path` are followed; `path` itself and everything below must be real directories. Missing ones are
    created with mode 0700 if `create`, and otherwise raise FileNotFoundError.
    """
    parent, name = os.path.split(os.path.abspath(path))
    parent = os.path.realpath(parent)
    if create:
        os.makedirs(parent, mode=0o700, exist_ok=True)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    directory = Directory(os.open(parent, flags), parent)
    try:
        for component in (name, *below) if name else below:
            inner = directory.subdirectory(require_name(component), create)
            directory.close()
            directory = inner
        yield directory
    finally:
        directory.close()


def _temporary(name: str) -> str:
    return f".{name}.{secrets.token_hex(8)}.part"


def _not_a(kind: str, path: str, status: os.stat_result) -> str:
    names = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a directory"), (stat.S_ISREG, "a regular file"))
    found = next((name for test, name in names if test(status.st_mode)), "a special file")
    return f"{path} cannot be used on the controller: expected a {kind}, found {found}. Links are followed only " \
           "above the directory that the inventory names. Move it away. Nothing was changed."
