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
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.integration.image_mirror import faulty_proxy, images, registries
from tools.paths import BUNDLE, ROOT, environment

SMALL = 20
# Seconds of delay for each response of an upstream that is not on this machine
AWAY = 0.03
PLACES = {
    "registry": "a registry, upstream on this machine",
    "away": f"a registry, upstream {AWAY * 1000:.0f} ms away",
    "dir": "a directory, upstream on this machine",
}
STEPS = ("first copy", "nothing new", "one image new", "killed half way, resumed")

Times = dict[str, list[float]]


class Bench:
    """An upstream registry with images, and directories for destinations."""

    def __init__(self, work: Path, program: Path, upstream: str) -> None:
        self.work = work
        self.program = program
        self.upstream = upstream
        self.names: list[str] = []
        self.number = 0

    def fill(self) -> None:
        """Copy images of the bundle and small ones to upstream; the last one is new for later runs."""
        index = json.loads((BUNDLE / "oci" / "index.json").read_text(encoding="utf-8"))
        for entry in index["manifests"]:
            name = entry["annotations"]["org.opencontainers.image.ref.name"]
            self.names.append(name.partition("/")[2])
            call(["skopeo", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false",
                  f"oci:{BUNDLE}/oci:{name}", f"docker://{self.upstream}/{self.names[-1]}"])
        for number in range(SMALL):
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


def kill(argv: Sequence[str], seconds: float) -> None:
    """Start a command and kill it, with all processes that it started, after some seconds."""
    process = subprocess.Popen(argv, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    # Ansible's workers leave its process group
    for pid in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise SystemExit(f"'{' '.join(argv)}' had ended before it could be killed")


def descendants(pid: int) -> list[int]:
    """Return all processes that this one started, directly or indirectly."""
    printed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in printed.splitlines())}
    found: list[int] = []
    waiting = [pid]
    while waiting:
        started = [child for child, parent in parents.items() if parent == waiting[0]]
        waiting = waiting[1:] + started
        found += started
    return found


def by_sync(bench: Bench, kind: str) -> Times:
    """Return the seconds of each step with `skopeo sync`."""
    names, fewer = bench.names, bench.names[:-1]
    with bench.destination(kind) as place:
        first = call(place.sync(fewer))
        times = [first, call(place.sync(fewer)), call(place.sync(names))]
    with bench.destination(kind) as place:
        kill(place.sync(fewer), first / 2)
        times.append(call(place.sync(fewer)))
    return {step: [seconds] for step, seconds in zip(STEPS, times, strict=True)}


def by_module(bench: Bench, kind: str) -> Times:
    """Return the seconds of each step with the module: the whole run, and the module alone."""
    names, fewer = bench.names, bench.names[:-1]
    times: Times = {}
    with bench.destination(kind) as place:
        for step, wanted in zip(STEPS, (fewer, fewer, names), strict=False):
            times[step] = [call(place.module(wanted)), place.own_seconds()]
    with bench.destination(kind) as place:
        start, own = times[STEPS[0]]
        kill(place.module(fewer), start - own / 2)
        times[STEPS[3]] = [call(place.module(fewer)), place.own_seconds()]
    return times


def measure(rounds: int) -> dict[str, float]:
    """Print a table for each kind of destination; return the ratios of runs with nothing new."""
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="classroom-bench.") as directory:
        work = Path(directory)
        program = registries.program(work / "package")
        with registries.serving(program, work / "upstream") as upstream:
            bench = Bench(work, program, upstream.address)
            bench.fill()
            for kind in PLACES:
                syncs, modules = [], []
                for _round in range(rounds):
                    syncs.append(by_sync(bench, kind))
                    modules.append(by_module(bench, kind))
                ratios.update(show(kind, len(bench.names), syncs, modules))
    return ratios


def show(kind: str, count: int, syncs: Sequence[Times], modules: Sequence[Times]) -> dict[str, float]:
    """Print the medians of the rounds."""
    print(f"\n{count} images to {PLACES[kind]}, median seconds of {len(syncs)} round(s)")
    print(f"  {'':<26}{'skopeo sync':>12}{'playbook':>12}{'module':>12}")
    for step in STEPS:
        medians = [statistics.median(run[step][0] for run in syncs)]
        medians += [statistics.median(run[step][column] for run in modules) for column in (0, 1)]
        print(f"  {step:<26}" + "".join(f"{seconds:12.2f}" for seconds in medians), flush=True)
    again = STEPS[1]
    pairs = list(zip(modules, syncs, strict=True))
    return {
        f"{again}, {kind}, {title}": statistics.median(ours[again][column] / sync[again][0] for ours, sync in pairs)
        for column, title in enumerate(("playbook", "module"))
    }
