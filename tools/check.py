# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run all stages of the test suite, or those that are named.

Prints the seconds of each stage and ends with `N passed, N failed, N skipped`: the tests of a stage that runs pytest,
otherwise one for the stage. The exit status is 0 only if nothing failed and something passed.

Stages without hosts run in parallel with the others, and so do two scenarios if this machine has enough memory: the
second in a copy of this checkout with hosts of its own. Therefore each line begins with the name of its stage.

BUDGETS has the measured minutes of every stage. A stage that takes three times its budget is killed, together with all
processes that it started, and the end of its log is printed.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from tools.paths import BUNDLE, CACHE, ROOT, environment, machine_environment
from tools.process_group import ProcessGroup

PYTHON = sys.executable
# The longest first, so that none of them runs alone at the end
SCENARIOS = (
    "class", "airgap", "reset", "redhat", "invalid_input", "student_exercise", "cluster", "enroll", "host_settings",
    "killed_runs", "crio",
)
PLAYBOOKS = (
    "init", "site", "bundle", "utility", "verify", "reset", "renew", "audit", "harvest", "student_tools", "enroll",
    "students", "report",
)
# Exit status of tools/lab.py when another checkout on this machine uses the addresses of the lab
NETWORK_TAKEN = 3
# A stage is killed after this many times its budget
LIMIT_FACTOR = 3
# Limit for the planned minutes on an idle machine; CI allows 90, on machines whose speed varies by half
PLAN_MINUTES = 58
# Number of log lines to print for a stage that was killed
LOG_LINES = 200
# Width of the column with the names of stages
NAMES = 16
# Molecule colours the output that it passes on, and puts a bar before it
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# pytest's closing line, with or without its frame of "="
PYTEST_CLOSING = re.compile(r"^=*\s?(?=.*\d+ (?:passed|failed|error|skipped))(?:\d+ \w+(?:, )?)+ in [\d.]+s")


@dataclass
class Tally:
    """The results of a stage; a stage without tests of its own counts as one.

    `deadline` is the time, by the monotonic clock, at which the stage is killed. `log` is a file with output that its
    programs do not print before they end.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    deadline: float = math.inf
    log: Path | None = None


@dataclass(frozen=True)
class Budget:
    """The minutes of a stage in its lane, measured on an idle machine with an empty cache.

    A stage is `alone` if its tests depend so closely on time that another stage would disturb them.
    """

    minutes: float
    alone: bool = False

    @property
    def limit(self) -> float:
        """Return the seconds after which the stage is killed."""
        return self.minutes * 60 * LIMIT_FACTOR


@dataclass(frozen=True)
class Stage:
    """A name for the command line and the function that runs it.

    `needs` names stages that must have passed before. The function gets the checkout in which it works, which a heavy
    stage has for itself.
    """

    name: str
    run: Callable[[Tally, Path], object]
    needs: tuple[str, ...] = ()
    heavy: bool = False


class TimedOut(Exception):
    """A stage took three times its budget."""


class Failed(Exception):
    """A command of a stage ended with another status than 0."""

    def __init__(self, argv: Sequence[str], status: int) -> None:
        super().__init__(f"'{' '.join(argv)}' ended with {status}")
        self.status = status


def say(stage: str, line: str) -> None:
    """Print a line in one piece, also while other threads print."""
    sys.stdout.write(f"{stage:<{NAMES}} {line}\n")
    sys.stdout.flush()


def call(tally: Tally, argv: Sequence[str], cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command, pass its output on as it arrives, count the tests it reports, and return what it printed."""
    say(tally.name, f"+ {' '.join(argv)}")
    printed = []

    def take(line: str) -> None:
        say(tally.name, line.rstrip("\n"))
        printed.append(line)
        plain = COLOUR.sub("", line).lstrip(" │")
        if PYTEST_CLOSING.match(plain):
            tally.passed += sum(int(count) for count in re.findall(r"(\d+) passed", plain))
            tally.failed += sum(int(count) for count in re.findall(r"(\d+) (?:failed|error)", plain))
            tally.skipped += sum(int(count) for count in re.findall(r"(\d+) skipped", plain))

    group = ProcessGroup(argv, cwd, environment(**{"PWD": str(cwd), **(env or {})}), take)
    status = group.wait(tally.deadline - time.monotonic())
    if status is None:
        running = group.kill()
        raise TimedOut(f"'{' '.join(argv)}' was still running and was killed, with: {'; '.join(running)}")
    if status != 0:
        raise Failed(argv, status)
    return "".join(printed)


