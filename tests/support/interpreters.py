# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find Python interpreters of this computer by version."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def candidates(version: str) -> Iterator[str]:
    """Yield programs that may be this Python: in PATH, and where pyenv keeps those that its shims do not select."""
    found = shutil.which(f"python{version}")
    if found:
        yield found
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from (str(path / "bin" / f"python{version}") for path in sorted(versions.glob(f"{version}.*")))


def interpreter(version: str, needs: str = "sys") -> str | None:
    """Return the first Python of this version that runs and has the module `needs`.

    A shim of pyenv may only print that no version is selected, so each candidate is run.
    """
    for program in candidates(version):
        done = subprocess.run([program, "-c", f"import {needs}, sys; print('%d.%d' % sys.version_info[:2])"],
                              capture_output=True, text=True, check=False, timeout=30)
        if done.returncode == 0 and done.stdout.strip() == version:
            return program
    return None
