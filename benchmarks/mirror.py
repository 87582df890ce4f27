# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare image_mirror with `skopeo sync`, from one registry of this machine to another one and to a directory.

The images are those of the bundle and small ones. Each method has new destinations. A run of the module is timed twice:
the whole of ansible-playbook, and what the module reports itself. Since registries on the same machine respond at once,
the copy to a registry is measured a second time with an upstream that delays each response, like one on the Internet.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Measure, Pair, Report, Result, Run
from tests.integration.image_mirror import faulty_proxy, images, registries
from tools.paths import BUNDLE, ROOT, environment
from tools.process_group import descendants

SMALL = 20
# Seconds of delay for each response of an upstream that is not on this machine
AWAY = 0.03
PLACES = {
    "registry": "a registry, upstream on this machine",
    "away": f"a registry, upstream {AWAY * 1000:.0f} ms away",
    "dir": "a directory, upstream on this machine",
}
STEPS = ("first copy", "nothing new", "one image new", "killed half way, resumed")

GROUP = "mirror"
START, MODULE = "start of Ansible", "module"
# A copy that ends before it can be killed is repeated so often
ATTEMPTS = 5


class Bench:
    """An upstream registry with images, and directories for destinations."""

    def __init__(self, work: Path, program: Path, upstream: str) -> None:
        self.work = work
        self.program = program
        self.upstream = upstream
        self.names: list[str] = []
        self.number = 0

    def fill(self, small: int, large: int | None) -> None:
        """Copy images of the bundle and small ones to upstream; the last one is new for later runs."""
        index = json.loads((BUNDLE / "oci" / "index.json").read_text(encoding="utf-8"))
        for entry in index["manifests"][:large]:
            name = entry["annotations"]["org.opencontainers.image.ref.name"]
            self.names.append(name.partition("/")[2])
            call(["skopeo", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false",
                  f"oci:{BUNDLE}/oci:{name}", f"docker://{self.upstream}/{self.names[-1]}"])
        for number in range(small):
            tree = self.work / f"image-{number}"
            images.image(tree, f"small {number}", layers=[(f"a {number}", 200_000), (f"b {number}", 50_000)])
            self.names.append(f"course/small-{number}:1")
            images.push(tree, self.upstream, self.names[-1])

    @contextlib.contextmanager
    def destination(self, kind: str) -> Iterator[Destination]:
        """Return an empty destination, and the upstream registry with the delay that belongs to it."""
        self.number += 1
        place = self.work / f"place-{self.number}"
        if kind == "dir":
            yield Destination(self, kind, str(place), self.upstream)
            return
        with registries.serving(self.program, place) as served, faulty_proxy.before(self.upstream) as proxy:
            proxy.faults.append(faulty_proxy.Fault(".", delay=AWAY))
            upstream = proxy.address if kind == "away" else self.upstream
            yield Destination(self, "registry", served.address, upstream)


class Destination:
    """A destination of one of the two methods."""

    def __init__(self, bench: Bench, kind: str, where: str, upstream: str) -> None:
        self.kind = kind
        self.where = where
        self.upstream = upstream
        self.report = bench.work / f"report-{bench.number}.json"
        self.files = bench.work / f"files-{bench.number}"

    def sync(self, names: Sequence[str]) -> list[str]:
        """Return the command of `skopeo sync` for these images; remove an existing directory before."""
        wanted: dict[str, list[str]] = {}
        for name in names:
            repository, _colon, tag = name.rpartition(":")
            wanted.setdefault(repository, []).append(tag)
        path = self.files.with_suffix(".yml")
        path.write_text(json.dumps({self.upstream: {"tls-verify": False, "images": wanted}}), encoding="utf-8")
        # In a registry the port of the source would become part of names, which is invalid
        kind = ["docker"] if self.kind == "registry" else ["dir", "--scoped"]
        shutil.rmtree(self.where, ignore_errors=True)
        return ["skopeo", "sync", "--src", "yaml", "--dest", *kind, "--dest-tls-verify=false", str(path), self.where]

    def module(self, names: Sequence[str]) -> list[str]:
        """Return the command of a playbook with one call of the module."""
        place: dict[str, Any] = {"type": self.kind, "path": self.where, "scoped": True}
        if self.kind == "registry":
            place = {"type": self.kind, "address": self.where, "tls": False}
        path = self.files.with_suffix(".json")
        path.write_text(json.dumps({
            "ansible_python_interpreter": "/usr/bin/python3",
            "benchmark_images": [f"{self.upstream}/{name}" for name in names],
            "benchmark_source": {"type": "registry", "tls": False},
            "benchmark_destination": place,
            "benchmark_lock": str(self.files.with_suffix(".lock.yml")),
            "benchmark_report": str(self.report),
        }), encoding="utf-8")
        return ["ansible-playbook", "-i", "localhost,", str(ROOT / "benchmarks/mirror.yml"), "-e", f"@{path}"]

    def own_seconds(self) -> float:
        """Return the seconds that the module reports for its last run."""
        return float(json.loads(self.report.read_text(encoding="utf-8"))["seconds"])