def lint(tally: Tally, _place: Path) -> None:
    call(tally, ["ruff", "check", "."])
    call(tally, ["mypy"])
    call(tally, ["ansible-lint"])
    call(tally, [PYTHON, "tools/layers.py"])
    call(tally, ["reuse", "lint", "--quiet"])
    call(tally, ["antsibull-changelog", "lint"])
    call(tally, ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "self", "."])
    call(tally, [PYTHON, "tools/reference.py", "--check"])


# For stages that no other stage waits for: the tests of clusters in parallel depend on time
POLITELY = ("nice",)


def programs(directory: str, *arguments: str, polite: bool = False) -> Callable[[Tally, Path], None]:
    """Return a stage that runs pytest over one directory whose tests run real programs, with further arguments."""

    def run(tally: Tally, _place: Path) -> None:
        call(tally, [*(POLITELY if polite else ()), PYTHON, "-m", "pytest", directory, *arguments])

    return run


def remove(path: Path) -> None:
    """Remove the files of an earlier run."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def export_tree(target: Path, keep: Callable[[str], bool] = lambda _name: True) -> None:
    """Copy the files that git tracks or would track and `keep` accepts, without the link of the checkout to itself."""
    target.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, listed):
        if not name.startswith(".collections/") and (ROOT / name).exists() and keep(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def _of_the_collection(name: str) -> bool:
    """Return whether a file is part of the installed collection or its tests; other files follow rules of their own."""
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    return name.split("/")[0] not in ignored or name.startswith("tests/unit/plugins/")


def sanity(tally: Tally, _place: Path) -> None:
    """Run ansible-test; it needs a path ending in ansible_collections/NAMESPACE/NAME and a file to bootstrap pip."""
    base = ROOT / ".cache" / "sanity"
    tree = base / "ansible_collections" / "classroom" / "kubeadm"
    remove(tree)
    export_tree(tree, keep=_of_the_collection)
    # ansible-test reads what git tracks, and would otherwise find the surrounding checkout, which ignores it
    call(tally, ["git", "init", "--quiet"], cwd=tree)
    call(tally, ["git", "add", "--all"], cwd=tree)
    cache = base / "home" / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in ("get_pip_24_2.py", "get_pip_25_2.py"):
        (cache / name).write_text("import ensurepip; ensurepip.bootstrap(default_pip=True)\n", encoding="utf-8")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    printed = call(
        tally,
        [*POLITELY, "ansible-test", "sanity", "--venv", "--python", version, "--color", "no", "--truncate", "0"],
        cwd=tree,
        env={"HOME": str(base / "home"), "ANSIBLE_COLLECTIONS_PATH": str(base)},
    )
    tests = re.findall(r"^Running sanity test [\"']([\w-]+)", printed, re.MULTILINE)
    if "validate-modules" not in tests:
        raise RuntimeError("ansible-test passed without looking at the modules")
    tally.passed += len(set(tests))


def build_collection(tally: Tally, base: Path) -> Path:
    """Build the collection in the directory `base`; return the file that is published."""
    tree = base / "tree"
    for former in (tree, *base.glob("classroom-kubeadm-*.tar.gz")):
        remove(former)
    export_tree(tree)
    call(tally, ["ansible-galaxy", "collection", "build", "--output-path", str(base), str(tree)])
    return next(base.glob("classroom-kubeadm-*.tar.gz"))


def package(tally: Tally, _place: Path) -> None:
    """Build the collection, install it elsewhere, and find its playbooks by name, as users do."""
    base = ROOT / ".cache" / "package"
    archive = build_collection(tally, base)
    target = base / "installed"
    remove(target)
    call(tally, ["ansible-galaxy", "collection", "install", "--no-deps", "--force", "-p", str(target), str(archive)])
    for playbook in PLAYBOOKS:
        call(
            tally,
            ["ansible-playbook", f"classroom.kubeadm.{playbook}", "-i", str(ROOT / "inventories/lab"), "--list-tasks"],
            cwd=base,
            env={"ANSIBLE_CONFIG": str(base / "none.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(target)},
        )


def bundle(tally: Tally, _place: Path) -> None:
    call(tally, [*POLITELY, PYTHON, "-m", "bundle", "build"])
    call(tally, [PYTHON, "-m", "bundle", "verify"])


class Networks:
    """Networks for hosts, each given to one scenario at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: dict[Path, str] = {}

    def take(self, place: Path) -> str:
        """Return the first three numbers of a free network on this machine, for the hosts of this checkout."""
        with self._lock:
            others = [f"--besides={prefix}" for owner, prefix in self._given.items() if owner != place]
            prefix = ask(place, "testbed/cli.py", "free-subnet", *others)
            self._given[place] = prefix
        return prefix


