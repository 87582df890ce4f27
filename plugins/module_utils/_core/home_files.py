# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access files of a home directory with the rights of its user and never through a link.

Paths below the home are walked by descriptors, so that a link in the home is never followed, whatever it points to and
whenever it is made. Only directories and regular files are opened, and nothing is removed across a mount.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from . import tree_removal
from .open_beneath import listable, locate, mount_id, read_regular
from .owner_rights import Account
from .tree_removal import Left, rights, rights_within
from .trusted_path import UntrustedPath, target_of


class HomeFiles:
    """An open home directory. All paths are relative to it; a path through a link or a non-directory is missing."""

    def __init__(self, account: Account, home: int) -> None:
        self._account = account
        self._home = home
        self._mount = mount_id(home)
        self._first = rights_within(account, None, os.fstat(home))

    def names(self, path: str) -> list[str]:
        """Return the sorted entries of a directory; none if the directory is missing or cannot be read."""
        try:
            with self._inside(path + "/.") as (directory, _name):
                descriptor = listable(directory)
                try:
                    return sorted(os.listdir(descriptor))
                finally:
                    os.close(descriptor)
        except OSError:
            return []

    def read(self, path: str, most: int) -> bytes | None:
        """Return the content of a regular file of at most `most` bytes; None for everything else."""
        try:
            with self._inside(path) as (directory, name):
                return read_regular(directory, name, most)
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Return whether the path exists, as a dangling link, too."""
        try:
            with self._inside(path) as (directory, name):
                os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return False
        return True

    def unlink(self, path: str) -> tuple[Left, ...]:
        """Remove a file, or a link itself; return what could not be removed, for example a directory."""
        try:
            with self._inside(path) as (directory, name):
                os.unlink(name, dir_fd=directory)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as problem:
            return (Left(self._shown(path), problem.strerror or str(problem)),)
        return ()

    def remove(self, path: str) -> tuple[Left, ...]:
        """Remove a file, a link itself, or a directory with its content; return what could not be removed.

        Raises tree_removal.MountInTheWay when something in it is mounted.
        """
        try:
            with self._at(path) as (directory, account, name):
                return tree_removal.remove_entry(
                    directory, name, self._shown(path), owner=self._account, account=account, mount=self._mount)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as problem:
            return (Left(self._shown(path), problem.strerror or str(problem)),)

    def rename(self, path: str, new: str) -> bool:
        """Rename an entry within its directory and return whether that worked. An existing entry is not replaced."""
        try:
            with self._inside(path) as (directory, name):
                target = new.rpartition("/")[2]
                try:
                    os.stat(target, dir_fd=directory, follow_symlinks=False)
                except FileNotFoundError:
                    os.rename(name, target, src_dir_fd=directory, dst_dir_fd=directory)
                    return True
        except OSError:
            pass
        return False

    def remove_empty(self, path: str) -> None:
        """Remove a directory if it is empty."""
        try:
            with self._inside(path) as (directory, name):
                os.rmdir(name, dir_fd=directory)
        except OSError:
            # Not empty, missing, a link, or not the user's: entries that could not be removed are reported themselves
            return

    def _shown(self, path: str) -> str:
        return f"{self._account.home}/{path}"

    @contextmanager
    def _inside(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield the directory of an entry and the entry's name, with the rights that apply in the directory."""
        with self._at(path) as (directory, account, name):
            owner_rights = rights(account)
            with owner_rights:
                yield directory, name

    @contextmanager
    def _at(self, path: str) -> Iterator[tuple[int, Account | None, str]]:
        """Yield the directory of an entry, the account whose rights apply in it, and the entry's name."""
        *parents, name = path.split("/")
        # A directory in the home that belongs to root was created with sudo: the user can change nothing in it, so
        # root's rights apply
        here, account, above = os.dup(self._home), self._first, None
        try:
            for part in parents:
                with rights(account):
                    there = locate(here, part)
                os.close(here)
                here = there
                status = os.fstat(here)
                if not stat.S_ISDIR(status.st_mode) or mount_id(here) != self._mount:
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), part)
                account = above = rights_within(self._account, above, status)
            yield here, account, name
        finally:
            os.close(here)


@contextmanager
def open_home(account: Account, base: str = "") -> Iterator[HomeFiles | None]:
    """Open the home of a user; yield None if it does not exist or cannot be opened.

    Links in its path are followed if only root can have made them (see trusted_path). `base` is the root directory of
    the host (`Root.path`).
    """
    try:
        with target_of(account.home, base) as place:
            home = locate(place.directory, place.name)
    except (OSError, UntrustedPath):
        yield None
        return
    try:
        yield HomeFiles(account, home) if stat.S_ISDIR(os.fstat(home).st_mode) else None
    finally:
        os.close(home)
