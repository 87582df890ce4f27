# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""site.yml beside a script by hand, in one run, on the same kind of fresh machines, from the same bundle.

Both end when every Node is Ready and the cluster's name service is available, as the same kubectl command sees it. The
proof that site.yml adds is measured by itself. Then site.yml with nothing to do, each time right after a ping playbook.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from tools.checkout import BUNDLE, ROOT, environment, machine_environment

Times = dict[str, float]
NODES = ("master", "node1", "node2")
UTILITY = "utility.example.com"


class Bench:
    """Fresh machines as often as wanted, and what is timed on them."""

    def __init__(self, work: Path, prefix: str) -> None:
        self.work = work
        self.env = {**machine_environment(), "CLASSROOM_NET": prefix, "PWD": str(work)}
        self.inventory = work / "inventory"
        self.inventory.mkdir()
        # The lab's inventory with this run's addresses: the same groups, the same variables
        hosts = (ROOT / "inventories/lab/hosts.yml").read_text(encoding="utf-8").replace("192.168.90", prefix)
        (self.inventory / "hosts.yml").write_text(hosts, encoding="utf-8")
        (self.inventory / "group_vars").symlink_to(ROOT / "inventories/lab/group_vars")
        self.addresses: dict[str, str] = {}

    def call(self, argv: Sequence[str], **more: str) -> float:
        """Seconds of one command; its output is shown only when it fails."""
        env = environment(**{**self.env, **more})
        started = time.monotonic()
        done = subprocess.run(argv, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: '{' '.join(argv)}' ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return time.monotonic() - started

    def playbook(self, path: Path, *arguments: str, **more: str) -> float:
        return self.call(["ansible-playbook", str(path), "-i", str(self.inventory), *arguments], **more)

    def machines(self, *arguments: str) -> None:
        self.call([sys.executable, str(ROOT / "machines/machines.py"), *arguments, "--set", "molecule"])

    def fresh(self) -> None:
        """New machines, of which the utility serves already: it is the same for both."""
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
        """Seconds until the cluster is what both roads promise."""
        wait = (
            "export KUBECONFIG=/etc/kubernetes/admin.conf; "
            "kubectl wait --for=condition=Ready node/master node/node1 node/node2 --timeout=120s && "
            "kubectl -n kube-system rollout status deployment/coredns --timeout=120s"
        )
        return self.call(self.on_master(wait))

    def by_hand(self) -> Times:
        manifest = self.work / "flannel.yml"
        self.playbook(ROOT / "tests/benchmark/manifest.yml", "-e", f"benchmark_manifest={manifest}")
        argv = [
            str(ROOT / "tests/benchmark/by_hand.sh"),
            str(self.ssh_options()),
            str(BUNDLE / "apt/classroom-kubeadm.asc"),
            self.addresses[UTILITY],
            str(manifest),
            *(self.addresses[node] for node in NODES),
        ]
        done = subprocess.run(argv, env=environment(**self.env), check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench: by_hand.sh ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        times = {name: float(seconds) for name, seconds in (line.split() for line in done.stdout.splitlines())}
        times["ready"] = self.ready()
        return times

    def by_site(self) -> tuple[Times, float]:
        """Stages up to Ready, and the proof by itself."""
        stages = self.work / "stages.json"
        whole = self.playbook(ROOT / "playbooks/site.yml", "--skip-tags", "verify", CLASSROOM_STAGES_FILE=str(stages))
        times = {entry["stage"]: float(entry["seconds"]) for entry in json.loads(stages.read_text(encoding="utf-8"))}
        times["start of Ansible"] = whole - sum(times.values())
        times["ready"] = self.ready()
        return times, self.playbook(ROOT / "playbooks/verify.yml")

    def idle(self) -> tuple[float, float]:
        return self.playbook(ROOT / "tests/benchmark/ping.yml"), self.playbook(ROOT / "playbooks/site.yml")


def show(title: str, runs: Sequence[Mapping[str, float]]) -> float:
    """The median of each stage and of the whole; returns the latter."""
    print(f"\n{title}, median seconds of {len(runs)} run(s)")
    for stage in runs[0]:
        print(f"  {stage:<20}{statistics.median(run[stage] for run in runs):8.1f}")
    total = statistics.median(sum(run.values()) for run in runs)
    print(f"  {'all':<20}{total:8.1f}", flush=True)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="installations of each kind (default: 3)")
    parser.add_argument(
        "--idle", type=int, default=7, help="pairs of ping and site.yml with nothing to do (default: 7)"
    )
    arguments = parser.parse_args()
    subprocess.run([sys.executable, "bundle/build.py", "build"], cwd=ROOT, env=environment(), check=True)
    subprocess.run([sys.executable, "machines/machines.py", "image"], cwd=ROOT, env=environment(), check=True)
    free = subprocess.run(
        [sys.executable, "machines/machines.py", "free-subnet"],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    work = Path(tempfile.mkdtemp(prefix="bench-"))
    bench = Bench(work, free)
    hand: list[Times] = []
    site: list[Times] = []
    proofs: list[float] = []
    try:
        for number in range(1, arguments.rounds + 1):
            bench.fresh()
            hand.append(bench.by_hand())
            print(f"round {number}: by hand {sum(hand[-1].values()):.1f} s", flush=True)
            bench.fresh()
            times, proof = bench.by_site()
            site.append(times)
            proofs.append(proof)
            print(f"round {number}: site.yml {sum(times.values()):.1f} s, then the proof {proof:.1f} s", flush=True)
        pairs = [bench.idle() for _number in range(arguments.idle)]
    finally:
        bench.machines("down")
        shutil.rmtree(work)
    by_hand, by_site = show("by hand", hand), show("site.yml", site)
    print(f"\nproof                 {statistics.median(proofs):8.1f} s")
    pings, sites = [ping for ping, _site in pairs], [whole for _ping, whole in pairs]
    print(f"ping                  {statistics.median(pings):8.2f} s")
    print(f"site.yml, nothing     {statistics.median(sites):8.2f} s")
    ratios = sorted(
        one / other
        for one, other in zip([sum(run.values()) for run in site], [sum(run.values()) for run in hand], strict=True)
    )
    print(f"\ninstall: site.yml / by hand = {by_site / by_hand:.2f} (pairs {', '.join(f'{r:.2f}' for r in ratios)})")
    print(f"nothing to do: site.yml / ping = {statistics.median(s / p for p, s in pairs):.1f}")
    print(f"machine: {os.cpu_count()} cores, Linux {os.uname().release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
