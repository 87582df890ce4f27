# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a service with exactly the requested configuration files."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Callable

from .._core import original_state, shares
from .._core.command import CommandFailed, Runner
from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._core.files import Root, mode_of, read_text, remove, write_text
from .._core.plan import Change
from . import systemd
from .listeners import foreign_listener

_UNIT_DIRECTORIES = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/")
# Of these files podman makes units when systemd loads its units
_QUADLETS = "/etc/containers/systemd/"
_HIDDEN = "(not shown)"
_NO_UNIT = "not installed"
# Seconds to wait after a start: a unit of Type=simple is active at once, even if its program ends at once.
_SETTLING = 0.5
# Placeholder in a trial's command for the directory with the files
PLACE = "{directory}"
# Exit status of a command that does not exist
NOT_FOUND = 127


@dataclass(frozen=True)
class FileSpec:
    """A desired configuration file; without content, the file is removed. The content of a secret file is never shown.

    `on_change` is `restart`, `reload` or None for the value of the service. Without `force` an existing file stays.
    With `owners` the content is only their share of the file, see `shares`.
    """

    path: str
    content: str | None
    mode: int = 0o644
    secret: bool = False
    on_change: str | None = None
    force: bool = True
    owners: tuple[str, ...] = ()

    @property
    def belongs_to_systemd(self) -> bool:
        """Whether it is a unit or a drop-in, which systemd reads and a service's own reload does not."""
        return self.path.startswith((*_UNIT_DIRECTORIES, _QUADLETS))

    @property
    def unit(self) -> str:
        """The name of the unit that this file is, or of which podman makes one; empty for other files."""
        name, ending = os.path.splitext(os.path.basename(self.path))
        if self.content is None or not self.belongs_to_systemd:
            return ""
        return name + (".service" if self.path.startswith(_QUADLETS) and ending == ".container" else ending)


@dataclass(frozen=True)
class Trial:
    """A command that validates all files of a directory before a service reads them; `PLACE` stands for a copy."""

    command: tuple[str, ...]
    directory: str


@dataclass(frozen=True)
class ServiceSpec:
    """The desired unit, its files, and when it counts as running.

    `enabled` and `state` (started, stopped) are None for no change. `timeout` is in seconds. With `brought_by` the unit
    is managed only if this collection installed one of these packages.
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
    """The current state of a file; `content` is None for a missing file, `changed` is in seconds since the epoch."""

    content: str | None = None
    mode: int | None = None
    changed: float = 0.0


@dataclass(frozen=True)
class ServiceState:
    """The current state of the unit and its files."""

    unit: systemd.Unit
    files: Mapping[str, FileState] = field(default_factory=dict)
    now: float = 0.0
    ours: bool = True


def read_state(root: Root, run: Runner, spec: ServiceSpec) -> ServiceState:
    """Read the unit and its files, unless the unit belongs to others (`brought_by`)."""
    if spec.brought_by and not original_state.brought(root, spec.brought_by):
        return ServiceState(systemd.Unit(spec.name), now=time.time(), ours=False)
    unit = systemd.show(run, spec.name)
    return ServiceState(unit, {file.path: _read_file(root(file.path)) for file in spec.files}, time.time())


def read_files(root: Root, files: Sequence[FileSpec]) -> ServiceState:
    """Return the state of files that belong to no unit."""
    return ServiceState(systemd.Unit(""), {file.path: _read_file(root(file.path)) for file in files}, time.time())


def with_other_owners(spec: ServiceSpec, state: ServiceState) -> ServiceSpec:
    """Return the spec with the whole content of files that have several owners. Raises ClassroomError."""
    return replace(spec, files=tuple(_with_other_owners(file, state) for file in spec.files))


def _with_other_owners(file: FileSpec, state: ServiceState) -> FileSpec:
    if not file.owners or not state.ours:
        return file
    shares.validate(file.owners)
    found = shares.parse(state.files[file.path].content or "")
    if file.content is None:
        return replace(file, content=shares.render(shares.without(found, file.owners)) or None)
    return replace(file, content=shares.render(
        shares.replaced(found, shares.Share(file.owners, tuple(file.content.splitlines())))))


def _read_file(path: str) -> FileState:
    content = read_text(path)
    return FileState() if content is None else FileState(content, mode_of(path), os.stat(path).st_mtime)


def validate(spec: ServiceSpec, state: ServiceState) -> None:
    """Check that the unit can be started or enabled. Raises ClassroomError.

    Not for check mode, which may precede the installation.
    """
    if not state.ours:
        return
    supplied = any(file.unit == spec.name for file in spec.files)
    if not state.unit.exists and not supplied and (spec.state == "started" or spec.enabled):
        raise ClassroomError(
            f"A unit is missing: expected {spec.name}, found no unit of that name on this host. Install the package "
            "that contains it.")
    if state.unit.load_state == "masked" and spec.state == "started":
        raise ClassroomError(
            f"A unit cannot be started: expected {spec.name} running, found it masked. Unmask it with 'systemctl "
            f"unmask {spec.name}'.")


def try_files(root: Root, run: Runner, spec: ServiceSpec, steps: Sequence[Change], check_mode: bool) -> None:
    """Validate the desired files in a copy, while the running service still has the old ones. Raises ClassroomError.

    In check mode before an installation, the command that validates them does not exist yet, and nothing is checked.
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
        words = (answer.text.replace(place, trial.directory).strip().splitlines() or ["it printed nothing"])[-1]
        # Programs in Go log a time and a level before the message
        words = words.partition(' msg="')[2].rstrip('"').replace('\\"', '"') or words
    if answer.rc == 0 or (answer.rc == NOT_FOUND and check_mode):
        return
    raise ClassroomError(
        "Configuration files are invalid: expected files in {} that {} can start with, found: {}. Correct the file or "
        "the variable that the message names. Nothing was written, and a running service was not touched.".format(
            trial.directory, spec.name, words.rstrip(".")))


