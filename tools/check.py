# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the stages that prove the project right, all of them or those that are named.

Prints the seconds of each stage and closes with `N passed, N failed, N skipped`: the tests of a stage that runs pytest,
otherwise one for the stage. The exit status is 0 only when nothing failed and something passed.

What needs no machines runs beside what does, and two scenarios beside each other where the host has the room: the
second in a copy of this checkout, which has machines of its own. So each line begins with the name of its stage.

BUDGETS has the measured minutes of every stage. A stage that takes three times its budget is killed, together with all
processes that it started, and what it had logged is printed.
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

from tools.paths import CACHE, ROOT, environment, machine_environment
from tools.process_group import ProcessGroup

PYTHON = sys.executable
# The longest first, so that none of them is left alone at the end
SCENARIOS = (
    "class", "airgap", "reset", "redhat", "invalid_input", "enroll", "student_exercise", "host_settings", "killed_runs",
    "crio", "cluster",
)
PLAYBOOKS = (
    "site", "bundle", "utility", "verify", "reset", "audit", "harvest", "student_tools", "enroll", "students", "report",
)
# tools/lab.py: the lab's addresses are somebody else's on this host
NETWORK_TAKEN = 3
# A stage that takes this many times its budget is killed
LIMIT_FACTOR = 3
# What the plan may take on an idle machine; CI gives 90, on machines whose speed varies by half
PLAN_MINUTES = 58
# How many lines of its log are printed for a stage that was killed
LOG_LINES = 200
# The width of a stage's name
NAMES = 16
# Molecule colours what it passes on, and puts a bar before it
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# pytest's closing line, with or without its frame of "="
PYTEST_CLOSING = re.compile(r"^=*\s?(?=.*\d+ (?:passed|failed|error|skipped))(?:\d+ \w+(?:, )?)+ in [\d.]+s")


@dataclass
class Tally:
    """What a stage proved; a stage without tests of its own counts as one.

    `deadline` is the time, by the monotonic clock, at which the stage is killed. `log` is a file in which its programs
    keep what they do not print before they end.
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
    """The minutes of a stage in its lane, measured on an idle machine with nothing compiled before.

    A stage is `alone` when its tests watch the clock so closely that another stage would disturb them.
    """

    minutes: float
    alone: bool = False

    @property
    def limit(self) -> float:
        """Seconds after which the stage is killed."""
        return self.minutes * 60 * LIMIT_FACTOR


@dataclass(frozen=True)
class Stage:
    """A name for the command line and the function that runs it.

    `needs` names stages without which it is pointless. The function is told the checkout in which it works; a heavy
    stage has that for itself.
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
    """One line in one piece, whoever else has something to say."""
    sys.stdout.write(f"{stage:<{NAMES}} {line}\n")
    sys.stdout.flush()


