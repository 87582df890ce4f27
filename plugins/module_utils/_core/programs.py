# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the programs that a module calls, before it starts to work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from .errors import ClassroomError


def require(needed: Mapping[str, str]) -> None:
    """Raise ClassroomError that names all missing programs, with their Debian packages (program -> package)."""
    missing = [f"{tool} (Debian: {package})" for tool, package in needed.items() if not shutil.which(tool)]
    if missing:
        raise ClassroomError("Required programs are missing: {}. Install them and try again.".format(
            ", ".join(missing)))


def find_program(name: str) -> str | None:
    """Return the path of a program, None if it is missing; PATH lacks sbin in some sudo configurations."""
    return shutil.which(name, path=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin:/usr/local/bin")
