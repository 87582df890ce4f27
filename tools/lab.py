# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create the lab with one command: bundle, hosts, cluster, and a table of the nodes."""

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

# Exit status of testbed/cli.py and of this program when another checkout uses the network of the lab
NETWORK_TAKEN = 3

Stages = list[tuple[str, float]]


class Failed(Exception):
    """A failed step, which has printed its error."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def step(stages: Stages, title: str, *argv: str, **env: str) -> None:
    """Run a step, pass its output through as progress, and record its seconds."""
    print(f"lab: {title}", flush=True)
    started = time.monotonic()
    status = subprocess.run(argv, cwd=ROOT, env=environment(**env), check=False).returncode
    if status != 0:
        raise Failed(
            f"lab: '{' '.join(argv)}' ended with {status}; the lines above say why. The next 'make lab' goes on.",
            # The caller distinguishes a network in use from a failure
            NETWORK_TAKEN if status == NETWORK_TAKEN else 1,
        )
    stages.append((title, time.monotonic() - started))


def install(stages: Stages) -> None:
    """Run the collection's site.yml, whose plays are the stages of the table."""
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
    """Link the bundle's kubectl into the checkout, so that no file is installed in the user's directories."""
    KUBECTL.parent.mkdir(exist_ok=True)
    KUBECTL.unlink(missing_ok=True)
    KUBECTL.symlink_to(BUNDLE / "bin" / "kubectl")


def nodes() -> list[dict[str, Any]]:
    argv = [str(KUBECTL), "--kubeconfig", str(KUBECONFIG), "get", "nodes", "-o", "json"]
    listed: dict[str, Any] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
    items: list[dict[str, Any]] = listed["items"]
    return items


def row(node: dict[str, Any]) -> tuple[str, ...]:
    """Return a Node object as name, internal address, role, version and readiness."""
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
    step(stages, "hosts", sys.executable, "testbed/cli.py", "up")
    install(stages)
    link_kubectl()
    show(stages)


def down() -> None:
    step([], "remove the hosts and their network", sys.executable, "testbed/cli.py", "down")
    KUBECONFIG.unlink(missing_ok=True)


def verify() -> None:
    """Test the lab as a user would: create it, create it again, use kubectl, and remove it."""
    up()
    print("lab: second run, which must change nothing", flush=True)
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
        raise Failed(
            f"lab: expected no changes by a second run on {MACHINES} hosts, found:\n{again.stdout}{again.stderr}")
    ready = [row(node) for node in nodes()]
    if [entry[-1] for entry in ready] != ["True"] * 3:
        raise Failed(f"lab: expected three Ready nodes, found {ready}")
    down()
    if KUBECONFIG.exists():
        raise Failed(f"lab: expected {KUBECONFIG} to be removed with the lab, found it")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "verify"])
    verbs = {"up": up, "down": down, "verify": verify}
    try:
        verbs[parser.parse_args().verb]()
    except Failed as failure:
        print(failure, file=sys.stderr, flush=True)
        return failure.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