NETWORKS = Networks()


def ask(place: Path, *argv: str) -> str:
    """Return the one line that a program of a checkout prints."""
    return subprocess.run(
        [PYTHON, *argv], cwd=place, env=environment(), check=True, capture_output=True, text=True
    ).stdout.strip()


def molecule(scenario: str) -> Callable[[Tally, Path], None]:
    """Run a scenario on new hosts in a network that is free on this machine."""

    def run(tally: Tally, place: Path) -> None:
        # Molecule prints the output of a play at its end only: build the image, which takes long, before
        call(tally, [PYTHON, "testbed/cli.py", "image", "--scenario", scenario], place)
        tally.log = place / ".cache" / "logs" / f"{scenario}.log"
        tally.log.parent.mkdir(parents=True, exist_ok=True)
        tally.log.unlink(missing_ok=True)
        env = {
            **machine_environment(place), "CLASSROOM_NET": NETWORKS.take(place),
            # Molecule prints a playbook's output only when the playbook has ended
            "ANSIBLE_LOG_PATH": str(tally.log),
        }
        call(tally, ["molecule", "destroy", "-s", scenario], place, env)
        try:
            call(tally, ["molecule", "test", "-s", scenario], place, env)
        except TimedOut:
            # The next scenario here would find the hosts
            call(Tally(scenario), [PYTHON, "testbed/cli.py", "down", "--set", "molecule"], place)
            raise

    return run


def installed(*arguments: str) -> Callable[[Tally, Path], None]:
    """Return a stage that uses the published collection on a controller without this checkout, with four hosts."""

    def run(tally: Tally, place: Path) -> None:
        if not BUNDLE.exists():
            raise RuntimeError(f"The bundle is missing: expected {BUNDLE}, found none. Compile it with 'make bundle'.")
        # Only this checkout is a repository, not its copy for the second lane
        archive = build_collection(tally, ROOT / ".cache" / "installed")
        call(tally, [PYTHON, "testbed/cli.py", "image"], place)
        env = {
            **machine_environment(place), "CLASSROOM_NET": NETWORKS.take(place), "CLASSROOM_COLLECTION": str(archive),
        }
        down = [PYTHON, "testbed/cli.py", "down", "--set", "molecule"]
        call(tally, down, place, env)
        try:
            # Its tests depend on each other
            call(tally, [PYTHON, "-m", "pytest", "-x", "tests/integration/installed", *arguments], place, env)
        except TimedOut:
            # The next stage here would find the hosts
            call(Tally(tally.name), down, place)
            raise

    return run


def lab(tally: Tally, place: Path) -> None:
    try:
        call(tally, [PYTHON, "tools/lab.py", "verify"], place)
    except Failed as failure:
        if failure.status != NETWORK_TAKEN:
            raise
        tally.skipped = 1
        tally.notes.append("not run: the lab's network is another checkout's, see above")


def benchmarks(tally: Tally, place: Path) -> None:
    """Run one small round of every benchmark, which tests that they work; their times are not checked."""
    tally.log = place / ".cache" / "logs" / f"{tally.name}.log"
    tally.log.parent.mkdir(parents=True, exist_ok=True)
    tally.log.unlink(missing_ok=True)
    env = {"CLASSROOM_NET": NETWORKS.take(place), "ANSIBLE_LOG_PATH": str(tally.log)}
    try:
        call(tally, [PYTHON, "-m", "benchmarks", "--smoke"], place, env)
    except TimedOut:
        call(Tally(tally.name), [PYTHON, "testbed/cli.py", "down", "--set", "molecule"], place)
        raise