def call(tally: Tally, argv: Sequence[str], cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run one command, pass its output on as it comes, count the tests it reports, and return what it printed."""
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


# For stages that are never waited for: clusters that are tested beside them have an eye on the clock
POLITELY = ("nice",)


def programs(directory: str, *arguments: str, polite: bool = False) -> Callable[[Tally, Path], None]:
    """Tests in which real programs work on this host: pytest over one directory, with further arguments of its own."""

    def run(tally: Tally, _place: Path) -> None:
        call(tally, [*(POLITELY if polite else ()), PYTHON, "-m", "pytest", directory, *arguments])

    return run


def remove(path: Path) -> None:
    """What an earlier run has left, if it has."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def export_tree(target: Path, keep: Callable[[str], bool] = lambda _name: True) -> None:
    """A copy of what git tracks or would track and `keep` wants; never the link of the checkout to itself."""
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
    """What users install, and the tests of it; what only a checkout is for follows its own rules."""
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    return name.split("/")[0] not in ignored or name.startswith("tests/unit/plugins/")


def sanity(tally: Tally, _place: Path) -> None:
    """ansible-test wants a path ending in ansible_collections/NAMESPACE/NAME, and a file to bootstrap pip from."""
    base = ROOT / ".cache" / "sanity"
    tree = base / "ansible_collections" / "classroom" / "kubeadm"
    remove(tree)
    export_tree(tree, keep=_of_the_collection)
    # It looks at what git tracks, and would otherwise find the checkout around it, which ignores all of this
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


def package(tally: Tally, _place: Path) -> None:
    """The collection as users get it: built, installed somewhere else, and its playbooks found by name."""
    base = ROOT / ".cache" / "package"
    tree = base / "tree"
    remove(tree)
    export_tree(tree)
    call(tally, ["ansible-galaxy", "collection", "build", "--force", "--output-path", str(base), str(tree)])
    archive = next(base.glob("classroom-kubeadm-*.tar.gz"))
    installed = base / "installed"
    remove(installed)
    call(tally, ["ansible-galaxy", "collection", "install", "--no-deps", "--force", "-p", str(installed), str(archive)])
    for playbook in PLAYBOOKS:
        call(
            tally,
            ["ansible-playbook", f"classroom.kubeadm.{playbook}", "-i", str(ROOT / "inventories/lab"), "--list-tasks"],
            cwd=base,
            env={"ANSIBLE_CONFIG": str(base / "none.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(installed)},
        )


def bundle(tally: Tally, _place: Path) -> None:
    call(tally, [*POLITELY, PYTHON, "-m", "bundle", "build"])
    call(tally, [PYTHON, "-m", "bundle", "verify"])


class Networks:
    """Networks for machines, none of them given to two scenarios at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: dict[Path, str] = {}

    def take(self, place: Path) -> str:
        """The first three numbers of a network's addresses that nobody else has, for the machines of this checkout."""
        with self._lock:
            others = [f"--besides={prefix}" for owner, prefix in self._given.items() if owner != place]
            prefix = ask(place, "testbed/cli.py", "free-subnet", *others)
            self._given[place] = prefix
        return prefix


NETWORKS = Networks()


def ask(place: Path, *argv: str) -> str:
    """The one line that a program of a checkout prints."""
    return subprocess.run(
        [PYTHON, *argv], cwd=place, env=environment(), check=True, capture_output=True, text=True
    ).stdout.strip()


def molecule(scenario: str) -> Callable[[Tally, Path], None]:
    """A scenario on fresh machines in a network that nobody on this host has."""

    def run(tally: Tally, place: Path) -> None:
        # Molecule holds back the output of a play; building the image takes longer than anybody likes to see nothing
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
            # The next scenario here would find them
            call(Tally(scenario), [PYTHON, "testbed/cli.py", "down", "--set", "molecule"], place)
            raise

    return run


def lab(tally: Tally, place: Path) -> None:
    try:
        call(tally, [PYTHON, "tools/lab.py", "prove"], place)
    except Failed as failure:
        if failure.status != NETWORK_TAKEN:
            raise
        tally.skipped = 1
        tally.notes.append("not run: the lab's network is another checkout's, see above")


# Measured as docs/development/testing.md describes
BUDGETS: Mapping[str, Budget] = {
    "lint": Budget(3),
    "hostile-hosts": Budget(7),
    "controller": Budget(2),
    "unit": Budget(8),
    "sanity": Budget(8),
    "package": Budget(1),
    "galaxy": Budget(1),
    "bundle": Budget(14),
    "image-mirror": Budget(2),
    "bundle-playbook": Budget(2),
    # Four clusters at a time are more than enough for two cores
    "class": Budget(8, alone=True),
    "airgap": Budget(8),
    "reset": Budget(8),
    "redhat": Budget(7),
    "invalid_input": Budget(6),
    "enroll": Budget(5),
    "student_exercise": Budget(5),
    "host_settings": Budget(5),
    "killed_runs": Budget(5),
    "crio": Budget(5),
    "cluster": Budget(5),
    "lab": Budget(3),
    "cores": Budget(20),
}


def planned_minutes(chosen: Sequence[Stage], budgets: Mapping[str, Budget], places: int) -> float:
    """The minutes from the first stage's start to the last one's end, when each takes its budget.

    Simulates `run_all` with one lane for what needs no machines and `places` lanes for what does.
    """
    ends: dict[str, float] = {}
    together = [stage for stage in chosen if not budgets[stage.name].alone]
    lanes = {True: [0.0] * places, False: [0.0]}
    # The bundle first: what waits for it cannot begin earlier, and each lane is taken by the stage that comes next
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
        Stage("lab", lab, needs=("bundle",), heavy=True),
    ]


def long_stages() -> list[Stage]:
    """The stages of `make test-long`, for which `make test` has no time."""
    return [
        Stage("cores", programs("tests/integration/cores", polite=True)),
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
        # Also when all of its tests passed: the command knows more than they do
        tally.failed = tally.failed or 1
    tally.passed += 0 if tally.failed or tally.passed or tally.skipped else 1
    tally.seconds = time.monotonic() - started
    say(stage.name, f"=== {'failed' if tally.failed else 'passed'} in {tally.seconds:.0f} s")
    return tally


def show_log(tally: Tally) -> None:
    """Print the end of what the stage's programs kept to themselves."""
    if tally.log is not None and tally.log.exists():
        lines = tally.log.read_text(encoding="utf-8", errors="replace").splitlines()
        say(tally.name, f"=== the last lines of {tally.log.name}, of {len(lines)}")
        for line in lines[-LOG_LINES:]:
            say(tally.name, line)


def copy_of_checkout() -> Path:
    """What git would have of this checkout, with its Python environment; machines made there are its own."""
    place = ROOT / ".cache" / "places" / "2"
    if (place / "testbed").exists():
        # A run that was cut off has left its machines
        ask(place, "testbed/cli.py", "down", "--set", "molecule")
    place.mkdir(parents=True, exist_ok=True)
    for entry in place.iterdir():
        # With podman's storage, into which the images would have to be brought again
        if entry.name != ".cache":
            remove(entry)
    export_tree(place)
    link = place / ".collections" / "ansible_collections" / "classroom" / "kubeadm"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../..")
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def places(chosen: Sequence[Stage]) -> list[Path]:
    """The checkouts in which heavy stages work at the same time: a second one if there is use and room for it."""
    with_machines = [stage for stage in chosen if stage.heavy and stage.name != "bundle"]
    if len(with_machines) < 2 or int(ask(ROOT, "testbed/cli.py", "room")) < 2:
        return [ROOT]
    return [ROOT, copy_of_checkout()]


def run_lane(waiting: Queue[Stage], place: Path, done: Mapping[str, Future[Tally]]) -> None:
    """One stage after the other; one that another lane has to end first is waited for."""
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
            # Whoever waits for it is told, instead of waiting for ever
            done[stage.name].set_exception(problem)


def run_all(chosen: Sequence[Stage], places: Sequence[Path]) -> list[Tally]:
    """A lane for what needs no machines, and one in each of the checkouts for what does, or for the bundle they need.

    Compiling waits for its longest program, tests wait for clocks and sockets, and neither for the other.
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
    parser = argparse.ArgumentParser(description="Prove the project right.")
    parser.add_argument("stage", nargs="*", help="all when none is named")
    parser.add_argument("--scenario", default="cluster", choices=SCENARIOS, help="which one, for the stage molecule")
    parser.add_argument("--long", action="store_true", help="the stages of `make test-long` when none is named")
    arguments = parser.parse_args()
    wanted = [arguments.scenario if name == "molecule" else name for name in arguments.stage]
    known = {stage.name: stage for stage in (*stages(), *long_stages())}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(known)} and molecule")
    CACHE.mkdir(parents=True, exist_ok=True)
    chosen = [known[name] for name in wanted] or (long_stages() if arguments.long else stages())
    return 0 if report(run_all(chosen, places(chosen))) else 1


if __name__ == "__main__":
    sys.exit(main())
