# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that a module calls, looked for before anything is begun."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from .errors import ClassroomError


def require(needed: Mapping[str, str]) -> None:
    """Name every missing program at once, with the Debian package that brings it (program -> package)."""
    missing = [f"{tool} (Debian: {package})" for tool, package in needed.items() if not shutil.which(tool)]
    if missing:
        raise ClassroomError("Wanted these programs, found none of them in PATH: {}; install them.".format(
            ", ".join(missing)))


def find_program(name: str) -> str | None:
    """Where a program is; sbin is missing from the path of some sudo configurations."""
    return shutil.which(name, path=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin:/usr/local/bin")