# Measured as docs/development/testing.md describes
BUDGETS: Mapping[str, Budget] = {
    "lint": Budget(3),
    "hostile-hosts": Budget(7),
    "controller": Budget(2),
    "unit": Budget(8),
    "sanity": Budget(8),
    "package": Budget(1),
    "galaxy": Budget(2),
    "bundle": Budget(14),
    "image-mirror": Budget(2),
    "bundle-playbook": Budget(2),
    # Four clusters at a time are more than enough for two cores
    "class": Budget(8, alone=True),
    "airgap": Budget(8),
    "reset": Budget(8),
    "redhat": Budget(7),
    "invalid_input": Budget(6),
    "student_exercise": Budget(6),
    "cluster": Budget(6),
    "enroll": Budget(5),
    "host_settings": Budget(5),
    "killed_runs": Budget(5),
    "crio": Budget(5),
    "installed": Budget(3),
    "benchmarks": Budget(5),
    "lab": Budget(3),
    "cores": Budget(20),
    "installed-2.19": Budget(3),
}


def planned_minutes(chosen: Sequence[Stage], budgets: Mapping[str, Budget], places: int) -> float:
    """Return the minutes from the start of the first stage to the end of the last one if each takes its budget.

    Simulates `run_all` with one lane for stages without hosts and `places` lanes for the others.
    """
    ends: dict[str, float] = {}
    together = [stage for stage in chosen if not budgets[stage.name].alone]
    lanes = {True: [0.0] * places, False: [0.0]}
    # The bundle first: stages that wait for it cannot begin earlier, and each lane takes the next stage
    for stage in sorted(together, key=lambda stage: stage.name != "bundle"):
        lane = lanes[stage.heavy]
        free = lane.index(min(lane))
        begin = max([lane[free], *(ends[name] for name in stage.needs if name in ends)])
        lane[free] = ends[stage.name] = begin + budgets[stage.name].minutes
    alone = sum(budgets[stage.name].minutes for stage in chosen if budgets[stage.name].alone)
    return max(ends.values(), default=0.0) + alone


def stages() -> list[Stage]:
    return [
        Stage("lint", lint),
        # Its hosts have short time limits, so it runs while the bundle is compiled and before there are clusters
        Stage("hostile-hosts", programs("tests/integration/hostile_hosts")),
        Stage("controller", programs("tests/integration/controller")),
        Stage("unit", programs("tests/unit")),
        Stage("sanity", sanity),
        Stage("package", package),
        Stage("galaxy", programs("tests/integration/galaxy")),
        Stage("bundle", bundle, heavy=True),
        Stage("image-mirror", programs("tests/integration/image_mirror"), needs=("bundle",)),
        Stage("bundle-playbook", programs("tests/integration/bundle"), needs=("bundle",)),
        *(Stage(name, molecule(name), needs=("bundle",), heavy=True) for name in SCENARIOS),
        Stage("installed", installed(), needs=("bundle",), heavy=True),
        Stage("benchmarks", benchmarks, needs=("bundle",), heavy=True),
        Stage("lab", lab, needs=("bundle",), heavy=True),
    ]


def long_stages() -> list[Stage]:
    """Return the stages of `make test-long`, which take too long for `make test`."""
    return [
        Stage("cores", programs("tests/integration/cores", polite=True)),
        Stage("installed-2.19", installed("--core=2.19"), heavy=True),
    ]


def run_stage(stage: Stage, place: Path) -> Tally:
    say(stage.name, "=== begins")
    started = time.monotonic()
    limit = BUDGETS[stage.name].limit if stage.name in BUDGETS else math.inf
    tally = Tally(stage.name, deadline=started + limit)
    try:
        stage.run(tally, place)
    except TimedOut as problem:
        tally.notes.append(f"killed after {limit:.0f} s, three times its budget: {problem}")
        tally.failed = tally.failed or 1
        show_log(tally)
    except (Failed, OSError, RuntimeError, subprocess.SubprocessError, StopIteration) as error:
        tally.notes.append(str(error) or type(error).__name__)
        # Also if all of its tests passed: the command may have failed for another reason
        tally.failed = tally.failed or 1
    tally.passed += 0 if tally.failed or tally.passed or tally.skipped else 1
    tally.seconds = time.monotonic() - started
    say(stage.name, f"=== {'failed' if tally.failed else 'passed'} in {tally.seconds:.0f} s")
    return tally


def show_log(tally: Tally) -> None:
    """Print the end of the log of a stage's programs."""
    if tally.log is not None and tally.log.exists():
        lines = tally.log.read_text(encoding="utf-8", errors="replace").splitlines()
        say(tally.name, f"=== the last lines of {tally.log.name}, of {len(lines)}")
        for line in lines[-LOG_LINES:]:
            say(tally.name, line)


