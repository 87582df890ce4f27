# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The place of a bundle: a directory that is never seen half-written, exchanged in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from .._core import run_lock
from .._core.errors import ClassroomError
from . import lock as bundle_lock


class BundleDestination:
    """Where a bundle is to be: a directory, or a link to one, which then is moved to the new bundle.

    What is not finished lies beside it, under names that begin with a dot.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.parent, self.name = os.path.split(self.path)
        self.unfinished = self._beside("making")
        self._former = self._beside("former")

    def _beside(self, ending: str) -> str:
        return os.path.join(self.parent, f".{self.name}.{ending}")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One run at a time; a second one is refused. What a killed run has left is cleared away or put back."""
        # A module has no means to tell that it waits, so it does not
        with run_lock.alone(self._beside("running"), self.path, 0, lambda _words: None):
            shutil.rmtree(self.unfinished, ignore_errors=True)
            if os.path.isdir(self._former) and not os.path.lexists(self.path):
                # It was killed between the two renames below
                os.rename(self._former, self.path)
            shutil.rmtree(self._former, ignore_errors=True)
            try:
                yield
            finally:
                shutil.rmtree(self.unfinished, ignore_errors=True)

    def check(self) -> None:
        """Refuse a place where something else is."""
        if not os.path.lexists(self.path) or os.path.isfile(os.path.join(self.path, bundle_lock.NAME)):
            return
        if os.path.isdir(self.path) and not os.listdir(self.path):
            return
        if os.path.islink(self.path) and not os.path.exists(self.path):
            return
        raise ClassroomError(
            f"Wanted {self.path} for a bundle, found something else there, without {bundle_lock.NAME}; give the bundle "
            "another place, or move "
            "that away.")

    def take(self, key: str) -> None:
        """Put the finished directory in its place. A link is moved, and the bundle that it named stays where it is."""
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
                f"The place of the new bundle is taken: expected nothing or a bundle in {target}, found something "
                "without "
                f"{bundle_lock.NAME}. Move it away. The former bundle stays.")
        if os.path.lexists(target):
            # Whoever reads through the link has half a second of nothing; it was damaged, or it would not be made anew
            shutil.rmtree(target)
        os.rename(self.unfinished, target)
        link = self._beside("link")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink(os.path.basename(target), link)
        os.replace(link, self.path)
