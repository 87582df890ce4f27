# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mirror images: resolve, compare, plan, copy missing images, and report the result for each."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from .._core import disk_space
from .._core.errors import ClassroomError
from .._core.files import write_text
from .._core.plan import Change
from .._core.run_lock import alone
from . import lock as image_lock
from . import plan as image_plan
from . import reference as image_reference
from .copy import Destination, Queue, ToLocal, ToRegistry, explained, is_lasting
from .endpoints import REGISTRY, EndpointSpec, RegistryPlace, Source, TransferOptions, check_names, local_of, source_of
from .lock import Entry, Lock
from .plan import COPIED, FAILED, PRESENT, Choice, Found, Result
from .reference import Reference

# Threads for requests to registries and for reading small files, which mostly wait
LOOKERS = 8
# Seconds between two lines about an image that is being copied
PROGRESS_INTERVAL = 5
# Seconds before the second attempt, doubled for each further one
RETRY_DELAY = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class MirrorSpec:
    """The desired mirror. `platforms` may be only "all"; `wait` is in seconds."""

    images: Mapping[str, Reference]
    source: EndpointSpec
    destination: EndpointSpec
    lock: str
    platforms: tuple[str, ...]
    update: frozenset[str] = frozenset()
    compare: bool = False
    verified: bool = False
    check: bool = False
    parallel: int = 4
    wait: float = 600


@dataclass(frozen=True)
class Moved:
    """A tag whose digest at the source has changed since it was locked."""

    reference: str
    locked: str
    upstream: str


@dataclass
class MirrorResult:
    """The findings and changes of a run."""

    steps: list[Change] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def bad(self) -> list[Result]:
        """Return the results of all images that are not in the desired state."""
        return [result for result in self.results.values() if result.state not in (PRESENT, COPIED)]


class Progress:
    """A log file of the progress, which a user can follow."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Append a line with the time; raise ClassroomError if the file cannot be written."""
        if not self._path:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        try:
            with self._lock, open(self._path, "a", encoding="utf-8") as stream:
                stream.write(f"{stamp} {line}\n")
        except OSError as problem:
            raise ClassroomError(
                f"The progress cannot be written: expected a writable file {self._path}, found: {problem.strerror}. "
                "Set a path in an existing directory.") from problem


def asked(texts: Sequence[str]) -> dict[str, Reference]:
    """Return the requested images by name; raise ClassroomError with one message per invalid or duplicate name."""
    found: dict[str, Reference] = {}
    problems = []
    for text in texts:
        try:
            reference = image_reference.parse(text)
        except ClassroomError as problem:
            problems.append(str(problem))
            continue
        if found.setdefault(reference.name, reference) != reference:
            problems.append(f"An image is listed twice: expected each image once, found {reference.name} with and "
                            "without a digest, or with two. Remove one of them.")
    if problems:
        raise ClassroomError("\n".join(problems))
    return found


def mirror(spec: MirrorSpec, means: TransferOptions, progress: Progress) -> MirrorResult:
    """Copy missing images to the destination, or only verify or predict; return the result."""
    check_names(spec.destination, spec.images)
    began = time.monotonic()
    with contextlib.ExitStack() as held:
        if not (spec.verified or spec.check):
            for path, what in _guarded(spec):
                held.enter_context(alone(path, what, spec.wait, progress.say))
        outcome = _Run(spec, means, progress).run()
    outcome.seconds = time.monotonic() - began
    return outcome


def failure_message(spec: MirrorSpec, outcome: MirrorResult) -> str:
    """Return a message about all images that are not in the desired state, each with its reason; empty if all are."""
    if not outcome.bad:
        return ""
    what = "are not as locked in" if spec.verified else "could not be copied to"
    head = f"{len(outcome.bad)} of {len(spec.images)} images {what} {spec.destination}:"
    return "\n".join([head, *(f"{result.reference}: {result.error}" for result in outcome.bad)])


def moved_message(moved: Moved) -> str:
    """Return the warning about a tag whose digest has changed."""
    return (
        f"The tag {moved.reference} has changed: it is {moved.upstream} at the source now, and is locked as "
        f"{moved.locked}. Name it in the option update to take the new one.")


def report(spec: MirrorSpec, outcome: MirrorResult) -> dict[str, Any]:
    """Return the result of the run as data."""
    return {
        "source": str(spec.source), "destination": str(spec.destination), "lock": spec.lock,
        "platforms": list(spec.platforms), "state": "verified" if spec.verified else "present",
        "seconds": round(outcome.seconds, 3), "images": [asdict(result) for result in outcome.results.values()],
        "moved": [asdict(moved) for moved in outcome.moved],
    }


