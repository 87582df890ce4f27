# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of a benchmark: single values of every pair, medians, a table in Markdown and a document in JSON.

docs/performance.md describes the document.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.paths import BUNDLE, ROOT

FORMAT = 1
# Seconds for which the load is sampled before a round, and the share of all cores from which it counts as disturbed.
# An installed cluster without work uses less than a quarter of two cores; a new one has work for some seconds.
SAMPLE = 2.0
NOISY = 0.5
SAMPLES = 10

Times = dict[str, float]


@dataclass(frozen=True)
class Load:
    """The load of this machine before a round: the average of one minute, and the cores that are in use now.

    The average includes the rounds before; the cores in use are those of other programs.
    """

    average: float
    busy: float

    @classmethod
    def now(cls, seconds: float = SAMPLE) -> Load:
        """Sample the load for some seconds."""
        average = os.getloadavg()[0]
        before, began = _busy_ticks(), time.monotonic()
        time.sleep(seconds)
        used = (_busy_ticks() - before) / os.sysconf("SC_CLK_TCK")
        return cls(round(average, 2), round(used / (time.monotonic() - began), 2))

    def problems(self, cores: int, first: bool) -> list[str]:
        """Return why the next round will be disturbed; the average counts before the first round only."""
        found = []
        if first and self.average > cores * NOISY:
            found.append(f"the load average is {self.average:.1f} on {cores} cores")
        if self.busy > cores * NOISY:
            found.append(f"other programs use {self.busy:.1f} of {cores} cores")
        return found


def _busy_ticks() -> int:
    """Return the ticks that all cores spent on programs and the kernel since the boot; see proc(5)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, *_rest = fields
    return user + nice + system + irq + softirq


@dataclass(frozen=True)
class Run:
    """One run of one method: the values of its stages in their order, and those of its tasks if they were recorded."""

    stages: Mapping[str, float]
    tasks: Sequence[Mapping[str, Any]] = ()

    @property
    def total(self) -> float:
        return sum(self.stages.values())

    @property
    def calls(self) -> float:
        """Return the number of tasks per host, if they were recorded."""
        hosts = {host for task in self.tasks for host in task["hosts"]}
        return round(sum(len(task["hosts"]) for task in self.tasks) / max(len(hosts), 1), 1)

    def as_document(self) -> dict[str, Any]:
        stages = {name: round(value, 3) for name, value in self.stages.items()}
        tasks = {"tasks": list(self.tasks)} if self.tasks else {}
        return {"total": round(self.total, 3), "stages": stages, **tasks}


@dataclass(frozen=True)
class Pair:
    """Two runs, one right after the other, or one run of a measure that is compared with nothing."""

    load: Load
    measured: Run
    reference: Run | None = None
    measured_first: bool = False

    @property
    def ratio(self) -> float | None:
        return self.measured.total / self.reference.total if self.reference else None


@dataclass(frozen=True)
class Measure:
    """What is measured, and its goals: a ratio, a value, or both."""

    name: str
    title: str
    reference: str = ""
    unit: str = "s"
    goal_ratio: float | None = None
    goal_value: float | None = None
    # Empty: a row of the table with the goals
    group: str = ""

    @property
    def goal(self) -> str:
        """Return the goals as text for the table."""
        goals = [] if self.goal_ratio is None else [f"{self.goal_ratio:g}"]
        goals += [] if self.goal_value is None else [f"{self.goal_value:g} {self.unit}"]
        return ", ".join(goals) or "-"


@dataclass
class Result:
    """The pairs of one measure."""

    measure: Measure
    pairs: list[Pair] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [pair.ratio for pair in self.pairs if pair.ratio is not None]

    @property
    def ratio(self) -> float | None:
        """Return the median of the ratios of all pairs."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def measured(self) -> float:
        return statistics.median(pair.measured.total for pair in self.pairs)

    @property
    def reference(self) -> float | None:
        totals = [pair.reference.total for pair in self.pairs if pair.reference]
        return statistics.median(totals) if totals else None

    @property
    def reached(self) -> bool | None:
        """Return whether the medians reach all goals; None without goals."""
        measure = self.measure
        checks = []
        if measure.goal_ratio is not None:
            checks.append(self.ratio is not None and round(self.ratio, 2) <= measure.goal_ratio)
        if measure.goal_value is not None:
            checks.append(round(self.measured, 2) <= measure.goal_value)
        return all(checks) if checks else None

    def stages(self, runs: Iterable[Run | None]) -> Times:
        """Return the median of each stage; a stage that some runs do not have counts only for those that have it."""
        values: dict[str, list[float]] = {}
        for run in runs:
            for name, value in (run.stages if run else {}).items():
                values.setdefault(name, []).append(value)
        return {name: statistics.median(each) for name, each in values.items()}

    def as_document(self) -> dict[str, Any]:
        measure = self.measure
        return {
            "name": measure.name,
            "title": measure.title,
            "unit": measure.unit,
            "reference": measure.reference or None,
            "goal": {"ratio": measure.goal_ratio, "value": measure.goal_value},
            "reached": self.reached,
            "median": {
                "measured": round(self.measured, 3),
                "reference": None if self.reference is None else round(self.reference, 3),
                "ratio": None if self.ratio is None else round(self.ratio, 3),
            },
            "pairs": [
                {
                    "load": {"average": pair.load.average, "busy": pair.load.busy},
                    "first": "measured" if pair.measured_first or not pair.reference else "reference",
                    "reference": pair.reference.as_document() if pair.reference else None,
                    "measured": pair.measured.as_document(),
                    "ratio": None if pair.ratio is None else round(pair.ratio, 3),
                }
                for pair in self.pairs
            ],
        }


