# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths of a checkout, and the environment in which its commands run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Like podman's own runtime files: they describe processes, mounts and interfaces, which end with the boot as well.
RUN = Path("/run/classroom-kubeadm")


@dataclass(frozen=True)
class Checkout:
    """The paths of one checkout. Several on one machine share nothing but the cache."""

    root: Path
    cache: Path
    run_root: Path = RUN

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str] = os.environ) -> Checkout:
        """Return the checkout at `root`, with the cache that the environment names or its own."""
        root = root.resolve()
        return cls(root, Path(environment.get("CLASSROOM_CACHE") or root / ".cache").absolute())

    @property
    def id(self) -> str:
        """A short name that no other checkout on this machine has."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def run(self) -> Path:
        """Runtime files, which are removed at a reboot."""
        return self.run_root / self.id

    @property
    def podman(self) -> Path:
        """podman's configuration, images, containers, volumes and networks."""
        return self.root / ".cache" / "podman"

    @property
    def state(self) -> Path:
        """The ssh key for the hosts, and their host keys."""
        return self.root / ".cache" / "lab"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for podman, Molecule and the inventory of the lab."""
        return {
            "CONTAINERS_CONF": str(self.podman / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.podman / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.podman / "registries.conf"),
            "CLASSROOM_CACHE": str(self.cache),
            "CLASSROOM_LAB_STATE": str(self.state),
            # Molecule's default is in the home directory, shared by all checkouts whose last directory has the same
            # name. In this directory it also forgets at a reboot that the hosts are up.
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.run / "molecule"),
        }


CACHE = Checkout.of(ROOT).cache
BUNDLE = CACHE / "bundle" / "current"
VENV_BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """Return the caller's environment with the programs, configuration and cache of this checkout."""
    return {
        **os.environ,
        "PATH": f"{VENV_BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "CLASSROOM_CACHE": str(CACHE),
        # The playbooks write files of the user here; without it the caller's directory would be used
        "PWD": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def machine_environment(root: Path = ROOT) -> dict[str, str]:
    """Return the variables for the podman configuration of the checkout at `root`, as testbed/cli.py prints them."""
    printed = subprocess.run(
        [sys.executable, str(root / "testbed" / "cli.py"), "env"],
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    ).stdout
    lines = (line.removeprefix("export ").split("=", 1) for line in printed.splitlines() if "=" in line)
    return {name: value.strip("'\"") for name, value in lines}
