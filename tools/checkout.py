# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are in a checkout, and the environment in which its commands run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("CLASSROOM_CACHE") or ROOT / ".cache")
BUNDLE = CACHE / "bundle" / "current"
VENV_BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """The caller's environment with this checkout's programs, configuration and cache."""
    return {
        **os.environ,
        "PATH": f"{VENV_BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "CLASSROOM_CACHE": str(CACHE),
        # Where the playbooks put what belongs to the user; nobody else says it when the caller is somewhere else
        "PWD": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def machine_environment(root: Path = ROOT) -> dict[str, str]:
    """What makes podman use the configuration and storage of the checkout at `root`, as testbed/cli.py prints it."""
    printed = subprocess.run(
        [sys.executable, str(root / "testbed" / "cli.py"), "env"],
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    ).stdout
    lines = (line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if "=" in line)
    return {name: value.strip("'\"") for name, value in lines}
