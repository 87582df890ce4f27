# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeat reset and installation, and print medians, maxima, and the residue of the resets, which should be zero.

A cycle is what an instructor does between two courses: reset.yml for the class, audit.yml, and site.yml with
verification. The utility is not part of it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys

from benchmarks.machines import Trial, trial
from benchmarks.results import say
from tools.paths import ROOT

STEPS = ("reset.yml, the class", "audit.yml", "site.yml with verification")


def cycle(lab: Trial) -> tuple[tuple[float, ...], list[str]]:
    """Return the seconds of each step, and the residue that the audit found."""
    report = lab.work / "audit.json"
    report.unlink(missing_ok=True)
    class_only = ("--limit", "k8s_cluster")
    reset = lab.playbook(ROOT / "playbooks/reset.yml", *class_only, "-e", "reset_confirm=true")
    audit = lab.playbook(ROOT / "playbooks/audit.yml", *class_only, "-e", f"audit_file={report}")
    found = json.loads(report.read_text(encoding="utf-8"))["findings"]
    residue = [f"{one['host']}: {one['kind']} {one['subject']}" for one in found if one["section"] == "residue"]
    return (reset, audit, lab.playbook(ROOT / "playbooks/site.yml", *class_only)), residue


def soak(lab: Trial, cycles: int) -> int:
    """Repeat the cycle on an installed cluster and print a table; return the number of findings."""
    seconds: list[tuple[float, ...]] = []
    left = 0
    for number in range(1, cycles + 1):
        times, residue = cycle(lab)
        seconds.append(times)
        left += len(residue)
        measured = ", ".join(f"{step} {time:.1f} s" for step, time in zip(STEPS, times, strict=True))
        say(f"cycle {number} of {cycles}: {measured}, residue {len(residue)}")
        for line in residue:
            say(f"  {line}")
    print("| step | median, s | slowest, s |\n| --- | --- | --- |")
    for step, times in zip(STEPS, zip(*seconds, strict=True), strict=True):
        print(f"| {step} | {statistics.median(times):.1f} | {max(times):.1f} |")
    whole = [sum(times) for times in seconds]
    print(f"| all | {statistics.median(whole):.1f} | {max(whole):.1f} |")
    print(f"\n{cycles} cycles, residue {left}; {os.cpu_count()} cores, Linux {os.uname().release}", flush=True)
    return left


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    cycles = parser.parse_args().cycles
    with trial() as lab:
        lab.fresh()
        lab.playbook(ROOT / "playbooks/site.yml")
        return 1 if soak(lab, cycles) else 0


if __name__ == "__main__":
    sys.exit(main())
