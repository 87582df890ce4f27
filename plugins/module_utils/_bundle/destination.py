# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace the directory of a bundle in one step, so that it is never seen half-written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from .._core import run_lock
from .._core.errors import ClassroomError
from . import lock as bundle_lock


class BundleDestination:
    """The path of a bundle: a directory, or a link to one, which is moved to the new bundle.

    Unfinished bundles are next to it, under names that begin with a dot.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.parent, self.name = os.path.split(self.path)
        self.unfinished = self._hidden("making")
        self._former = self._hidden("former")

    def _hidden(self, ending: str) -> str:
        return os.path.join(self.parent, f".{self.name}.{ending}")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of this path; remove or restore what a killed run has left. Raises ClassroomError if locked."""
        # A module cannot report that it waits, so it does not wait
        with run_lock.alone(self._hidden("running"), self.path, 0, lambda _words: None):
            shutil.rmtree(self.unfinished, ignore_errors=True)
            if os.path.isdir(self._former) and not os.path.lexists(self.path):
                # The former run was killed between the two renames in take()
                os.rename(self._former, self.path)
            shutil.rmtree(self._former, ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(self.unfinished, ignore_errors=True)

    def check(self) -> None:
        """Raise ClassroomError if the path has something other than a bundle."""
        if not os.path.lexists(self.path) or os.path.isfile(os.path.join(self.path, bundle_lock.NAME)):
            return
        if os.path.isdir(self.path) and not os.listdir(self.path):
            return
        if os.path.islink(self.path) and not os.path.exists(self.path):
            return
        raise ClassroomError(
            f"The path of the bundle is in use: expected nothing or a bundle in {self.path}, found something else "
            f"there, without {bundle_lock.NAME}. Choose another path for the bundle, or move that away.")

    def take(self, key: str) -> None:
        """Move the finished directory to the path. A link is moved, and its former bundle is kept."""
        if os.path.islink(self.path):
            self._move_link(key)
            return
        if os.path.lexists(self.path):
            os.rename(self.path, self._former)
        os.rename(self.unfinished, self.path)
        shutil.rmtree(self._former, ignore_errors=True)

    def _move_link(self, key: str) -> None:
        target = os.path.join(self.parent, key[:16])
        if os.path.lexists(target) and not os.path.isfile(os.path.join(target, bundle_lock.NAME)):
            raise ClassroomError(
                f"The path of the new bundle is in use: expected nothing or a bundle in {target}, found something "
                f"without {bundle_lock.NAME}. Move it away. The former bundle is kept.")
        if os.path.lexists(target):
            # Readers of the link find nothing for half a second; the bundle was damaged, otherwise it would be kept
            shutil.rmtree(target)
        os.rename(self.unfinished, target)
        link = self._hidden("link")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink(os.path.basename(target), link)
        os.replace(link, self.path)
