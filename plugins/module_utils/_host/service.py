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
from .._core.plan import Change
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
class FileSpec:
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
class ServiceSpec:
    """The unit, its files, when it counts as running; `enabled` and `state` (started, stopped) None: as it is.

    With `brought_by` the unit is none of this collection's business unless it installed one of these packages.
    """

    name: str
    files: tuple[FileSpec, ...] = ()
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
class ServiceState:
    """The unit and its files as they are."""

    unit: systemd.Unit
    files: Mapping[str, FileState] = field(default_factory=dict)
    now: float = 0.0
    ours: bool = True


def read_state(root: Root, run: Runner, spec: ServiceSpec) -> ServiceState:
    if spec.brought_by and not original_state.brought(root, spec.brought_by):
        return ServiceState(systemd.Unit(spec.name), now=time.time(), ours=False)
    unit = systemd.show(run, spec.name)
    return ServiceState(unit, {file.path: _read_file(root(file.path)) for file in spec.files}, time.time())


def read_files(root: Root, files: Sequence[FileSpec]) -> ServiceState:
    """The state of files that belong to no unit."""
    return ServiceState(systemd.Unit(""), {file.path: _read_file(root(file.path)) for file in files}, time.time())


def _read_file(path: str) -> FileState:
    content = read_text(path)
    return FileState() if content is None else FileState(content, mode_of(path), os.stat(path).st_mtime)


def validate(spec: ServiceSpec, state: ServiceState) -> None:
    """Refuse what can never come true; asked in the real run only, because check mode may precede the installation."""
    if not state.ours:
        return
    supplied = any(file.belongs_to_systemd and os.path.basename(file.path) == spec.name for file in spec.files)
    if not state.unit.exists and not supplied and (spec.state == "started" or spec.enabled):
        raise ClassroomError(
            f"Wanted the unit {spec.name}, found none of that name on this machine. Install the package that brings "
            "it.")
    if state.unit.load_state == "masked" and spec.state == "started":
        raise ClassroomError(
            f"Wanted {spec.name} running, found it masked. Unmask it with 'systemctl unmask {spec.name}' if that was "
            "not meant.")


def try_files(root: Root, run: Runner, spec: ServiceSpec, steps: Sequence[Change], check_mode: bool) -> None:
    """Have the files judged as they are going to be, in a copy, while the running service still has the old ones.

    Before an installation, in check mode, there is nobody to judge them.
    """
    trial = spec.trial
    changing = {step.target for step in steps if step.action == "file"}
    written = [file for file in spec.files if file.path in changing]
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
            trial.directory, spec.name, words.rstrip(".")))


def check_ports(root: Root, spec: ServiceSpec) -> None:
    """Refuse a start that would fail, or seem to succeed because somebody else answers; costs a tenth of a second."""
    ports = spec.further_ports if spec.port is None else (spec.port, *spec.further_ports)
    for port in ports if spec.state == "started" else ():
        found = foreign_listener(root, port, spec.name)
        if found is not None:
            raise ClassroomError(
                f"Wanted port {port} for {spec.name}, found '{found}' listening on it. Stop that program, or choose "
                "another port."
            )


def plan(spec: ServiceSpec, state: ServiceState) -> list[Change]:
    """Files, then systemd's knowledge of them, then enablement, then the process."""
    _check_paths(spec.files)
    if not state.ours:
        return []
    stale = [file for file in spec.files if _is_stale(file, state.files[file.path])]
    steps = [step for file in spec.files for step in _plan_file(file, state.files[file.path])]
    reloading = any(file.belongs_to_systemd for file in stale)
    if reloading or state.unit.needs_daemon_reload:
        steps.append(Change("daemon-reload", "systemd", "older units", "the units on disk",
                          "a unit or drop-in changed" if reloading else "units on disk are newer than the loaded ones"))
    return [*steps, *_plan_enablement(spec, state.unit), *_plan_process(spec, state, stale)]


def _check_paths(files: Sequence[FileSpec]) -> None:
    seen = set()
    for file in files:
        if not os.path.isabs(file.path) or file.path in seen:
            raise ClassroomError(
                "Wanted different files with absolute paths, found '{}'{}. Correct the list.".format(
                    file.path, " twice" if file.path in seen else ""))
        seen.add(file.path)


def _is_stale(file: FileSpec, found: FileState) -> bool:
    return found.content != file.content and (file.force or found.content is None)


def _plan_file(file: FileSpec, found: FileState) -> list[Change]:
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
        return [Change("file", file.path, before, after, reason)]
    if file.content is not None and found.mode != file.mode:
        return [Change("mode", file.path, _octal(found.mode), _octal(file.mode), "its mode is another")]
    return []


def _octal(mode: int | None) -> str:
    return "none" if mode is None else f"{mode:04o}"


def _plan_enablement(spec: ServiceSpec, unit: systemd.Unit) -> list[Change]:
    found = unit.unit_file_state
    if spec.enabled and found in ("", "disabled", "enabled-runtime"):
        return [Change("enable", spec.name, found or _NO_UNIT, "enabled", "it would not start at boot")]
    if spec.enabled is False and found in ("enabled", "enabled-runtime"):
        return [Change("disable", spec.name, found, "disabled", "it would start at boot")]
    return []


