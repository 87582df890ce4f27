# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of the collection's playbooks inside of a Molecule scenario, and what they said."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.paths import ROOT

# ansible-playbook's own, for a machine that failed and for one that was not reached
FAILED, UNREACHABLE = 2, 4
_FATAL = re.compile(r"^fatal: \[([^\s\]]+)", re.MULTILINE)
_RECAP = re.compile(r"^(\S+)\s+:\s+(ok=.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A finished run of ansible-playbook."""

    status: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The closing lines: machine -> counter -> number."""
        lines: list[tuple[str, str]] = _RECAP.findall(self.output)
        return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)} for host, text in lines}

    @property
    def changed(self) -> dict[str, int]:
        """What the recap says of changes."""
        return {host: counters["changed"] for host, counters in self.recap.items()}

    @property
    def failures(self) -> dict[str, str]:
        """What a person reads of a task in which a machine failed or was not reached, each in one line."""
        found: dict[str, str] = {}
        for task in self.output.split("\nTASK ["):
            for host in _FATAL.findall(task):
                found[host] = " ".join((found.get(host, "") + " " + task).split())
        return found


def inventory() -> Path:
    """The scenario's inventory: a directory, since the machines' addresses have a file of their own."""
    return Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent


def kubeconfig() -> Path:
    """Where the scenarios' inventory has the administrator's kubeconfig put, out of the way of the lab's."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "kubeconfig" / "lab.conf"


def kept_prints() -> Path:
    """Where a scenario keeps what its machines were like before the first playbook."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "before.json"


def playbook(name: str, *arguments: str, inventories: tuple[Path, ...] = (), **more: str) -> Run:
    """Run a playbook of the collection on the scenario's inventory, or on others; `more` is environment."""
    sources = [f"--inventory={path}" for path in inventories or (inventory(),)]
    return _run(["ansible-playbook", str(ROOT / "playbooks" / name), *sources, *arguments], **more)


def ad_hoc(host: str, module: str, options: Mapping[str, Any], *arguments: str) -> Run:
    """Run one module on one machine of the scenario."""
    return _run(["ansible", host, f"--inventory={inventory()}", "-m", module, "-a", json.dumps(options), *arguments])


def _run(argv: Sequence[str], **more: str) -> Run:
    done = subprocess.run(
        argv,
        # The words of Ansible's own output are what is looked for
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0",
             "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout)
