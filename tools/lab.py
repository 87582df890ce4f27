# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab from one command: bundle, machines, cluster, and a table of what stands."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from tools.paths import BUNDLE, ROOT, environment

KUBECONFIG = ROOT / "kubeconfig" / "lab.conf"
KUBECTL = ROOT / "bin" / "kubectl"
MACHINES = 4
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"

# testbed/cli.py and this program: the lab's network is somebody else's
NETWORK_TAKEN = 3

Stages = list[tuple[str, float]]


class Failed(Exception):
    """A step ended badly; it has printed why."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def step(stages: Stages, title: str, *argv: str, **env: str) -> None:
    """Run one step, its output passed through as its progress, and note its seconds."""
    print(f"lab: {title}", flush=True)
    started = time.monotonic()
    status = subprocess.run(argv, cwd=ROOT, env=environment(**env), check=False).returncode
    if status != 0:
        raise Failed(
            f"lab: '{' '.join(argv)}' ended with {status}; the lines above say why. The next 'make lab' goes on."
        )
    stages.append((title, time.monotonic() - started))


def install(stages: Stages) -> None:
    """The collection's own site.yml, its plays being the stages of the table."""
    with tempfile.NamedTemporaryFile(suffix=".json") as times:
        step(
            [],
            "cluster",
            "ansible-playbook",
            "site.yml",
            "-i",
            "lab",
            CLASSROOM_STAGES_FILE=times.name,
            ANSIBLE_FORCE_COLOR=str(int(sys.stdout.isatty())),
        )
        stages += [(stage["stage"], stage["seconds"]) for stage in json.load(times)]


def link_kubectl() -> None:
    """The bundle's kubectl, next to the checkout's other files and out of the person's own directories."""
    KUBECTL.parent.mkdir(exist_ok=True)
    KUBECTL.unlink(missing_ok=True)
    KUBECTL.symlink_to(BUNDLE / "bin" / "kubectl")


def nodes() -> list[dict[str, Any]]:
    argv = [str(KUBECTL), "--kubeconfig", str(KUBECONFIG), "get", "nodes", "-o", "json"]
    listed: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    items: list[dict[str, Any]] = listed["items"]
    return items


def row(node: dict[str, Any]) -> tuple[str, ...]:
    """A Node object as name, internal address, role, version and readiness."""
    address = next((a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"), "")
    role = "control plane" if CONTROL_PLANE_LABEL in node["metadata"]["labels"] else "worker"
    ready = next((c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"), "Unknown")
    return node["metadata"]["name"], address, role, node["status"]["nodeInfo"]["kubeletVersion"], ready


def show(stages: Stages) -> None:
    console = Console()
    table = Table("node", "address", "role", "version", "Ready")
    for node in nodes():
        table.add_row(*row(node))
    console.print(table)
    table = Table("stage")
    table.add_column("seconds", justify="right")
    for title, seconds in stages:
        table.add_row(title, f"{seconds:.1f}")
    console.print(table)
    print(f"use it:     export KUBECONFIG={KUBECONFIG}; {KUBECTL} get nodes")
    print("remove it:  make lab-down", flush=True)


def up() -> None:
    stages: Stages = []
    step(stages, "bundle", sys.executable, "-m", "bundle", "build")
    step(stages, "machines", sys.executable, "testbed/cli.py", "up")
    install(stages)
    link_kubectl()
    show(stages)


def down() -> None:
    step([], "the machines and their network are removed", sys.executable, "testbed/cli.py", "down")
    KUBECONFIG.unlink(missing_ok=True)


def prove() -> None:
    """What a person does first, as a test: the lab, the lab again, kubectl from here, and all of it gone."""
    up()
    print("lab: once more, nothing may change", flush=True)
    again = subprocess.run(
        ["ansible-playbook", "site.yml", "-i", "lab"],
        cwd=ROOT,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    changed = [int(count) for count in re.findall(r"changed=(\d+)", again.stdout)]
    if again.returncode != 0 or len(changed) != MACHINES or any(changed):
        raise Failed(f"lab: a second run was to change nothing on {MACHINES} machines:\n{again.stdout}{again.stderr}")
    ready = [row(node) for node in nodes()]
    if [entry[-1] for entry in ready] != ["True"] * 3:
        raise Failed(f"lab: three Ready nodes were wanted, kubectl shows {ready}")
    down()
    if KUBECONFIG.exists():
        raise Failed(f"lab: {KUBECONFIG} was to be gone with the lab")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "prove"])
    verbs = {"up": up, "down": down, "prove": prove}
    try:
        verbs[parser.parse_args().verb]()
    except Failed as failure:
        print(failure, file=sys.stderr, flush=True)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