def write_report(path: str, content: Mapping[str, Any]) -> None:
    """Write a report as JSON."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def _guarded(spec: MirrorSpec) -> Iterator[tuple[str, str]]:
    """Yield lock files and what they protect. A registry has none: runs on other hosts would not see it."""
    directory, name = os.path.split(os.path.abspath(spec.lock))
    yield os.path.join(directory, f".{name}.classroom-lock"), spec.lock
    if spec.destination.kind != REGISTRY:
        yield os.path.join(spec.destination.path, ".classroom-mirror.lock"), spec.destination.path


class _Run:
    """The state of a run: errors by image, and the results so far."""

    def __init__(self, spec: MirrorSpec, means: TransferOptions, progress: Progress) -> None:
        self.spec = spec
        self.means = means
        self.progress = progress
        self.errors: dict[str, str] = {}
        self.outcome = MirrorResult()
        self.destination: Destination = (
            ToRegistry(RegistryPlace(spec.destination, means)) if spec.destination.kind == REGISTRY
            else ToLocal(local_of(spec.destination)))
        self._source: Source | None = None

    @property
    def source(self) -> Source:
        """Return the source, opened on first use: it may be unreachable if all images are present."""
        if self._source is None:
            self._source = source_of(self.spec.source, self.means)
        return self._source

    def run(self) -> MirrorResult:
        """Carry out the run and return its result."""
        lock = self._lock()
        entries = dict(lock.entries)
        choices: dict[str, Choice] = {}
        if not self.spec.verified:
            for name in self.spec.update - set(self.spec.images):
                entries.pop(name, None)
            self._resolve(entries, choices)
        found = self._each(
            [name for name in self.spec.images if name in entries and name not in self.errors],
            lambda name: self.destination.found(
                self.spec.images[name], entries[name].copied, thorough=self.spec.verified))
        states = {name: image_plan.state_of(entries.get(name), seen) for name, seen in found.items()}
        todo = [name for name, (state, _reason) in states.items() if state != PRESENT]
        self._compare(lock, [name for name in found if self.spec.compare or (not self.spec.verified and name in todo)])
        if not self.spec.verified:
            self._locate(entries, [name for name in todo if name not in choices], choices)
            todo = [name for name in todo if name not in self.errors]
            self._check_space(todo, choices)
            self.outcome.steps = image_plan.steps(
                entries, lock.entries, {name: seen for name, seen in found.items() if name not in self.errors})
        self._tell(entries, found, states, choices)
        if not (self.spec.verified or self.spec.check):
            if dict(lock.entries) != entries or not os.path.exists(self.spec.lock):
                image_lock.write(self.spec.lock, Lock(self.spec.platforms, entries))
            self._copy(todo, choices)
        return self.outcome

    def _lock(self) -> Lock:
        found = image_lock.read(self.spec.lock)
        if found is None:
            if self.spec.verified:
                raise ClassroomError(
                    f"The images are not locked: expected a lock in {self.spec.lock}, found no such file. Run this "
                    "with state: present first.")
            return Lock(self.spec.platforms)
        update = frozenset() if self.spec.verified else self.spec.update
        image_lock.compare(self.spec.lock, found, self.spec.platforms, self.spec.images, update)
        return found

    def _resolve(self, entries: dict[str, Entry], choices: dict[str, Choice]) -> None:
        """Query the source for images that are not locked or have to be locked again."""
        fresh = [name for name in self.spec.images if name not in entries or name in self.spec.update]

        def resolved(name: str) -> tuple[Entry, Choice]:
            image = self.spec.images[name]
            whole = self.source.manifest(image, image.digest or image.tag)
            if whole is None:
                raise ClassroomError(
                    "expected it at {}, found no such {}. Correct the name, or remove it from the list".format(
                        self.source.named(image), "digest" if image.digest else "tag"))
            choice = image_plan.chosen(self._reader(image), whole, image, self.spec.platforms)
            return Entry(self.source.identity(image, whole), choice.top.digest), choice

        for name, (entry, choice) in self._each(fresh, resolved).items():
            entries[name] = entry
            choices[name] = choice

    def _compare(self, lock: Lock, names: Sequence[str]) -> None:
        """Find tags that have changed since they were locked."""
        names = [name for name in names if name in lock.entries and name not in self.spec.update
                 and self.spec.images[name].tag and name not in self.errors]
        for name, now in self._each(names, lambda name: self.source.digest(self.spec.images[name])).items():
            entry = lock.entries[name]
            if now and now not in (entry.resolved, entry.copied):
                self.outcome.moved.append(Moved(name, entry.resolved, now))
                self.progress.say(moved_message(self.outcome.moved[-1]))

    def _locate(self, entries: Mapping[str, Entry], names: Sequence[str], choices: dict[str, Choice]) -> None:
        """Find locked images that are missing in the destination at the source."""

        def located(name: str) -> Choice:
            image = self.spec.images[name]
            return image_plan.located(
                self._reader(image), entries[name], image, self.spec.platforms, lambda: self.source.digest(image))

        choices.update(self._each([name for name in names if name not in self.errors], located))

    def _check_space(self, names: Sequence[str], choices: Mapping[str, Choice]) -> None:
        if isinstance(self.destination, ToLocal):
            wanted: dict[str, int] = {}
            for name in names:
                wanted.update(self.destination.lacking(self.spec.images[name], choices[name].parts))
            disk_space.require(self.destination.root, sum(max(size, 0) for size in wanted.values()), "these images")

    def _tell(
        self, entries: Mapping[str, Entry], found: Mapping[str, Found], states: Mapping[str, tuple[str, str]],
        choices: Mapping[str, Choice],
    ) -> None:
        """Record the result for each image before anything is copied; in check mode this is the prediction."""
        for name, image in self.spec.images.items():
            entry = entries.get(name)
            state, reason = states.get(name, image_plan.state_of(entry, Found()))
            size = choices[name].size if name in choices else found.get(name, Found()).size
            if name in self.errors:
                state, reason = FAILED, self.errors[name]
            elif state != PRESENT and not self.spec.verified:
                state, reason = COPIED, ""
            # The name of the source is known without opening it
            self.outcome.results[name] = Result(
                name, self._named(image), entry.copied if entry else "", size, 0.0, state, reason)

    def _copy(self, names: Sequence[str], choices: Mapping[str, Choice]) -> None:
        queue = Queue({name: self.destination.lacking(self.spec.images[name], choices[name].parts) for name in names})
        self.progress.say(f"{len(self.spec.images)} images: {len(names)} to copy, "
                          f"{len(self.spec.images) - len(names) - len(self.errors)} there, {len(self.errors)} failed")
        with _reported(self.progress, choices) as moved:

            def worker() -> None:
                while True:
                    with queue.turn() as name:
                        if not name:
                            return
                        self._copy_one(name, choices[name], moved)

            with ThreadPoolExecutor(max_workers=self.spec.parallel) as pool:
                for done in [pool.submit(worker) for _number in range(min(self.spec.parallel, len(names)))]:
                    done.result()
        if isinstance(self.destination, ToLocal) and not self.errors:
            self.destination.sweep()
        self.progress.say(f"{sum(result.state == COPIED for result in self.outcome.results.values())} copied, "
                          f"{len(self.errors)} failed")

    def _copy_one(self, name: str, choice: Choice, moved: dict[str, int]) -> None:
        """Copy an image, with retries if they may help, and record the result."""
        began = time.monotonic()
        moved[name] = 0
        state, reason = COPIED, ""
        for attempt in range(self.means.retries + 1):
            try:
                self.destination.take(
                    self.source, self.spec.images[name], choice, self.means.timeout,
                    lambda size: moved.__setitem__(name, size))
                break
            except (ClassroomError, OSError) as problem:
                reason = self.means.credentials.redacted(explained(problem))
                if is_lasting(problem) or attempt == self.means.retries:
                    state = FAILED
                    self.errors[name] = reason
                    break
                delay = RETRY_DELAY * 2 ** attempt
                self.progress.say(f"{name}: attempt {attempt + 1} failed, again in {delay:g} s: {reason}")
                time.sleep(delay)
        moved.pop(name, None)
        seconds = round(time.monotonic() - began, 3)
        known = self.outcome.results[name]
        self.outcome.results[name] = Result(
            name, known.source, known.digest, known.size, seconds, state, reason if state == FAILED else "")
        self.progress.say("{}: {}, {} in {:.1f} s{}".format(
            name, state, _mb(known.size), seconds, ": " + reason if state == FAILED else ""))

    def _each(self, names: Sequence[str], work: Callable[[str], T]) -> dict[str, T]:
        """Process several images at a time; an exception for one becomes its error."""

        def guarded(name: str) -> tuple[T] | None:
            try:
                return (work(name),)
            except (ClassroomError, OSError) as problem:
                self.errors[name] = self.means.credentials.redacted(explained(problem))
                return None

        if not names:
            return {}
        with ThreadPoolExecutor(max_workers=min(LOOKERS, len(names))) as pool:
            done = dict(zip(names, pool.map(guarded, names)))
        return {name: answer[0] for name, answer in done.items() if answer is not None}

    def _reader(self, image: Reference) -> image_plan.Read:
        return lambda digest: self.source.manifest(image, digest)

    def _named(self, image: Reference) -> str:
        try:
            return self.source.named(image)
        except ClassroomError:
            return str(self.spec.source)


@contextlib.contextmanager
def _reported(progress: Progress, choices: Mapping[str, Choice]) -> Iterator[dict[str, int]]:
    """Write a line every few seconds about each image that is being copied; yield the mapping of copied bytes."""
    moved: dict[str, int] = {}
    ended = threading.Event()

    def report_progress() -> None:
        while not ended.wait(PROGRESS_INTERVAL):
            for name, size in list(moved.items()):
                progress.say(f"{name}: {_mb(size)} of {_mb(choices[name].size)}")

    thread = threading.Thread(target=report_progress, daemon=True)
    thread.start()
    try:
        yield moved
    finally:
        ended.set()
        thread.join()


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