def check_ports(root: Root, spec: ServiceSpec) -> None:
    """Check that no other program listens on the service's ports; takes a tenth of a second. Raises ClassroomError."""
    ports = spec.further_ports if spec.port is None else (spec.port, *spec.further_ports)
    for port in ports if spec.state == "started" else ():
        found = foreign_listener(root, port, spec.name)
        if found is not None:
            raise ClassroomError(
                f"Port {port} is in use: expected it free for {spec.name}, found '{found}' listening on it. Stop that "
                "program, or choose another port."
            )


def plan(spec: ServiceSpec, state: ServiceState) -> list[Change]:
    """Plan the changes: files, systemd's reload, enablement, process."""
    _check_paths(spec.files)
    if not state.ours:
        return []
    stale = [file for file in spec.files if _is_stale(file, state.files[file.path])]
    steps = [step for file in spec.files for step in _plan_file(file, state.files[file.path])]
    reloading = any(file.belongs_to_systemd for file in stale)
    if reloading or state.unit.needs_daemon_reload:
        reason = "a unit or drop-in changed" if reloading else "units on disk are newer than the loaded ones"
        steps.append(Change("daemon-reload", "systemd", "older units", "the units on disk", reason))
    return [*steps, *_plan_enablement(spec, state.unit), *_plan_process(spec, state, stale)]


def _check_paths(files: Sequence[FileSpec]) -> None:
    seen = set()
    for file in files:
        if not os.path.isabs(file.path) or file.path in seen:
            raise ClassroomError(
                "The list of files is invalid: expected different files with absolute paths, found '{}'{}. Correct the "
                "list.".format(file.path, " twice" if file.path in seen else ""))
        seen.add(file.path)


def _is_stale(file: FileSpec, found: FileState) -> bool:
    return found.content != file.content and (file.force or found.content is None)


def _plan_file(file: FileSpec, found: FileState) -> list[Change]:
    if not file.force and found.content is not None:
        return []
    if _is_stale(file, found):
        before, after = (found.content or "", file.content or "")
        # The old content of a root-only file stays hidden, even if the file is removed or becomes world-readable
        if file.secret or (found.mode is not None and not found.mode & 0o077):
            before = _HIDDEN if before else ""
        if file.secret:
            after = _HIDDEN if after else ""
        reason = "it is to be absent" if file.content is None else \
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
    """Plan a restart or reload for files that changed now, or in an earlier run that was interrupted."""
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
    # A time in the future means that the clock was set back; using it would cause a restart with every run.
    return since is not None and since < state.files[file.path].changed <= state.now


def _is_reloadable(spec: ServiceSpec, file: FileSpec) -> bool:
    return (file.on_change or spec.on_change) == "reload" and not file.belongs_to_systemd


class Performer:
    """Executor of a plan, which also waits until the service responds."""

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
        """Record the original state, before any change so that it survives an interrupted run."""
        contents = {step.target: files[step.target].content for step in steps if step.action == "file"}
        former = original_state.former_files(self._root, contents)
        enablement = [step for step in steps if step.action in ("enable", "disable")]
        if enablement:
            before = "" if spec.brought_by else enablement[0].before.replace(_NO_UNIT, "")
            former["units"] = {spec.name: before}
        if former:
            original_state.keep(self._root, former)

    def wait(self, spec: ServiceSpec, acted: bool) -> None:
        """Wait until the unit is active and responds. Raises ClassroomError with the unit's last log lines."""
        if spec.state != "started":
            return
        answers = self._answer_of(spec)
        deadline = Deadline(spec.timeout, 0.1, sleep=self._sleep)
        settled = not acted or answers is not None
        while True:
            unit = systemd.show(self._run, spec.name)
            if not settled and not unit.reports_start:
                settled = True
                self._sleep(_SETTLING)
                continue
            if unit.active and (answers is None or answers()):
                return
            if unit.active_state == "failed" or deadline.expired:
                raise self._failure(spec, unit)
            deadline.pause()

    def ready(self, spec: ServiceSpec, unit: systemd.Unit) -> bool:
        """Return whether there is nothing to wait for, given a unit that was read before."""
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
                # Earlier failed starts must not count towards the start limit.
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
            found = f"it active, but without a response at {place} within {spec.timeout:g} s"
        return ClassroomError(
            "A service does not run: expected {} running, found {}. Correct the problem that its last messages "
            "show:\n{}".format(spec.name, found, systemd.journal(self._run, spec.name) or "(it logged nothing)"))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(address)
        except OSError:
            return False
        return True