def _plan_process(spec: ServiceSpec, state: ServiceState, stale: Sequence[FileSpec]) -> list[Change]:
    unit = state.unit
    running = unit.active or (unit.active_state == "activating" and unit.sub_state != "auto-restart")
    found = f"{unit.active_state} ({unit.sub_state})"
    if spec.state == "stopped":
        if unit.active_state in ("inactive", "failed"):
            return []
        return [Change("stop", spec.name, found, "inactive", "it is running")]
    if not running:
        if spec.state is None:
            return []
        return [Change("start", spec.name, found, "active", "it is not running")]
    return _plan_renewal(spec, state, stale, found)


def _plan_renewal(spec: ServiceSpec, state: ServiceState, stale: Sequence[FileSpec], found: str) -> list[Change]:
    """A running service reads its files again when they changed, now or in an earlier run that did not get so far."""
    renewed = stale or [file for file in spec.files if _is_newer(spec, file, state)]
    if not renewed:
        return []
    restart = not all(_is_reloadable(spec, file) for file in renewed)
    names = ", ".join(file.path for file in renewed)
    return [Change("restart" if restart else "reload", spec.name, found, found,
                 ("{0} changed" if stale else "{0} is newer than the running process").format(names))]


def _is_newer(spec: ServiceSpec, file: FileSpec, state: ServiceState) -> bool:
    if not file.force:
        return False
    since = state.unit.changed if _is_reloadable(spec, file) else state.unit.started
    # A time in the future says nothing: the clock was set back. Believing it would mean a restart with every run.
    return since is not None and since < state.files[file.path].changed <= state.now


def _is_reloadable(spec: ServiceSpec, file: FileSpec) -> bool:
    return (file.on_change or spec.on_change) == "reload" and not file.belongs_to_systemd


class Performer:
    """Carries the steps out and waits for what they should lead to."""

    def __init__(self, root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep) -> None:
        self._root = root
        self._run = run
        self._sleep = sleep

    def perform(self, spec: ServiceSpec, steps: Sequence[Change]) -> None:
        files = {file.path: file for file in spec.files}
        self._keep(spec, steps, files)
        for step in steps:
            if step.action == "file":
                self._write(files[step.target])
            elif step.action == "mode":
                os.chmod(self._root(step.target), files[step.target].mode)
            elif step.action == "daemon-reload":
                systemd.daemon_reload(self._run)
            else:
                self._act(spec, step.action)

    def _write(self, file: FileSpec) -> None:
        if file.content is None:
            remove(self._root(file.path))
        else:
            write_text(self._root(file.path), file.content, file.mode)

    def _keep(self, spec: ServiceSpec, steps: Sequence[Change], files: Mapping[str, FileSpec]) -> None:
        """First of all, so that a run that dies half-way has kept what was before its own changes."""
        contents = {step.target: files[step.target].content for step in steps if step.action == "file"}
        former = original_state.former_files(self._root, contents)
        enablement = [step for step in steps if step.action in ("enable", "disable")]
        if enablement:
            before = "" if spec.brought_by else enablement[0].before.replace(_NO_UNIT, "")
            former["units"] = {spec.name: before}
        if former:
            original_state.keep(self._root, former)

    def wait(self, spec: ServiceSpec, acted: bool) -> None:
        """Until the unit is active and answers. Raises ClassroomError with the unit's last words."""
        if spec.state != "started":
            return
        answers = self._answer_of(spec)
        deadline = time.monotonic() + spec.timeout
        if acted and answers is None:
            self._sleep(_SETTLING)
        while True:
            unit = systemd.show(self._run, spec.name)
            if unit.active and (answers is None or answers()):
                return
            if unit.active_state == "failed" or time.monotonic() > deadline:
                raise self._failure(spec, unit)
            self._sleep(0.1)

    def ready(self, spec: ServiceSpec, unit: systemd.Unit) -> bool:
        """Whether there is nothing to wait for, judged from a unit that was read already."""
        answers = self._answer_of(spec)
        return spec.state != "started" or (unit.active and (answers is None or answers()))

    def _answer_of(self, spec: ServiceSpec) -> Callable[[], bool] | None:
        if spec.socket is not None:
            path = self._root(spec.socket)
            return lambda: _connects(socket.AF_UNIX, path)
        if spec.port is not None:
            port = spec.port
            return lambda: _connects(socket.AF_INET, ("127.0.0.1", port))
        return None

    def _act(self, spec: ServiceSpec, verb: str) -> None:
        try:
            if verb in ("start", "restart"):
                # Failed starts of before must not count against this one.
                self._run(["systemctl", "reset-failed", "--", spec.name], check=False)
            systemd.act(self._run, verb, spec.name)
        except CommandFailed as problem:
            if verb in ("enable", "disable"):
                raise
            raise self._failure(spec, systemd.show(self._run, spec.name)) from problem

    def _failure(self, spec: ServiceSpec, unit: systemd.Unit) -> ClassroomError:
        found = f"{unit.active_state} ({unit.sub_state}, {unit.result})"
        if unit.active:
            place = spec.socket or f"port {spec.port}"
            found = f"it active, but no answer at {place} within {spec.timeout:g} s"
        return ClassroomError(
            "Wanted {} running, found {}. Correct what its last messages name:\n{}".format(
                spec.name, found, systemd.journal(self._run, spec.name) or "(it logged nothing)"))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(address)
        except OSError:
            return False
        return True
