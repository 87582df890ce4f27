# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure what a class costs its controller: CPU seconds and memory by the number of hosts and forks.

The hosts are containers in seats of three, as the inventory plugin makes them from a class file. `make bench` installs
a few seats and measures runs without changes. This program measures up to sixty unconfigured hosts in check mode, the
most work that a run without a change on any host can make. The CPU seconds are those of the controller's processes
without those of the hosts, although they share the same cores.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / ".collections"))

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from benchmarks.machines import UTILITY, Trial, trial
from benchmarks.results import Measure, Pair, Report, Run, say
from testbed.config import Platform, machine_set
from testbed.fleet import Fleet
from tools.paths import ROOT, Checkout, environment

SEAT = ("master", "node1", "node2")
# The class of the goals: 61 hosts
GOAL_HOSTS, FORKS = 61, 20
# The seats that are installed to measure it: their hosts need 20 GiB of memory, as testbed/host_check.py calculates
INSTALLED = 4
# A host that runs only systemd and sshd needs a twentieth of the resources of a cluster member
BARE = 20
MIB = 2**20


@dataclass(frozen=True)
class SeatFleet(Fleet):
    """Seats of hosts, and the utility. Without `workloads` the seats are not installed, and need few resources."""

    seats: int = 1
    workloads: bool = False

    @property
    def platforms(self) -> list[Platform]:
        """Return as many copies of one host of the description as the class has hosts."""
        described = {platform.name: platform for platform in super().platforms}
        return [described[UTILITY], *(self._place(described[SEAT[-1]], number) for number in range(self.seats * 3))]

    def _place(self, like: Platform, number: int) -> Platform:
        name = f"seat{number // 3 + 1:02}-{SEAT[number % 3]}"
        ip = f"{self.machines.prefix}.{number + 100}"
        # Only cluster members write to the anonymous volumes
        volumes = tuple(volume for volume in like.volumes if self.workloads or ":" in volume)
        keys = {**like.keys, "hostname": name, "ip": ip, "volumes": list(volumes)}
        return Platform(name, name, like.image, ip, volumes, keys)

    def worth(self, machines: int) -> int:
        return machines if self.workloads else machines // BARE + 1


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


def cost(lab: Trial, argv: Sequence[str], **more: str) -> Cost:
    """Run a command and return its load."""
    peaks: list[tuple[int, int]] = [(0, 0)]
    ended = threading.Event()
    before, started = os.times(), time.monotonic()
    env = environment(**{**lab.env, **more})
    process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

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


def site_argv(inventory: Path, *arguments: str) -> list[str]:
    return ["ansible-playbook", str(ROOT / "playbooks/site.yml"), "-i", str(inventory), *arguments]


def installed(lab: Trial) -> None:
    """Print the load of controller and utility by an installation of three hosts, and by a run without changes."""
    lab.fresh()
    sent, served = utility_load(lab)
    install = cost(lab, site_argv(lab.inventory))
    sent_after, served_after = utility_load(lab)
    lab.run(site_argv(lab.inventory))
    print(f"| {'run':<16} | hosts | CPU s | CPU s per host |\n| --- | --- | --- | --- |")
    print_load("installation", install, lab)
    print_load("nothing to do", cost(lab, site_argv(lab.inventory)), lab)
    mib, seconds = (sent_after - sent) / len(SEAT) / MIB, (served_after - served) / len(SEAT)
    rate = mib / max(seconds, 0.01)
    print(f"\nutility: {mib:.0f} MiB and {seconds:.2f} CPU s per node, {rate:.0f} MiB per CPU second\n", flush=True)
    lab.machines("down")


def print_load(title: str, load: Cost, lab: Trial) -> None:
    hosts = len(lab.nodes) + 1
    print(f"| {title:<16} | {hosts} | {load.cpu:.1f} | {load.cpu / hosts:.2f} |", flush=True)