def call(argv: Sequence[str]) -> float:
    """Return the seconds of a command that has to succeed."""
    began = time.monotonic()
    done = subprocess.run(argv, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"'{' '.join(argv)}' ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - began


def kill(argv: Sequence[str], seconds: float) -> bool:
    """Start a command, kill it and all that it started after some seconds, and return whether it was still running."""
    process = subprocess.Popen(argv, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    # Ansible's workers leave its process group
    for pid in reversed(descendants(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@contextlib.contextmanager
def killed(
    bench: Bench, kind: str, command: Callable[[Destination], list[str]], seconds: float
) -> Iterator[Destination]:
    """Yield a destination whose copy was killed after some seconds; one that ends earlier is repeated with less."""
    for _attempt in range(ATTEMPTS):
        with bench.destination(kind) as place:
            if kill(command(place), seconds):
                yield place
                return
        seconds *= 0.7
    raise SystemExit(f"A copy to {PLACES[kind]} cannot be killed: expected that it takes {seconds:.1f} s, found less.")


def by_sync(bench: Bench, kind: str) -> dict[str, Run]:
    """Return a run for each step with `skopeo sync`."""
    names, fewer = bench.names, bench.names[:-1]
    with bench.destination(kind) as place:
        first = call(place.sync(fewer))
        times = [first, call(place.sync(fewer)), call(place.sync(names))]
    with killed(bench, kind, lambda place: place.sync(fewer), first / 2) as place:
        times.append(call(place.sync(fewer)))
    return {step: Run({"skopeo sync": seconds}) for step, seconds in zip(STEPS, times, strict=True)}


def by_module(bench: Bench, kind: str) -> dict[str, Run]:
    """Return a run for each step with the module: the start of ansible-playbook, and the module alone."""
    names, fewer = bench.names, bench.names[:-1]
    runs: dict[str, Run] = {}

    def timed(place: Destination, wanted: Sequence[str]) -> Run:
        seconds = call(place.module(wanted))
        return Run({START: max(seconds - place.own_seconds(), 0.0), MODULE: place.own_seconds()})

    with bench.destination(kind) as place:
        for step, wanted in zip(STEPS, (fewer, fewer, names), strict=False):
            runs[step] = timed(place, wanted)
    first = runs[STEPS[0]].stages
    with killed(bench, kind, lambda place: place.module(fewer), first[START] + first[MODULE] / 2) as place:
        runs[STEPS[3]] = timed(place, fewer)
    return runs


def measures(kind: str) -> dict[str, Measure]:
    """Return a measure for each step."""
    return {
        step: Measure(
            f"mirror-{kind}-{step.split(',')[0].replace(' ', '-')}", f"images to {PLACES[kind]}: {step}", "skopeo sync",
            group=GROUP, goal_ratio=0.1 if step == STEPS[1] else None,
        )
        for step in STEPS
    }


def measure(
    report: Report, rounds: int, small: int = SMALL, large: int | None = None, kinds: Sequence[str] = tuple(PLACES)
) -> None:
    """Add the seconds of each step and kind of destination to a report.

    `small` is the number of small images, `large` that of the bundle's images, all of them by default.
    """
    with tempfile.TemporaryDirectory(prefix="classroom-bench.") as directory:
        work = Path(directory)
        program = registries.program(work / "package")
        with registries.serving(program, work / "upstream") as upstream:
            bench = Bench(work, program, upstream.address)
            bench.fill(small, large)
            for kind in kinds:
                pairs: dict[str, list[Pair]] = {step: [] for step in STEPS}
                for number in range(rounds):
                    load = report.load(f"{len(bench.names)} images to {PLACES[kind]}, round {number + 1}")
                    methods = (by_sync, by_module) if number % 2 == 0 else (by_module, by_sync)
                    runs = {method: method(bench, kind) for method in methods}
                    for step in STEPS:
                        pairs[step].append(Pair(load, runs[by_module][step], runs[by_sync][step], number % 2 == 1))
                for step, each in measures(kind).items():
                    report.add(each, pairs[step])


def as_markdown(results: Sequence[Result]) -> str:
    """Return the table for the documentation."""
    lines = [
        "| images | skopeo sync, s | playbook, s | module alone, s | ratio of the module | of the playbook |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for result in results:
        alone = [pair.measured.stages[MODULE] for pair in result.pairs]
        references = [pair.reference.total for pair in result.pairs if pair.reference]
        ratio = statistics.median(own / other for own, other in zip(alone, references, strict=True))
        lines.append(
            f"| {result.measure.title.removeprefix('images ')} | {statistics.median(references):.2f} "
            f"| {result.measured:.2f} | {statistics.median(alone):.2f} | {ratio:.2f} | {result.ratio or 0:.2f} |"
        )
    return "\n".join(lines)
