# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that runs with exactly the configuration files that are wanted."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable

from .._core import original_state
from .._core.command import CommandFailed, Runner
from .._core.errors import ClassroomError
from .._core.files import Root, mode_of, read_text, remove, write_text
from .._core.plan import Step
from . import systemd
from .listeners import foreign_listener

_UNIT_DIRECTORIES = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
_HIDDEN = "(not shown)"
_NO_UNIT = "not installed"
# A unit of Type=simple counts as active at once, also when its program ends at once.
_SETTLING = 0.5
# In a trial's command, where the files are that it is about
PLACE = "{directory}"
# Of a command that is not there
NOT_FOUND = 127


@dataclass(frozen=True)
class FileWish:
    """A configuration file as it should be, without content: as it should not be; a secret one is never shown.

    `on_change` (restart, reload) None: as its service has it. Without `force` a file that is there stays as it is.
    """

    path: str
    content: str | None
    mode: int = 0o644
    secret: bool = False
    on_change: str | None = None
    force: bool = True

    @property
    def belongs_to_systemd(self) -> bool:
        """Whether it is a unit or a drop-in, which systemd reads and a service's own reload does not."""
        return self.path.startswith(_UNIT_DIRECTORIES)


@dataclass(frozen=True)
class Trial:
    """A command that judges all files of a directory before a service reads them; `PLACE` in it stands for a copy."""

    command: tuple[str, ...]
    directory: str


@dataclass(frozen=True)
class Wish:
    """The unit, its files, when it counts as running; `enabled` and `state` (started, stopped) None: as it is.

    With `brought_by` the unit is none of this collection's business unless it installed one of these packages.
    """

    name: str
    files: tuple[FileWish, ...] = ()
    enabled: bool | None = None
    state: str | None = None
    on_change: str = "restart"
    socket: str | None = None
    port: int | None = None
    timeout: float = 60.0
    further_ports: tuple[int, ...] = ()
    trial: Trial | None = None
    brought_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileState:
    """A file as it is; `content` None: there is none."""

    content: str | None = None
    mode: int | None = None
    changed: float = 0.0


@dataclass(frozen=True)
class State:
    """The unit and its files as they are."""

    unit: systemd.Unit
    files: Mapping[str, FileState] = field(default_factory=dict)
    now: float = 0.0
    ours: bool = True


def read_state(root: Root, run: Runner, wish: Wish) -> State:
    if wish.brought_by and not original_state.brought(root, wish.brought_by):
        return State(systemd.Unit(wish.name), now=time.time(), ours=False)
    unit = systemd.show(run, wish.name)
    return State(unit, {file.path: _read_file(root(file.path)) for file in wish.files}, time.time())


def read_files(root: Root, files: Sequence[FileWish]) -> State:
    """The state of files that belong to no unit."""
    return State(systemd.Unit(""), {file.path: _read_file(root(file.path)) for file in files}, time.time())


def _read_file(path: str) -> FileState:
    content = read_text(path)
    return FileState() if content is None else FileState(content, mode_of(path), os.stat(path).st_mtime)


def check(wish: Wish, state: State) -> None:
    """Refuse what can never come true; asked in the real run only, because check mode may precede the installation."""
    if not state.ours:
        return
    supplied = any(file.belongs_to_systemd and os.path.basename(file.path) == wish.name for file in wish.files)
    if not state.unit.exists and not supplied and (wish.state == "started" or wish.enabled):
        raise ClassroomError(
            f"Wanted the unit {wish.name}, found none of that name on this machine. Install the package that brings "
            "it.")
    if state.unit.load_state == "masked" and wish.state == "started":
        raise ClassroomError(
            f"Wanted {wish.name} running, found it masked. Unmask it with 'systemctl unmask {wish.name}' if that was "
            "not meant.")


def try_files(root: Root, run: Runner, wish: Wish, steps: Sequence[Step], check_mode: bool) -> None:
    """Have the files judged as they are going to be, in a copy, while the running service still has the old ones.

    Before an installation, in check mode, there is nobody to judge them.
    """
    trial = wish.trial
    changing = {step.target for step in steps if step.action == "file"}
    written = [file for file in wish.files if file.path in changing]
    if trial is None or not any(file.path.startswith(trial.directory + "/") for file in written):
        return
    with tempfile.TemporaryDirectory() as work:
        place = os.path.join(work, "files")
        if os.path.isdir(root(trial.directory)):
            shutil.copytree(root(trial.directory), place)
        for file in written:
            if not file.path.startswith(trial.directory + "/"):
                continue
            path = place + file.path[len(trial.directory):]
            if file.content is None:
                os.unlink(path)
            else:
                write_text(path, file.content, 0o600)
        answer = run([place if word == PLACE else word for word in trial.command], check=False, timeout=60)
        words = (answer.text.replace(place, trial.directory).strip().splitlines() or ["it said nothing"])[-1]
        # Programs in Go say it with a time and a level before it
        words = words.partition(' msg="')[2].rstrip('"').replace('\\"', '"') or words
    if answer.rc == 0 or (answer.rc == NOT_FOUND and check_mode):
        return
    raise ClassroomError(
        "Wanted files in {} that {} can start with, found that it cannot: {}. Nothing was written, and a running "
        "one goes on as it is. Correct the file, or the variable, that it names.".format(
            trial.directory, wish.name, words.rstrip(".")))


