# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure what a class costs its controller: CPU seconds and memory by the number of hosts and forks.

The hosts are unconfigured containers, up to sixty of them, in seats of three, as the inventory plugin makes them from a
class file: site.yml runs in check mode, with the same calls as a run without changes. The CPU seconds are those of the
controller's processes without those of the hosts, although they share the same cores.

Before that a cluster of three is installed. The load of the controller by that and by a run without changes is printed,
and what the utility has sent, with the CPU seconds of its services.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / ".collections"))
sys.path.insert(0, str(ROOT))

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from benchmarks.machines import UTILITY, Trial, trial
from testbed.config import Platform, machine_set
from testbed.fleet import Fleet
from tools.paths import Checkout, environment

SEAT = ("master", "node1", "node2")
# A host that runs only systemd and sshd needs a twentieth of the resources of a cluster member
BARE = 20
MIB = 2**20


@dataclass(frozen=True)
class BareFleet(Fleet):
    """Seats of hosts without workloads, and the utility."""

    seats: int = 1

    @property
    def platforms(self) -> list[Platform]:
        """Return as many copies of one host of the description as the class has hosts."""
        described = {platform.name: platform for platform in super().platforms}
        return [described[UTILITY], *(self._place(described[SEAT[-1]], number) for number in range(self.seats * 3))]

    def _place(self, like: Platform, number: int) -> Platform:
        name = f"seat{number // 3 + 1:02}-{SEAT[number % 3]}"
        ip = f"{self.machines.prefix}.{number + 100}"
        # Only cluster members write to the anonymous volumes
        volumes = tuple(volume for volume in like.volumes if ":" in volume)
        keys = {**like.keys, "hostname": name, "ip": ip, "volumes": list(volumes)}
        return Platform(name, name, like.image, ip, volumes, keys)

    def worth(self, machines: int) -> int:
        return machines // BARE + 1


@dataclass(frozen=True)
class Cost:
    """The load of one run: CPU seconds of the controller, elapsed seconds, and peak memory and number of processes."""

    cpu: float
    seconds: float
    memory: int
    processes: int


