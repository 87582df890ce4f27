# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the builder reads and writes, all below one cache directory."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bundle.builder.errors import BundleError
from tools.paths import ROOT

SOURCE = ROOT / "bundle"
PARTIAL = ".partial"


@dataclass(frozen=True)
class Paths:
    """The paths in the cache."""

    cache: Path
    source: Path = SOURCE

    @property
    def go_modules(self) -> Path:
        return self.cache / "go" / "mod"

    @property
    def go_objects(self) -> Path:
        return self.cache / "go" / "build"

    @property
    def programs(self) -> Path:
        return self.cache / "programs"

    @property
    def work(self) -> Path:
        return self.cache / "work"

    @property
    def logs(self) -> Path:
        return self.work / "logs"

    @property
    def bundles(self) -> Path:
        """The directory of bundles, which hosts may have mounted: it stays when one bundle replaces another."""
        return self.cache / "bundle"

    @property
    def bundle(self) -> Path:
        """A link to the finished bundle, which always exists once the first one was built."""
        return self.bundles / "current"

    @property
    def signing_key(self) -> Path:
        return self.cache / "signing" / "secret.asc"


def unfinished(path: Path) -> Path:
    """Return a path for writing what gets this name when it is complete.

    Every build has names of its own: a program that outlives a killed build must not write into the next one's files.
    """
    return path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")


def remove_unfinished(paths: Paths) -> None:
    """Remove files of killed builds; only for the build that holds the lock of the cache."""
    for directory in (paths.bundles, paths.programs, paths.work):
        for stale in directory.glob(f"*{PARTIAL}"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink()


def require_space(directory: Path, gibibytes: int, variables: str) -> None:
    """Raise an error if disk space is too small: a build without space fails later with an unclear message.

    `variables` are those of the environment that name another directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    statistics = os.statvfs(directory)
    free = statistics.f_bavail * statistics.f_frsize / 2**30
    if free < gibibytes:
        raise BundleError(
            f"{gibibytes} GiB free below {directory}",
            f"{free:.1f} GiB",
            f"free some, or name another directory in {variables}",
        )
