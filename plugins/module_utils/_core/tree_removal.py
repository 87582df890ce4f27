# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove directory trees by descriptors: never through a link, and never across a mount.

Open directories, and the kernel's number of the mount on which each of them lies, decide what is removed; paths are not
compared. So neither a link in the path nor a later mount changes what is removed. Only one directory is open at a time,
so that the depth is not limited.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .errors import ClassroomError
from .open_beneath import listable, locate, mount_id
from .owner_rights import Account, acting_as

# How often a directory is listed again when another process writes to it meanwhile
_ROUNDS = 3
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class MountInTheWay(ClassroomError):
    """A mount point below the directory to remove; `path` is where it is mounted."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is mounted below it. End what uses it, unmount it, then run this again")
        self.path = path


@dataclass(frozen=True)
class Left:
    """An entry that could not be removed, and the kernel's reason."""

    path: str
    reason: str


@dataclass
class _Level:
    """A directory of the current path. `account` is None where root's rights apply."""

    name: str
    identity: tuple[int, int]
    account: Account | None
    directories: list[str]
    rounds: int = 0
    failed: bool = False


@dataclass
class _Removal:
    account: Account | None
    mount: int
    shown: str
    files: bool
    left: list[Left] = field(default_factory=list)
    levels: list[_Level] = field(default_factory=list)

    def empty(self, top: int, account: Account | None) -> bool:
        """Remove everything in a directory and return whether nothing is left."""
        here = self._enter(top, "", account)
        try:
            while True:
                level = self.levels[-1]
                if level.directories:
                    deeper = self._deeper(here, level, level.directories.pop())
                    here = self._exchange(here, deeper)
                    continue
                self.levels.pop()
                if not self.levels:
                    return not level.failed
                here = self._exchange(here, self._above(here))
                self._close(here, level)
        finally:
            os.close(here)

    @staticmethod
    def _exchange(here: int, there: int | None) -> int:
        if there is None:
            return here
        os.close(here)
        return there

    def _deeper(self, here: int, level: _Level, name: str) -> int | None:
        """Enter a directory and return its descriptor, None if it is gone or cannot be opened."""
        try:
            with rights(level.account):
                located = locate(here, name)
        except FileNotFoundError:
            return None
        try:
            status = os.fstat(located)
            if not stat.S_ISDIR(status.st_mode):
                self._unlink(here, level, [name])
                return None
            if mount_id(located) != self.mount:
                raise MountInTheWay(self._path(name))
            return self._enter(located, name, rights_within(self.account, level.account, status))
        except OSError as problem:
            self._fail(level, name, problem)
            return None
        finally:
            os.close(located)

    def _enter(self, located: int, name: str, account: Account | None) -> int:
        status = os.fstat(located)
        with rights(account):
            here = _listable(located, status, account)
            try:
                level = _Level(name, (status.st_dev, status.st_ino), account, [])
                self.levels.append(level)
                self._list(here, level)
            except OSError:
                self.levels.pop()
                os.close(here)
                raise
        return here

    def _list(self, here: int, level: _Level) -> None:
        """Remove the files of a directory and note its directories; called with the rights that apply in it."""
        files: list[str] = []
        level.directories.clear()
        level.rounds += 1
        with os.scandir(here) as entries:
            for entry in entries:
                (level.directories if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        if self.files:
            self._unlink_now(here, level, files)

    def _unlink(self, here: int, level: _Level, names: list[str]) -> None:
        with rights(level.account):
            self._unlink_now(here, level, names)

    def _unlink_now(self, here: int, level: _Level, names: list[str]) -> None:
        for name in names:
            try:
                os.unlink(name, dir_fd=here)
            except FileNotFoundError:
                continue
            except IsADirectoryError:
                level.directories.append(name)
            except OSError as problem:
                self._fail(level, name, problem)

    def _above(self, here: int) -> int:
        """Open the parent directory, which must be the one from which this directory was entered."""
        expected = self.levels[-1]
        above = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        status = os.fstat(above)
        if (status.st_dev, status.st_ino) != expected.identity or mount_id(above) != self.mount:
            os.close(above)
            raise OSError(errno.ESTALE, "it was moved while it was removed", self._path(""))
        return above

    def _close(self, here: int, level: _Level) -> None:
        """Remove an emptied directory; `here` is its parent."""
        above = self.levels[-1]
        if level.failed:
            above.failed = True
            return
        try:
            with rights(above.account):
                os.rmdir(level.name, dir_fd=here)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as problem:
            if problem.errno != errno.ENOTEMPTY or not self.files:
                self._fail(above, level.name, problem)
            elif above.rounds < _ROUNDS:
                # Another process created something in it
                above.rounds += 1
                above.directories.append(level.name)
            else:
                self._fail(above, level.name, problem)

    def _fail(self, level: _Level, name: str, problem: OSError) -> None:
        level.failed = True
        self.left.append(Left(self._path(name), problem.strerror or str(problem)))

    def _path(self, name: str) -> str:
        return "/".join(part for part in (self.shown, *(level.name for level in self.levels[1:]), name) if part)


def _listable(located: int, status: os.stat_result, account: Account | None) -> int:
    """Open a directory for listing; give its owner the permissions for that first, if they are missing."""
    if account is not None and status.st_uid == account.uid and status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(f"/proc/self/fd/{located}", stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
    return listable(located)


@contextmanager
def rights(account: Account | None) -> Iterator[None]:
    """Run a block with the rights of a user, or with root's for None."""
    if account is None:
        yield
    else:
        with acting_as(account):
            yield


def rights_within(owner: Account | None, above: Account | None, status: os.stat_result) -> Account | None:
    """Return the account whose rights apply in a directory of a home: the owner of the home, or None for root.

    If a directory belongs to root, is not writable by others and lies only in such directories (`above` is None), root
    created it there, for example with sudo: no user can have moved it in. `owner` None means a tree of root.
    """
    if owner is None or (above is None and status.st_uid == 0 and not status.st_mode & _OTHERS_WRITE):
        return None
    return owner


def remove_entry(
    directory: int, name: str, shown: str, *, keep: bool = False, files: bool = True, owner: Account | None = None,
    account: Account | None = None, mount: int | None = None,
) -> tuple[Left, ...]:
    """Remove the entry `name` of an open directory (O_PATH is enough) with its content; return what is left.

    A link is removed itself. `shown` is the path for messages. With `keep` only the content of the directory is
    removed; so it is if the directory is a mount point, unless `mount` names the mount on which it must lie. Without
    `files` only empty directories are removed. `owner` is the user of the home to which the entry belongs, and
    `account` the one whose rights apply in `directory` (see `rights_within`). Raises MountInTheWay for a directory on
    another mount, before anything on that mount is removed.
    """
    try:
        with rights(account):
            located = locate(directory, name)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as problem:
        return (Left(shown, problem.strerror or str(problem)),)
    try:
        status = os.fstat(located)
        if not stat.S_ISDIR(status.st_mode):
            return _remove_file(directory, name, shown, keep or not files, account)
        own = mount_id(located)
        if mount is not None and own != mount:
            raise MountInTheWay(shown)
        removal = _Removal(owner, own, shown, files)
        if removal.empty(located, rights_within(owner, account, status)) and not keep and own == mount_id(directory):
            with rights(account):
                os.rmdir(name, dir_fd=directory)
        return tuple(removal.left)
    except FileNotFoundError:
        return ()
    except OSError as problem:
        return (Left(shown, problem.strerror or str(problem)),)
    finally:
        os.close(located)


def _remove_file(directory: int, name: str, shown: str, keep: bool, account: Account | None) -> tuple[Left, ...]:
    if keep:
        return (Left(shown, os.strerror(errno.ENOTDIR)),)
    try:
        with rights(account):
            os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return ()
    except OSError as problem:
        return (Left(shown, problem.strerror or str(problem)),)
    return ()


def left_message(left: tuple[Left, ...]) -> str:
    """Return why a tree still exists, empty if nothing is left of it."""
    if not left:
        return ""
    more = f", and {len(left) - 1} more" if len(left) > 1 else ""
    return f"{left[0].path} cannot be removed: {left[0].reason}{more}"