def _family(root: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(directory.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _share(pid: int) -> int:
    """Return the memory of a process with its proportional share of shared memory, in bytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cost(lab: Trial, argv: Sequence[str]) -> Cost:
    """Run a command and return its load."""
    peaks: list[tuple[int, int]] = [(0, 0)]
    ended = threading.Event()
    before, started = os.times(), time.monotonic()
    process = subprocess.Popen(
        argv, cwd=ROOT, env=environment(**lab.env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    def watch() -> None:
        while not ended.wait(0.5):
            shares = [share for share in map(_share, _family(process.pid)) if share]
            peaks.append((sum(shares), len(shares)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed = process.communicate()[0]
    ended.set()
    watcher.join()
    if process.returncode != 0:
        raise SystemExit(f"'{' '.join(argv)}' ended with {process.returncode}\n{printed}")
    after, seconds = os.times(), time.monotonic() - started
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(cpu, seconds, *max(peaks))


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return intercept and slope of the linear fit of the points."""
    fit = statistics.linear_regression(*zip(*points, strict=True))
    return fit.intercept, fit.slope


def utility_load(lab: Trial) -> tuple[int, float]:
    """Return the bytes that the utility has sent so far, and the CPU seconds of its services."""
    tick = os.sysconf("SC_CLK_TCK")
    ask = (
        "cat /sys/class/net/eth0/statistics/tx_bytes; "
        # The registry's program and nginx with its workers: utime and stime in ticks, see proc(5)
        "cat $(pgrep -x 'nginx|registry|classroom-regis' | sed 's|.*|/proc/&/stat|') | sed 's/.*) //' | "
        "awk '{ticks += $12 + $13} END {print ticks}'"
    )
    sent, ticks = lab.run(["ssh", "-F", str(lab.ssh_options()), f"root@{lab.addresses[UTILITY]}", ask]).stdout.split()
    return int(sent), int(ticks) / tick


def installed(lab: Trial) -> None:
    """Print the load of controller and utility by an installation of three hosts, and by a run without changes."""
    lab.fresh()
    site = ["ansible-playbook", str(ROOT / "playbooks/site.yml"), "-i", str(lab.inventory)]
    sent, served = utility_load(lab)
    install = cost(lab, site)
    sent_after, served_after = utility_load(lab)
    lab.run(site)
    idle = cost(lab, site)
    for title, found in (("installation", install), ("nothing to do", idle)):
        print(f"{title} of 4 machines: {found.cpu:.1f} CPU s of the controller, {found.cpu / 4:.2f} a machine")
    nodes = len(SEAT)
    print(
        f"utility: {(sent_after - sent) / nodes / MIB:.0f} MiB and {(served_after - served) / nodes:.2f} CPU s a node, "
        f"{(sent_after - sent) / MIB / max(served_after - served, 0.01):.0f} MiB a CPU second",
        flush=True,
    )
    lab.machines("down")


def write_class(lab: Trial, prefix: str, seats: int) -> Path:
    """Write a class file for the hosts, next to the lab's variables."""
    path = lab.inventory / "class.yml"
    path.write_text(
        f"""plugin: classroom.kubeadm.seats
seats: 1-{seats}
addresses: {{first: {prefix}.100, next_seat: 3}}
utility: {{name: {UTILITY}, address: {prefix}.10}}
variables: {{cluster_packages_from: utility, cluster_images_from: utility, ansible_user: root}}
""",
        encoding="utf-8",
    )
    (lab.inventory / "hosts.yml").unlink()
    return path


def measure(lab: Trial, seats: Sequence[int], forks: Sequence[int]) -> None:
    """Print the load of runs by number of seats and forks."""
    prefix = lab.env["CLASSROOM_NET"]
    most = max(seats)
    inventory = write_class(lab, prefix, most)
    fleet = Fleet.of(Checkout.of(ROOT), machine_set("molecule", {"CLASSROOM_NET": prefix}), run)
    BareFleet(fleet.checkout, fleet.machines, fleet.podman, fleet.run, seats=most).up()

    def of(count: int, fork: int) -> Cost:
        limit = ":".join([UTILITY, *(f"seat{number:02}" for number in range(1, count + 1))])
        return cost(lab, [
            "ansible-playbook", str(ROOT / "playbooks/site.yml"), "-i", str(inventory), "--check", "--limit", limit,
            "--forks", str(fork),
        ])

    print(f"{'machines':>9}{'forks':>7}{'CPU s':>9}{'CPU s/machine':>15}{'seconds':>9}{'MiB':>7}{'processes':>11}")
    runs = [(count, max(forks)) for count in seats] + [(most, fork) for fork in forks if fork != max(forks)]
    # The first run opens the connections
    of(most, max(forks))
    points = []
    for count, fork in runs:
        found = of(count, fork)
        print(
            f"{count * 3 + 1:>9}{fork:>7}{found.cpu:>9.1f}{found.cpu / (count * 3 + 1):>15.2f}{found.seconds:>9.1f}"
            f"{found.memory / MIB:>7.0f}{found.processes:>11}",
            flush=True,
        )
        if fork == max(forks):
            points.append((count * 3.0 + 1, found.cpu))
    base, each = line_through(points)
    print(f"CPU seconds of the controller = {base:.1f} + {each:.2f} for each machine")


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seats", type=numbers, default=[1, 5, 10, 20], help="of three machines (default: 1,5,10,20)")
    parser.add_argument("--forks", type=numbers, default=[5, 20, 60], help="default: 5,20,60")
    arguments = parser.parse_args()
    with trial() as lab:
        installed(lab)
        measure(lab, arguments.seats, arguments.forks)
    print(f"machine: {os.cpu_count()} cores, Linux {os.uname().release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