def check_ports(root: Root, wish: Wish) -> None:
    """Refuse a start that would fail, or seem to succeed because somebody else answers; costs a tenth of a second."""
    ports = wish.further_ports if wish.port is None else (wish.port, *wish.further_ports)
    for port in ports if wish.state == "started" else ():
        found = foreign_listener(root, port, wish.name)
        if found is not None:
            raise ClassroomError(
                f"Wanted port {port} for {wish.name}, found '{found}' listening on it. Stop that program, or choose "
                "another port."
            )


def plan(wish: Wish, state: State) -> list[Step]:
    """Files, then systemd's knowledge of them, then enablement, then the process."""
    _check_paths(wish.files)
    if not state.ours:
        return []
    stale = [file for file in wish.files if _is_stale(file, state.files[file.path])]
    steps = [step for file in wish.files for step in _plan_file(file, state.files[file.path])]
    reloading = any(file.belongs_to_systemd for file in stale)
    if reloading or state.unit.needs_daemon_reload:
        steps.append(Step("daemon-reload", "systemd", "older units", "the units on disk",
                          "a unit or drop-in changed" if reloading else "units on disk are newer than the loaded ones"))
    return [*steps, *_plan_enablement(wish, state.unit), *_plan_process(wish, state, stale)]


def _check_paths(files: Sequence[FileWish]) -> None:
    seen = set()
    for file in files:
        if not os.path.isabs(file.path) or file.path in seen:
            raise ClassroomError(
                "Wanted different files with absolute paths, found '{}'{}. Correct the list.".format(
                    file.path, " twice" if file.path in seen else ""))
        seen.add(file.path)


def _is_stale(file: FileWish, found: FileState) -> bool:
    return found.content != file.content and (file.force or found.content is None)


def _plan_file(file: FileWish, found: FileState) -> list[Step]:
    if not file.force and found.content is not None:
        return []
    if _is_stale(file, found):
        before, after = (found.content or "", file.content or "")
        # What nobody but root may read is no less secret because it goes, or gives way to what all may read
        if file.secret or (found.mode is not None and not found.mode & 0o077):
            before = _HIDDEN if before else ""
        if file.secret:
            after = _HIDDEN if after else ""
        reason = "it is not wanted" if file.content is None else \
            "it is missing" if found.content is None else "its content is another"
        return [Step("file", file.path, before, after, reason)]
    if file.content is not None and found.mode != file.mode:
        return [Step("mode", file.path, _octal(found.mode), _octal(file.mode), "its mode is another")]
    return []


def _octal(mode: int | None) -> str:
    return "none" if mode is None else f"{mode:04o}"


def _plan_enablement(wish: Wish, unit: systemd.Unit) -> list[Step]:
    found = unit.unit_file_state
    if wish.enabled and found in ("", "disabled", "enabled-runtime"):
        return [Step("enable", wish.name, found or _NO_UNIT, "enabled", "it would not start at boot")]
    if wish.enabled is False and found in ("enabled", "enabled-runtime"):
        return [Step("disable", wish.name, found, "disabled", "it would start at boot")]
    return []


def _plan_process(wish: Wish, state: State, stale: Sequence[FileWish]) -> list[Step]:
    unit = state.unit
    running = unit.active or (unit.active_state == "activating" and unit.sub_state != "auto-restart")
    found = f"{unit.active_state} ({unit.sub_state})"
    if wish.state == "stopped":
        if unit.active_state in ("inactive", "failed"):
            return []
        return [Step("stop", wish.name, found, "inactive", "it is running")]
    if not running:
        if wish.state is None:
            return []
        return [Step("start", wish.name, found, "active", "it is not running")]
    return _plan_renewal(wish, state, stale, found)


