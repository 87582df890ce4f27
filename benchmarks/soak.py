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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machines import Trial, trial
from tools.paths import ROOT

STEPS = ("reset", "audit", "install and verify")


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=20)
    cycles = parser.parse_args().cycles
    seconds: list[tuple[float, ...]] = []
    left: list[str] = []
    with trial() as lab:
        lab.fresh()
        lab.playbook(ROOT / "playbooks/site.yml")
        for number in range(1, cycles + 1):
            times, residue = cycle(lab)
            seconds.append(times)
            left += residue
            told = ", ".join(f"{step} {time:.1f} s" for step, time in zip(STEPS, times, strict=True))
            print(f"cycle {number} of {cycles}: {told}, residue {len(residue)}", flush=True)
            for line in residue:
                print(f"  {line}", flush=True)
    print(f"\n{'step':<20}{'median':>8}{'slowest':>9}")
    for step, times in zip(STEPS, zip(*seconds, strict=True), strict=True):
        print(f"{step:<20}{statistics.median(times):>8.1f}{max(times):>9.1f}")
    whole = [sum(times) for times in seconds]
    print(f"{'all':<20}{statistics.median(whole):>8.1f}{max(whole):>9.1f}")
    print(f"{cycles} cycles, residue {len(left)}; {os.cpu_count()} cores, Linux {os.uname().release}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
