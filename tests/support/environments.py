# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python environments with packages that the main environment cannot have."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tools.paths import CACHE

# Seconds
INSTALLATION = 300


def environment(name: str, requirements: Path, python: str) -> Path:
    """Make an environment with exactly the required packages, once, and keep it in the cache. Return its programs."""
    key = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:12]
    place = CACHE / "environments" / f"{name}-{key}"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(place)], check=True, timeout=INSTALLATION)
        subprocess.run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--requirement", str(requirements)], check=True, timeout=INSTALLATION)
        (place / "complete").touch()
    return place / "bin"


def wheels(name: str, requirements: Path, version: str) -> Path:
    """Download the required packages, and pip, for this version of Python, once. Return their directory."""
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    place = CACHE / "environments" / f"wheels-{name}-{key}"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary=:all:", f"--python-version={version}", f"--dest={place}"]
        # In two steps, because hashes are required for all packages or for none
        for arguments in (["--requirement", str(requirements)], ["pip"]):
            subprocess.run([*pip, *arguments], check=True, timeout=INSTALLATION)
        (place / "complete").touch()
    return place