def _plan_renewal(wish: Wish, state: State, stale: Sequence[FileWish], found: str) -> list[Step]:
    """A running service reads its files again when they changed, now or in an earlier run that did not get so far."""
    renewed = stale or [file for file in wish.files if _is_newer(wish, file, state)]
    if not renewed:
        return []
    restart = not all(_is_reloadable(wish, file) for file in renewed)
    names = ", ".join(file.path for file in renewed)
    return [Step("restart" if restart else "reload", wish.name, found, found,
                 ("{0} changed" if stale else "{0} is newer than the running process").format(names))]


def _is_newer(wish: Wish, file: FileWish, state: State) -> bool:
    if not file.force:
        return False
    since = state.unit.changed if _is_reloadable(wish, file) else state.unit.started
    # A time in the future says nothing: the clock was set back. Believing it would mean a restart with every run.
    return since is not None and since < state.files[file.path].changed <= state.now


def _is_reloadable(wish: Wish, file: FileWish) -> bool:
    return (file.on_change or wish.on_change) == "reload" and not file.belongs_to_systemd


class Performer:
    """Carries the steps out and waits for what they should lead to."""

    def __init__(self, root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep) -> None:
        self._root = root
        self._run = run
        self._sleep = sleep

    def perform(self, wish: Wish, steps: Sequence[Step]) -> None:
        files = {file.path: file for file in wish.files}
        self._keep(wish, steps, files)
        for step in steps:
            if step.action == "file":
                self._write(files[step.target])
            elif step.action == "mode":
                os.chmod(self._root(step.target), files[step.target].mode)
            elif step.action == "daemon-reload":
                systemd.daemon_reload(self._run)
            else:
                self._act(wish, step.action)

    def _write(self, file: FileWish) -> None:
        if file.content is None:
            remove(self._root(file.path))
        else:
            write_text(self._root(file.path), file.content, file.mode)

    def _keep(self, wish: Wish, steps: Sequence[Step], files: Mapping[str, FileWish]) -> None:
        """First of all, so that a run that dies half-way has kept what was before its own changes."""
        contents = {step.target: files[step.target].content for step in steps if step.action == "file"}
        former = original_state.former_files(self._root, contents)
        enablement = [step for step in steps if step.action in ("enable", "disable")]
        if enablement:
            before = "" if wish.brought_by else enablement[0].before.replace(_NO_UNIT, "")
            former["units"] = {wish.name: before}
        if former:
            original_state.keep(self._root, former)

    def wait(self, wish: Wish, acted: bool) -> None:
        """Until the unit is active and answers. Raises ClassroomError with the unit's last words."""
        if wish.state != "started":
            return
        answers = self._answer_of(wish)
        deadline = time.monotonic() + wish.timeout
        if acted and answers is None:
            self._sleep(_SETTLING)
        while True:
            unit = systemd.show(self._run, wish.name)
            if unit.active and (answers is None or answers()):
                return
            if unit.active_state == "failed" or time.monotonic() > deadline:
                raise self._failure(wish, unit)
            self._sleep(0.1)

    def ready(self, wish: Wish, unit: systemd.Unit) -> bool:
        """Whether there is nothing to wait for, judged from a unit that was read already."""
        answers = self._answer_of(wish)
        return wish.state != "started" or (unit.active and (answers is None or answers()))

    def _answer_of(self, wish: Wish) -> Callable[[], bool] | None:
        if wish.socket is not None:
            path = self._root(wish.socket)
            return lambda: _connects(socket.AF_UNIX, path)
        if wish.port is not None:
            port = wish.port
            return lambda: _connects(socket.AF_INET, ("127.0.0.1", port))
        return None

    def _act(self, wish: Wish, verb: str) -> None:
        try:
            if verb in ("start", "restart"):
                # Failed starts of before must not count against this one.
                self._run(["systemctl", "reset-failed", "--", wish.name], check=False)
            systemd.act(self._run, verb, wish.name)
        except CommandFailed as problem:
            if verb in ("enable", "disable"):
                raise
            raise self._failure(wish, systemd.show(self._run, wish.name)) from problem

    def _failure(self, wish: Wish, unit: systemd.Unit) -> ClassroomError:
        found = f"{unit.active_state} ({unit.sub_state}, {unit.result})"
        if unit.active:
            place = wish.socket or f"port {wish.port}"
            found = f"it active, but no answer at {place} within {wish.timeout:g} s"
        return ClassroomError(
            "Wanted {} running, found {}. Correct what its last messages name:\n{}".format(
                wish.name, found, systemd.journal(self._run, wish.name) or "(it logged nothing)"))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(address)
        except OSError:
            return False
        return True
