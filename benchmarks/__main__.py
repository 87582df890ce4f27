# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the collection with a script and with other tools, and measure what a class costs its controller.

Prints progress to standard error, tables in Markdown for docs/performance.md to standard output, and writes every
single value to a file in JSON. A round that other programs disturb leads to a warning in the tables and in the file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from functools import partial
from pathlib import Path

from benchmarks import mirror, playbooks, scale, soak
from benchmarks.machines import NODES, trial
from benchmarks.results import Report, complaints, say
from tools.paths import CACHE

CLASS = "class"
MIRROR = "mirror"
MEASURES = (*playbooks.MEASURES, CLASS, MIRROR)
# Both kinds of destination, and the proxy with a delay
SMOKE_KINDS = ("away", "dir")


def measure(report: Report, arguments: argparse.Namespace) -> None:
    """Measure what the command line names."""
    wanted = set(arguments.what or MEASURES)
    if wanted - {MIRROR}:
        with trial() as bench:
            if wanted & set(playbooks.MEASURES):
                methods = playbooks.Methods(bench, arguments.tasks)
                playbooks.measure(report, methods, wanted, arguments.rounds, arguments.idle)
            if CLASS in wanted:
                scale.measure(report, bench, arguments.rounds)
    if MIRROR in wanted:
        mirror.measure(report, arguments.rounds)


def smoke(report: Report) -> list[str]:
    """Run every benchmark once with few hosts; return what was not measured, or left residue."""
    with trial(NODES[:2]) as bench:
        playbooks.smoke(report, playbooks.Methods(bench, tasks=True))
        sent, _seconds = scale.utility_load(bench)
        found = ["scale: the utility sent nothing"] if sent == 0 else []
        found += ["soak: it left residue"] if soak.soak(bench, cycles=1) else []
        # The cluster that is installed already, in place of a class
        site = scale.site_argv(bench.inventory)
        hosts = len(bench.nodes) + 1
        scale.add(report, 1, {
            1: partial(scale.cost, bench, [*site, "--limit", "utility"]), hosts: partial(scale.cost, bench, site)})
    mirror.measure(report, rounds=1, small=3, large=1, kinds=SMOKE_KINDS)
    return [*found, *unmeasured(report)]


def unmeasured(report: Report) -> list[str]:
    """Return the measures and stages that a smoke round did not measure."""
    results = {result.measure.name: result for result in report.results}
    expected = {*playbooks.MEASURES, *(each.name for each in scale.measures(1))}
    expected |= {each.name for kind in SMOKE_KINDS for each in mirror.measures(kind).values()}
    found = [f"{name}: not measured" for name in sorted(expected - set(results))]
    for name, stages in playbooks.HAND_STAGES.items():
        for pair in results[name].pairs if name in results else ():
            reference = tuple(pair.reference.stages) if pair.reference else ()
            if reference != stages:
                found.append(f"{name}: expected the stages {', '.join(stages)}, found {', '.join(reference)}")
            if not pair.measured.tasks:
                found.append(f"{name}: no task was recorded")
            missing = {playbooks.START, playbooks.READY} - set(pair.measured.stages)
            found += [f"{name}: the stage '{stage}' of the playbooks is missing" for stage in sorted(missing)]
            if len(playbooks.plays() & set(pair.measured.stages)) < 2:
                found.append(f"{name}: no plays of site.yml among the stages {', '.join(pair.measured.stages)}")
    return found


def show(report: Report, path: Path) -> list[str]:
    """Write the document, print the tables, and return what is wrong with the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.as_document(), indent=2) + "\n", encoding="utf-8")
    print(f"\n{report.as_markdown()}")
    for result in report.results:
        for line in playbooks.slowest_tasks(result):
            print(line)
    images = [result for result in report.results if result.measure.group == mirror.GROUP]
    if images:
        print(f"\n{mirror.as_markdown(images)}")
    print(f"\nAll values: {path}", flush=True)
    return complaints(json.loads(path.read_text(encoding="utf-8")))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measure (default: 3)")
    parser.add_argument("--idle", type=int, default=7, help="pairs of ping and site.yml without changes (default: 7)")
    parser.add_argument("--tasks", action="store_true", help="record the seconds of each task of the playbooks as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for all values (default: one in the cache)")
    parser.add_argument("--smoke", action="store_true", help="one small round of each benchmark, also scale and soak")
    parser.add_argument("what", nargs="*", help=f"of {', '.join(MEASURES)}; all of them when none is named")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.what) - set(MEASURES))
    if unknown:
        parser.error(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    report = Report(smoke=arguments.smoke)
    name = "smoke" if arguments.smoke else datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%SZ")
    found: list[str] = []
    try:
        if arguments.smoke:
            found += smoke(report)
        else:
            measure(report, arguments)
    finally:
        # Also after an error, because each measure takes minutes
        found += show(report, (arguments.json or CACHE / "benchmarks" / f"{name}.json").absolute())
    for problem in found:
        say(f"error: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