class SeatClass:
    """Seats of a class, and the runs that measure the load of their controller."""

    def __init__(self, lab: Trial, seats: int, workloads: bool) -> None:
        """Create the hosts and a class file for them, next to the lab's variables."""
        prefix = lab.env["CLASSROOM_NET"]
        self.lab = lab
        self.inventory = lab.work / "class" / "class.yml"
        self.inventory.parent.mkdir()
        (self.inventory.parent / "group_vars").symlink_to(ROOT / "inventories/lab/group_vars")
        self.inventory.write_text(
            f"""plugin: classroom.kubeadm.seats
seats: 1-{seats}
addresses: {{first: {prefix}.100, next_seat: 3}}
utility: {{name: {UTILITY}, address: {prefix}.10}}
variables: {{cluster_packages_from: utility, cluster_images_from: utility, ansible_user: root}}
""",
            encoding="utf-8",
        )
        fleet = Fleet.of(Checkout.of(ROOT), machine_set("molecule", {"CLASSROOM_NET": prefix}), run)
        SeatFleet(fleet.checkout, fleet.machines, fleet.podman, fleet.run, seats=seats, workloads=workloads).up()

    def load(self, seats: int, forks: int, *arguments: str) -> Cost:
        """Return the load of site.yml for some of the seats, and the utility."""
        limit = ":".join([UTILITY, *(f"seat{number:02}" for number in range(1, seats + 1))])
        return cost(self.lab, site_argv(self.inventory, *arguments, "--limit", limit, "--forks", str(forks)))


def hosts_of(seats: int) -> int:
    return seats * len(SEAT) + 1


def measures(hosts: int) -> tuple[Measure, Measure]:
    """Return the measures for CPU seconds and elapsed seconds; so many hosts are installed."""
    goals = hosts == hosts_of(INSTALLED)
    return (
        Measure(
            "class-cpu", f"{hosts} hosts, nothing to do: CPU seconds of the controller for each further host",
            unit="CPU s", goal_value=0.5 if goals else None,
        ),
        Measure(
            "class-elapsed", f"{GOAL_HOSTS} hosts, nothing to do, {FORKS} forks, calculated from {hosts} hosts",
            goal_value=50 if goals else None,
        ),
    )


def measure(report: Report, lab: Trial, rounds: int, seats: int = INSTALLED) -> None:
    """Install a class, and add the load of runs without changes to a report."""
    lab.machines("down")
    group = SeatClass(lab, seats, workloads=True)
    group.load(seats, FORKS)
    add(report, rounds, {hosts_of(count): partial(group.load, count, FORKS) for count in (1, seats)})


def add(report: Report, rounds: int, loads: Mapping[int, Callable[[], Cost]]) -> None:
    """Add the load of each further host to a report: the difference between runs of many and of few hosts."""
    few, many = sorted(loads)
    cpu, elapsed = measures(many)
    per_host: list[Pair] = []
    calculated: list[Pair] = []
    for number in range(rounds):
        title = f"{many} hosts, nothing to do, round {number + 1}"
        load = report.load(title)
        less, more = loads[few](), loads[many]()
        say(f"{title}: {more.seconds:.1f} s, {more.cpu:.1f} CPU s ({few} hosts: {less.seconds:.1f} s, {less.cpu:.1f})")
        # Not less than nothing: runs of few hosts differ by more than the cost of a host
        each = max(more.cpu - less.cpu, 0.01) / (many - few)
        seconds = max(more.seconds - less.seconds, 0.01) / (many - few)
        per_host.append(Pair(load, Run({"controller": each})))
        calculated.append(Pair(load, Run({"site.yml": less.seconds + seconds * (GOAL_HOSTS - few)})))
    report.add(cpu, per_host)
    report.add(elapsed, calculated)


def table(lab: Trial, seats: Sequence[int], forks: Sequence[int]) -> None:
    """Print the load of runs in check mode by number of seats and forks."""
    most = max(seats)
    bare = SeatClass(lab, most, workloads=False)
    print("| hosts | forks | CPU s | CPU s per host | seconds | MiB | processes |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    runs = [(count, max(forks)) for count in seats] + [(most, fork) for fork in forks if fork != max(forks)]
    # Opens the connections
    bare.load(most, max(forks), "--check")
    points = []
    for count, fork in runs:
        found, hosts = bare.load(count, fork, "--check"), hosts_of(count)
        print(
            f"| {hosts} | {fork} | {found.cpu:.1f} | {found.cpu / hosts:.2f} | {found.seconds:.1f} "
            f"| {found.memory / MIB:.0f} | {found.processes} |",
            flush=True,
        )
        if fork == max(forks):
            points.append((float(hosts), found.cpu))
    if len(points) > 1:
        base, each = line_through(points)
        print(f"\nCPU seconds of the controller = {base:.1f} + {each:.2f} for each host")


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seats", type=numbers, default=[1, 5, 10, 20], help="of three hosts (default: 1,5,10,20)")
    parser.add_argument("--forks", type=numbers, default=[5, 20, 60], help="default: 5,20,60")
    arguments = parser.parse_args()
    with trial() as lab:
        installed(lab)
        table(lab, arguments.seats, arguments.forks)
    print(f"\n{os.cpu_count()} cores, Linux {os.uname().release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
