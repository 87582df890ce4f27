# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts in a free network, for programs that measure the collection's playbooks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tools.paths import ROOT, environment, machine_environment

NODES = ("master", "node1", "node2")
UTILITY = "utility.example.com"


class Trial:
    """New hosts for each measurement, and the measured commands."""

    def __init__(self, work: Path, prefix: str, nodes: Sequence[str] = NODES) -> None:
        self.work = work
        self.nodes = nodes
        self.env = {**machine_environment(), "CLASSROOM_NET": prefix, "PWD": str(work)}
        self.inventory = work / "inventory"
        self.inventory.mkdir()
        # The lab's inventory with the addresses of this run: the same groups, the same variables
        hosts = (ROOT / "inventories/lab/hosts.yml").read_text(encoding="utf-8").replace("192.168.90", prefix)
        listed = yaml.safe_load(hosts)
        workers = listed["all"]["children"]["k8s_cluster"]["children"]["workers"]["hosts"]
        for name in set(workers) - set(nodes):
            del workers[name]
        (self.inventory / "hosts.yml").write_text(yaml.safe_dump(listed), encoding="utf-8")
        (self.inventory / "group_vars").symlink_to(ROOT / "inventories/lab/group_vars")
        self.addresses: dict[str, str] = {}

    def run(self, argv: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command and capture its output; show it and end the program on failure."""
        env = environment(**{**self.env, **more})
        done = subprocess.run(argv, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"'{' '.join(argv)}' ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def call(self, argv: Sequence[str], **more: str) -> float:
        """Return the seconds of a command."""
        started = time.monotonic()
        self.run(argv, **more)
        return time.monotonic() - started

    def playbook(self, path: Path, *arguments: str, **more: str) -> float:
        """Return the seconds of a playbook."""
        return self.call(["ansible-playbook", str(path), "-i", str(self.inventory), *arguments], **more)

    def machines(self, *arguments: str) -> None:
        self.run([sys.executable, str(ROOT / "testbed/cli.py"), *arguments, "--set", "molecule"])

    def fresh(self) -> None:
        """Create new hosts with a configured utility."""
        addresses = self.work / "addresses.yml"
        self.machines("down")
        self.machines("up", "--inventory", str(addresses))
        listed = yaml.safe_load(addresses.read_text(encoding="utf-8"))["all"]["hosts"]
        self.addresses = {name: entry["ansible_host"] for name, entry in listed.items()}
        self.playbook(ROOT / "playbooks/site.yml", "--limit", "utility")

    def on_master(self, *words: str) -> list[str]:
        return ["ssh", "-F", str(self.ssh_options()), f"root@{self.addresses['master']}", *words]

    def ssh_options(self) -> Path:
        state = Path(self.env["CLASSROOM_LAB_STATE"])
        path = self.work / "ssh_options"
        lines = [
            "Host *",
            f"IdentityFile {state / 'id_ed25519'}",
            f"UserKnownHostsFile {state / 'known_hosts'}",
            "StrictHostKeyChecking yes",
            "LogLevel ERROR",
            "ControlMaster auto",
            f"ControlPath {self.work}/%h",
            "ControlPersist 60",
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def ready(self) -> float:
        """Return the seconds until every Node is Ready and the cluster's name service is available."""
        nodes = " ".join(f"node/{name}" for name in self.nodes)
        wait = (
            "export KUBECONFIG=/etc/kubernetes/admin.conf; "
            # kubeadm join ends before the kubelet has registered
            f"kubectl wait --for=create {nodes} --timeout=60s && "
            f"kubectl wait --for=condition=Ready {nodes} --timeout=120s && "
            "kubectl -n kube-system rollout status deployment/coredns --timeout=120s"
        )
        return self.call(self.on_master(wait))


@contextlib.contextmanager
def trial(nodes: Sequence[str] = NODES) -> Iterator[Trial]:
    """Yield a trial in a directory and a network of its own, after bundle and image were built.

    The network is that of CLASSROOM_NET, or a free one.
    """
    subprocess.run([sys.executable, "-m", "bundle", "build"], cwd=ROOT, env=environment(), check=True)
    subprocess.run([sys.executable, "testbed/cli.py", "image"], cwd=ROOT, env=environment(), check=True)
    prefix = os.environ.get("CLASSROOM_NET") or subprocess.run(
        [sys.executable, "testbed/cli.py", "free-subnet"],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    work = Path(tempfile.mkdtemp(prefix="trial-"))
    found = Trial(work, prefix, nodes)
    try:
        yield found
    finally:
        found.machines("down")
        shutil.rmtree(work)
