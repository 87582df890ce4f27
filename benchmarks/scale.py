# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a class costs its controller: CPU seconds and memory by the number of machines and forks.

The machines are bare containers, up to sixty of them, in seats of three, as the inventory plugin makes them of a class
file: site.yml runs in check mode, in which it asks each machine the same questions as a run with nothing to do. The CPU
seconds are the controller's own processes', the machines' are not among them, although they share the same cores.

Before that a cluster of three is installed, and what that and a run with nothing to do take of the controller is told,
and what the utility has sent, and its services' CPU seconds for it.
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
# A machine on which nothing but systemd and sshd runs needs a twentieth of what a member of a cluster does
BARE = 20
MIB = 2**20


@dataclass(frozen=True)
class BareFleet(Fleet):
    """Seats of machines that have nothing to carry, and the utility."""

    seats: int = 1

    @property
    def platforms(self) -> list[Platform]:
        """As many copies of one machine of the description as there are places in the class."""
        described = {platform.name: platform for platform in super().platforms}
        return [described[UTILITY], *(self._place(described[SEAT[-1]], number) for number in range(self.seats * 3))]

    def _place(self, like: Platform, number: int) -> Platform:
        name = f"seat{number // 3 + 1:02}-{SEAT[number % 3]}"
        ip = f"{self.machines.prefix}.{number + 100}"
        # Nothing is ever written to the anonymous volumes of a member of a cluster
        volumes = tuple(volume for volume in like.volumes if ":" in volume)
        keys = {**like.keys, "hostname": name, "ip": ip, "volumes": list(volumes)}
        return Platform(name, name, like.image, ip, volumes, keys)

    def worth(self, machines: int) -> int:
        return machines // BARE + 1


@dataclass(frozen=True)
class Cost:
    """Of one run: CPU seconds of the controller, seconds, and at the peak its memory and its processes."""

    cpu: float
    seconds: float
    memory: int
    processes: int


def _family(root: int) -> list[int]:
    """A process and all that came of it."""
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
    """A process' own memory and its share of what it has in common with others, in bytes; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cost(lab: Trial, argv: Sequence[str]) -> Cost:
    """Run one command and say what it took of this host."""
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
    """The straight line nearest to the points: where it begins, and how it rises."""
    fit = statistics.linear_regression(*zip(*points, strict=True))
    return fit.intercept, fit.slope


def utility_load(lab: Trial) -> tuple[int, float]:
    """Bytes that the utility has sent so far, and the CPU seconds of what serves."""
    tick = os.sysconf("SC_CLK_TCK")
    ask = (
        "cat /sys/class/net/eth0/statistics/tx_bytes; "
        # The registry's program and nginx with its workers: utime and stime in ticks, as proc(5) has it
        "cat $(pgrep -x 'nginx|registry|classroom-regis' | sed 's|.*|/proc/&/stat|') | sed 's/.*) //' | "
        "awk '{ticks += $12 + $13} END {print ticks}'"
    )
    sent, ticks = lab.run(["ssh", "-F", str(lab.ssh_options()), f"root@{lab.addresses[UTILITY]}", ask]).stdout.split()
    return int(sent), int(ticks) / tick


def installed(lab: Trial) -> None:
    """Print what an installation of three machines, and a run with nothing to do, take of controller and utility."""
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
    """A class file for the machines, beside the lab's variables."""
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
    """Print what runs over so many seats, and with so many forks, cost."""
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
    # The first run of all opens the connections
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
