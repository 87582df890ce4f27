# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resolve the path of a file of root, through symbolic links only where only root can have made them.

An administrator may have moved `/var/lib` to a data disk and left a link. A link that another user made, or could
exchange, would redirect root to any place.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import ClassroomError

_WALK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
# The kernel's limit, see path_resolution(7)
_MOST_LINKS = 40
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UntrustedPath(ClassroomError):
    """A path through a link that another user than root can redirect."""


@dataclass(frozen=True)
class TrustedPlace:
    """The place of a file that need not exist: the descriptor (O_PATH) of its directory, and its name there.

    `path` is the same as text, without links and with the root directory of the host in front. `linked`: the last part
    of the path was a link.
    """

    directory: int
    name: str
    path: str
    linked: bool = False


@contextmanager
def parent_of(path: str, base: str = "", make: int | None = None) -> Iterator[TrustedPlace]:
    """Open the directory of an absolute path. The last part of the path is not followed when it is a link itself.

    `base` is the root directory of the host (`Root.path`). Missing directories are created with the mode `make`, if
    given. Raises UntrustedPath for a link that must not be followed, OSError (FileNotFoundError, NotADirectoryError)
    if there is no such directory. The descriptor is closed at the end of the block.
    """
    yield from _opened(_Walk(base, make), path, follow_last=False)


@contextmanager
def target_of(path: str, base: str = "", make: int | None = None) -> Iterator[TrustedPlace]:
    """Open the directory of an absolute path like `parent_of`, but follow the last part, too, if it is a link."""
    yield from _opened(_Walk(base, make), path, follow_last=True)


def _opened(walk: _Walk, path: str, follow_last: bool) -> Iterator[TrustedPlace]:
    try:
        yield walk.to(path, follow_last)
    finally:
        walk.close()


class _Walk:
    """The resolution of a path, with one open directory at a time."""

    def __init__(self, base: str, make: int | None) -> None:
        self._base = base.rstrip("/")
        self._make = make
        self._here = -1
        # The path of the open directory, without links
        self._path = ""
        self._links: list[str] = []
        self._weak = ""

    def close(self) -> None:
        if self._here >= 0:
            os.close(self._here)
            self._here = -1

    def to(self, path: str, follow_last: bool) -> TrustedPlace:
        given = path
        waiting = self._start(self._base + path)
        linked = False
        while waiting:
            name = waiting.popleft()
            last = not waiting
            if name == "..":
                self._enter(name)
            elif last and not follow_last:
                return self._place(name, linked)
            else:
                target = self._link(name)
                if target is not None:
                    linked = linked or last
                    self._trust(given)
                    target_parts = self._start(target) if target.startswith("/") else _parts(target)
                    waiting.extendleft(reversed(target_parts))
                elif last:
                    return self._place(name, linked)
                else:
                    self._enter(name)
            self._trust(given)
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)

    def _start(self, full: str) -> deque[str]:
        """Begin at the root directory of the host, or at the real one for a link that leads out of a test's root."""
        inside = bool(self._base) and full.startswith(self._base + "/")
        self.close()
        self._path = self._base if inside else ""
        self._here = os.open(self._path or "/", _WALK | os.O_DIRECTORY)
        if not inside:
            self._check("/")
        return _parts(full[len(self._path):])

    def _enter(self, name: str) -> None:
        if name == "..":
            if self._path == self._base:
                return
            path = os.path.dirname(self._path).rstrip("/")
        else:
            path = f"{self._path}/{name}"
        try:
            entered = os.open(name, _WALK | os.O_DIRECTORY, dir_fd=self._here)
        except FileNotFoundError:
            if self._make is None:
                raise
            os.mkdir(name, self._make, dir_fd=self._here)
            entered = os.open(name, _WALK | os.O_DIRECTORY, dir_fd=self._here)
        os.close(self._here)
        self._here, self._path = entered, path
        self._check(path)

    def _check(self, path: str) -> None:
        status = os.fstat(self._here)
        if not self._weak and (status.st_uid not in (0, os.geteuid()) or status.st_mode & _OTHERS_WRITE):
            self._weak = f"{path} (owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o})"

    def _link(self, name: str) -> str | None:
        """Return the target of a link, None if the entry is no link or is missing."""
        try:
            status = os.stat(name, dir_fd=self._here, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISLNK(status.st_mode):
            return None
        path = f"{self._path}/{name}"
        self._links.append(path)
        if len(self._links) > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        if not self._weak and status.st_uid not in (0, os.geteuid()):
            self._weak = f"the link itself (owner {status.st_uid})"
        return os.readlink(name, dir_fd=self._here)

    def _trust(self, given: str) -> None:
        if self._links and self._weak:
            raise UntrustedPath(
                f"{given} leads through the symbolic link {self._links[0][len(self._base):]}, which other users could "
                "redirect: expected every link and directory on the way to belong to root and to be writable by root "
                f"only, found {self._weak}. Use a bind mount instead of the link, or correct owner and mode. Nothing "
                "was changed there.")

    def _place(self, name: str, linked: bool) -> TrustedPlace:
        return TrustedPlace(self._here, name, f"{self._path}/{name}", linked)


def _parts(path: str) -> deque[str]:
    return deque(part for part in path.split("/") if part not in ("", "."))
