# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the collection's playbooks with a script, in one run, on the same hosts, from the same bundle.

Installation, reset of the class, and reset of one node: each method ends when every Node is Ready and the name service
of the cluster is available, measured by the same kubectl command. The verification of site.yml is measured separately.
Then site.yml without changes, each time right after a ping playbook. And, without hosts, a mirror of images compared
with `skopeo sync`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import mirror
from benchmarks.machines import NODES, UTILITY, Trial, trial
from tools.paths import BUNDLE, ROOT

Times = dict[str, float]
WITHOUT_PROOF = ("--skip-tags", "verify")
ON_MACHINES = ("install", "reset", "node", "idle")
MEASURES = (*ON_MACHINES, "mirror")


def by_hand(bench: Trial, what: str) -> Times:
    """Return the seconds by stage of the script: `install`, `reset` (and install the class) or `node` (node1 alone)."""
    manifest = bench.work / "flannel.yml"
    bench.playbook(ROOT / "benchmarks/manifest.yml", "-e", f"benchmark_manifest={manifest}")
    argv = [
        str(ROOT / "benchmarks/by_hand.sh"),
        what,
        str(bench.ssh_options()),
        str(BUNDLE / "apt/classroom-kubeadm.asc"),
        str(bench.work / "kubeconfig" / f"{UTILITY}-ca.crt"),
        bench.addresses[UTILITY],
        str(manifest),
        *(bench.addresses[node] for node in NODES),
    ]
    lines = bench.run(argv).stdout.splitlines()
    times = {name: float(seconds) for name, seconds in (line.split() for line in lines)}
    times["ready"] = bench.ready()
    return times


def by_site(bench: Trial, *arguments: str) -> Times:
    """Return the seconds by stage of site.yml until Ready, without the verification."""
    stages = bench.work / "stages.json"
    whole = bench.playbook(ROOT / "playbooks/site.yml", *WITHOUT_PROOF, *arguments, CLASSROOM_STAGES_FILE=str(stages))
    times = {entry["stage"]: float(entry["seconds"]) for entry in json.loads(stages.read_text(encoding="utf-8"))}
    times["start of Ansible"] = whole - sum(times.values())
    times["ready"] = bench.ready()
    return times


def by_reset(bench: Trial, limit: str) -> Times:
    """Run reset.yml and site.yml for some hosts, without the utility."""
    seconds = bench.playbook(ROOT / "playbooks/reset.yml", "--limit", limit, "-e", "reset_confirm=true")
    return {"reset.yml": seconds, **by_site(bench, "--limit", limit)}


def in_turn(rounds: int, title: str, hand: Callable[[], Times], site: Callable[[], Times]) -> float:
    """Run both methods in turn, several times; print the medians and return their ratio."""
    hands: list[Times] = []
    sites: list[Times] = []
    for number in range(1, rounds + 1):
        hands.append(hand())
        print(f"{title} {number}: by hand {sum(hands[-1].values()):.1f} s", flush=True)
        sites.append(site())
        print(f"{title} {number}: playbooks {sum(sites[-1].values()):.1f} s", flush=True)
    whole_hand, whole_site = show(f"{title}, by hand", hands), show(f"{title}, playbooks", sites)
    pairs = sorted(sum(one.values()) / sum(other.values()) for one, other in zip(sites, hands, strict=True))
    told = ", ".join(f"{pair:.2f}" for pair in pairs)
    print(f"{title}: playbooks / by hand = {whole_site / whole_hand:.2f} (pairs {told})", flush=True)
    return whole_site / whole_hand


def show(title: str, runs: Sequence[Mapping[str, float]]) -> float:
    """Print the median of each stage and of the sum; return the latter."""
    print(f"\n{title}, median seconds of {len(runs)} run(s)")
    for stage in runs[0]:
        print(f"  {stage:<20}{statistics.median(run[stage] for run in runs):8.1f}")
    total = statistics.median(sum(run.values()) for run in runs)
    print(f"  {'all':<20}{total:8.1f}", flush=True)
    return total


def idle(bench: Trial, pairs: int) -> float:
    """Return the ratio of site.yml without changes to ping."""
    found = [
        (bench.playbook(ROOT / "benchmarks/ping.yml"), bench.playbook(ROOT / "playbooks/site.yml"))
        for _number in range(pairs)
    ]
    print(f"\nping                  {statistics.median(ping for ping, _site in found):8.2f} s")
    print(f"site.yml, nothing     {statistics.median(site for _ping, site in found):8.2f} s")
    ratio = statistics.median(site / ping for ping, site in found)
    print(f"nothing to do: site.yml / ping = {ratio:.1f}", flush=True)
    return ratio


def on_machines(wanted: set[str], arguments: argparse.Namespace) -> dict[str, float]:
    """Return the ratio of each measure that requires hosts."""
    verifications: list[float] = []
    ratios: dict[str, float] = {}
    with trial() as bench:

        def install_by_hand() -> Times:
            bench.fresh()
            return by_hand(bench, "install")

        def install() -> Times:
            bench.fresh()
            times = by_site(bench)
            verifications.append(bench.playbook(ROOT / "playbooks/verify.yml"))
            return times

        if "install" in wanted:
            ratios["install"] = in_turn(arguments.rounds, "install", install_by_hand, install)
            print(f"verification          {statistics.median(verifications):8.1f} s", flush=True)
        else:
            install()
        if "reset" in wanted:
            ratios["class reset"] = in_turn(
                arguments.rounds,
                "class reset",
                lambda: by_hand(bench, "reset"),
                lambda: by_reset(bench, "k8s_cluster"),
            )
        if "node" in wanted:
            ratios["one node back"] = in_turn(
                arguments.rounds, "one node back", lambda: by_hand(bench, "node"), lambda: by_reset(bench, "node1")
            )
        if "idle" in wanted:
            # The scripts made a cluster, too, but not as this collection declares it
            bench.playbook(ROOT / "playbooks/site.yml")
            ratios["nothing to do (to ping)"] = idle(bench, arguments.idle)
    return ratios


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each kind (default: 3)")
    parser.add_argument("--idle", type=int, default=7, help="pairs of ping and an idle site.yml (default: 7)")
    parser.add_argument("what", nargs="*", help=f"of {', '.join(MEASURES)}; all of them when none is named")
    arguments = parser.parse_args()
    wanted = set(arguments.what or MEASURES)
    if wanted - set(MEASURES):
        unknown = ", ".join(sorted(wanted - set(MEASURES)))
        parser.error(f"nothing is known of {unknown}; there are {', '.join(MEASURES)}")
    ratios: dict[str, float] = {}
    if wanted & set(ON_MACHINES):
        ratios.update(on_machines(wanted, arguments))
    if "mirror" in wanted:
        ratios.update(mirror.measure(arguments.rounds))
    print()
    for title, ratio in ratios.items():
        print(f"{title:<36}{ratio:6.2f}")
    print(f"machine: {os.cpu_count()} cores, Linux {os.uname().release}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