def copy_of_checkout() -> Path:
    """Return a copy of this checkout as git would have it, with its Python environment and hosts of its own."""
    place = ROOT / ".cache" / "places" / "2"
    if (place / "testbed").exists():
        # An interrupted run has left its hosts
        ask(place, "testbed/cli.py", "down", "--set", "molecule")
    place.mkdir(parents=True, exist_ok=True)
    for entry in place.iterdir():
        # Keep podman's storage, otherwise the images would have to be imported again
        if entry.name != ".cache":
            remove(entry)
    export_tree(place)
    link = place / ".collections" / "ansible_collections" / "classroom" / "kubeadm"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../..")
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def places(chosen: Sequence[Stage]) -> list[Path]:
    """Return the checkouts for heavy stages: a second one if there are several such stages and enough memory."""
    with_machines = [stage for stage in chosen if stage.heavy and stage.name != "bundle"]
    if len(with_machines) < 2 or int(ask(ROOT, "testbed/cli.py", "room")) < 2:
        return [ROOT]
    return [ROOT, copy_of_checkout()]


def run_lane(waiting: Queue[Stage], place: Path, done: Mapping[str, Future[Tally]]) -> None:
    """Run one stage after the other; wait for the stages of other lanes that a stage needs."""
    while True:
        try:
            stage = waiting.get_nowait()
        except Empty:
            return
        try:
            broken = [name for name in stage.needs if name in done and done[name].result().failed]
            tally = Tally(stage.name, failed=1, notes=[f"not run: {', '.join(broken)} failed"])
            done[stage.name].set_result(tally if broken else run_stage(stage, place))
        except BaseException as problem:
            # Report the failure to those that wait for this stage, which would otherwise wait forever
            done[stage.name].set_exception(problem)


def run_all(chosen: Sequence[Stage], places: Sequence[Path]) -> list[Tally]:
    """Run one lane for stages without hosts, and one in each checkout for stages with hosts, or the bundle they need.

    Compiling and tests do not slow each other down much: tests mostly wait for timeouts and sockets.
    """
    done: dict[str, Future[Tally]] = {stage.name: Future() for stage in chosen}
    light: Queue[Stage] = Queue()
    heavy: Queue[Stage] = Queue()
    alone: Queue[Stage] = Queue()
    for stage in chosen:
        if stage.name in BUDGETS and BUDGETS[stage.name].alone:
            alone.put(stage)
        else:
            (heavy if stage.heavy else light).put(stage)
    with ThreadPoolExecutor(len(places) + 1) as pool:
        pool.submit(run_lane, light, ROOT, done)
        for place in places:
            pool.submit(run_lane, heavy, place, done)
    # The pool's end is the end of all lanes
    run_lane(alone, ROOT, done)
    return [done[stage.name].result() for stage in chosen]


def report(done: Sequence[Tally]) -> bool:
    print(f"\n{'stage':<{NAMES}}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for tally in done:
        print(f"{tally.name:<{NAMES}}{tally.passed:>8}{tally.failed:>8}{tally.skipped:>9}{tally.seconds:>9.0f}")
        for note in tally.notes:
            print(f"  {note}")
    passed = sum(tally.passed for tally in done)
    failed = sum(tally.failed for tally in done)
    skipped = sum(tally.skipped for tally in done)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return failed == 0 and passed > 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the stages of the test suite.")
    parser.add_argument("stage", nargs="*", help="stages to run (default: all)")
    parser.add_argument("--scenario", default="cluster", choices=SCENARIOS, help="scenario of the stage molecule")
    parser.add_argument("--long", action="store_true", help="run the stages of `make test-long` by default")
    arguments = parser.parse_args()
    wanted = [arguments.scenario if name == "molecule" else name for name in arguments.stage]
    known = {stage.name: stage for stage in (*stages(), *long_stages())}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(known)} and molecule")
    CACHE.mkdir(parents=True, exist_ok=True)
    # In the order of the table: a lane that waits for a stage must not have it behind itself
    named = [stage for stage in known.values() if stage.name in wanted]
    chosen = named or (long_stages() if arguments.long else stages())
    return 0 if report(run_all(chosen, places(chosen))) else 1


if __name__ == "__main__":
    sys.exit(main())