@dataclass
class Report:
    """All results of one run, and what is known of the machine."""

    smoke: bool = False
    results: list[Result] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # The number of tasks per host of a run with nothing to do, by measure
    calls: dict[str, float] = field(default_factory=dict)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    sample: Callable[[], Load] = Load.now
    _measured: bool = False

    def load(self, title: str) -> Load:
        """Wait until this machine is idle and return its load; a round that would be disturbed is a warning."""
        for _attempt in range(1 if self.smoke else SAMPLES):
            load = self.sample()
            if not load.problems(self.cores, first=False):
                break
        for problem in load.problems(self.cores, first=not self._measured):
            self.warnings.append(f"{title}: {problem} before it begins, so its seconds are too high.")
            say(f"warning: {self.warnings[-1]}")
        self._measured = True
        return load

    def add(self, measure: Measure, pairs: Iterable[Pair]) -> Result:
        result = Result(measure, list(pairs))
        self.results.append(result)
        return result

    def alternate(
        self, measure: Measure, rounds: int, reference: Callable[[], Run], measured: Callable[[], Run]
    ) -> Result:
        """Run both methods several times, in turn; the one that begins changes with each round."""
        pairs = []
        for number in range(rounds):
            title = f"{measure.title}, round {number + 1}"
            load = self.load(title)
            runs: dict[bool, Run] = {}
            for ours in (False, True) if number % 2 == 0 else (True, False):
                runs[ours] = measured() if ours else reference()
                say(f"{title}: {'playbooks' if ours else measure.reference} {runs[ours].total:.1f} s")
            pairs.append(Pair(load, runs[True], runs[False], measured_first=number % 2 == 1))
        return self.add(measure, pairs)

    def as_document(self) -> dict[str, Any]:
        """Return everything for JSON; docs/performance.md describes it."""
        return {
            "format": FORMAT,
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "smoke": self.smoke,
            "machine": machine(),
            "versions": versions(),
            "warnings": self.warnings,
            "calls": self.calls,
            "measures": [result.as_document() for result in self.results],
        }

    def as_markdown(self) -> str:
        """Return the tables of the measures that belong to no group, for the documentation."""
        shown = [result for result in self.results if not result.measure.group]
        lines = [
            "| measure | script, s | playbooks, s | ratio (range) | goal | reached |",
            "| --- | --- | --- | --- | --- | --- |",
            *map(_row, shown),
        ]
        for result in shown:
            lines += _stage_table(result)
        facts = machine()
        lines += [
            "",
            f"Medians; the ratio is the median of the ratios of all pairs. {facts['cores']} cores, "
            f"{facts['memory_mib'] / 1024:.0f} GiB, {facts['system']}, Linux {facts['kernel']}.",
        ]
        if self.smoke:
            lines.append("\n**Smoke round**: it shows that the benchmarks work; its times mean nothing.")
        lines += [f"\n**Warning**: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def _row(result: Result) -> str:
    measure = result.measure
    digits = 1 if result.measured >= 2 else 2
    ratio = "-"
    if result.ratio is not None:
        ratio = f"{result.ratio:.2f}"
        if len(result.ratios) > 1:
            ratio += f" ({min(result.ratios):.2f} to {max(result.ratios):.2f})"
    reference = "-" if result.reference is None else f"{result.reference:.{digits}f} ({measure.reference})"
    measured = f"{result.measured:.{digits}f}"
    if result.ratio is None and len(result.pairs) > 1:
        totals = [pair.measured.total for pair in result.pairs]
        measured += f" ({min(totals):.{digits}f} to {max(totals):.{digits}f})"
    reached = {True: "yes", False: "**no**", None: "-"}[result.reached]
    pairs = f"{len(result.pairs)} {'pairs' if result.ratios else 'runs'}" if len(result.pairs) > 1 else "one round"
    return f"| {measure.title} ({pairs}) | {reference} | {measured} | {ratio} | {measure.goal} | {reached} |"


def _stage_table(result: Result) -> list[str]:
    """Return a table with the median of each stage of both methods, if the methods have stages."""
    reference = list(result.stages(pair.reference for pair in result.pairs).items())
    measured = list(result.stages(pair.measured for pair in result.pairs).items())
    if min(len(measured), len(reference)) < 2:
        return []
    head = f"| {result.measure.reference}: {result.measure.name} | s | playbooks | s |"
    lines = ["", head, "| --- | --- | --- | --- |"]
    for number in range(max(len(reference), len(measured))):
        cells = [
            f"{name} | {value:.1f}" if name else " | "
            for name, value in (side[number] if number < len(side) else ("", 0.0) for side in (reference, measured))
        ]
        lines.append(f"| {cells[0]} | {cells[1]} |")
    return lines


def machine() -> dict[str, Any]:
    """Return what is known of this machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {"cores": os.cpu_count(), "memory_mib": memory, "kernel": platform.release(), "system": system}


def versions() -> dict[str, Any]:
    """Return the versions of the collection, its controller and the bundle."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.strip()
    lock = BUNDLE / "bundle.lock.yml"
    bundle = yaml.safe_load(lock.read_text(encoding="utf-8"))["versions"] if lock.exists() else {}
    return {
        "collection": yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"],
        # A copy of a checkout is no repository
        "commit": described or None,
        "ansible-core": importlib.metadata.version("ansible-core"),
        "python": platform.python_version(),
        "bundle": bundle,
    }


def complaints(document: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with a document."""
    found = []
    if document.get("format") != FORMAT:
        found.append(f"format: expected {FORMAT}, found {document.get('format')}")
    for key in ("date", "machine", "versions", "warnings", "measures"):
        if key not in document:
            found.append(f"{key} is missing")
    for measure in document.get("measures", ()):
        found += [f"{measure['name']}: {problem}" for problem in _measure_complaints(measure)]
    return found


def _measure_complaints(measure: Mapping[str, Any]) -> list[str]:
    if not measure["pairs"]:
        return ["it has no pairs"]
    found = []
    for pair in measure["pairs"]:
        for method in ("reference", "measured"):
            run = pair[method]
            if run is None and method == "reference" and measure["reference"] is None:
                continue
            values = [run["total"], *run["stages"].values()] if run else [0.0]
            if not all(math.isfinite(value) and value >= 0 for value in values) or not values[0] > 0:
                found.append(f"{method}: expected values of at least 0, and a total above 0, found {run}")
    return found


def say(line: str) -> None:
    """Print progress, apart from the tables on standard output."""
    print(line, file=sys.stderr, flush=True)
