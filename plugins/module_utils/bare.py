# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back to before this collection, for a machine that is out of its cluster.

What to bring back is what `kept` has. What somebody has changed since stays as it is: then only this collection's part
of it goes. The file that says all this goes last, so that a run that was killed is finished by the next one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from . import bare_parts, fstab, hosts_file, kept, kernel, packages_of, systemd
from .container import in_container
from .errors import ClassroomError
from .files import Root, read_text, remove, write_text
from .kubeadm import Machine
from .packages import Installed
from .prepared import FSTAB, HOSTNAME, HOSTS, MODULES_FILE, SYSCTL_FILE
from .residue_files import clear
from .residue_kind import Look
from .steps import Step

# What packages leave behind that nobody can use without them, images among it.
DATA = {
    "containerd": ("/var/lib/containerd", "/run/containerd", "/opt/containerd"),
    "containerd.io": ("/var/lib/containerd", "/run/containerd", "/opt/containerd"),
    "cri-o": ("/var/lib/crio", "/run/crio", "/var/log/crio"),
    # A pod network copies its own program out of its image
    "kubelet": ("/var/lib/kubelet", "/opt/cni/bin/flannel"),
    "classroom-registry": ("/var/lib/classroom-registry", "/etc/classroom-registry"),
}
# rpm leaves the empty directories above those that a package has
_CNI = ("/etc/cni", "/etc/cni/net.d", "/opt/cni", "/opt/cni/bin")
# What CRI-O makes when it starts, removed where nothing is in it
_CRIO = ("/etc/crio", "/etc/crio/auth", "/etc/crio/crio.conf.d", "/etc/crio/policies", "/usr/share/containers",
         "/usr/share/containers/oci", "/usr/share/containers/oci/hooks.d")
# CRI-O's images lie where podman and buildah have theirs: they stay as long as one of these does
_STORAGE = ("/var/lib/containers/storage", "/var/lib/containers/cache", "/run/containers/storage")
_SHARERS = ("podman", "buildah")
_OURS = "this collection brought it"


@dataclass(frozen=True)
class State:
    """What was kept, and what is now of the things it is about."""

    kept: Mapping[str, Any] = field(default_factory=dict)
    installed: Mapping[str, Installed] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    hostname: str = ""
    settings: Mapping[str, str | None] = field(default_factory=dict)
    swaps: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    container: bool = False
    parts: Mapping[str, bare_parts.Found] = field(default_factory=dict)


def read_state(machine: Machine) -> State:
    root = machine.root
    former = kept.read(root)
    if not former:
        return State()
    names = sorted(former.get("packages", {}))
    paths = [*former.get("files", {}), HOSTS, FSTAB, MODULES_FILE, SYSCTL_FILE]
    gone = [name for name, version in former.get("packages", {}).items() if version is None]
    return State(
        kept=former,
        installed=packages_of.backend_of(root, machine.run).read(names)[0] if names else {},
        texts={path: read_text(root(path)) for path in paths},
        hostname=(read_text(root("/proc/sys/kernel/hostname")) or "").strip(),
        settings={key: kernel.read_setting(root, key).value for key in former.get("sysctls", {})},
        swaps=kernel.read_swaps(root),
        units={name: systemd.show(machine.run, name).unit_file_state for name in former.get("units", {})},
        data=tuple(path for path in _data(machine, gone) if _filled(root(path))),
        container=in_container(root),
        parts={part.key: part.plan(machine, former[part.key]) for part in bare_parts.PARTS if part.key in former},
    )


def _data(machine: Machine, gone: Sequence[str]) -> list[str]:
    found = [path for name in gone for path in DATA.get(name, ())]
    if "cri-o" in gone and not any(name not in gone and machine.find_program(name) for name in _SHARERS):
        found += _STORAGE
    return found


def _filled(path: str) -> bool:
    try:
        return bool(os.listdir(path))
    except OSError:
        return os.path.isfile(path)


@dataclass(frozen=True)
class Plan:
    """Steps in their order, the new text of each file among them (None: none), and what else to say."""

    steps: tuple[Step, ...]
    texts: Mapping[str, str | None]
    warnings: tuple[str, ...]


class _Draft:
    """A plan while it is being made."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.texts: dict[str, str | None] = {}
        self.warnings: list[str] = []

    def step(self, action: str, target: str, before: str, after: str, reason: str = _OURS) -> None:
        self.steps.append(Step(action, target, before, after, reason))

    def file(self, path: str, before: str | None, after: str | None, reason: str = _OURS) -> None:
        if before != after:
            # Contents may be secret, and which file it is says enough
            self.step("file", path, "as this collection wrote it", "as before" if after is not None else "none", reason)
            self.texts[path] = after


def plan(state: State) -> Plan:
    """Everything that is not as it was; nothing where nothing was kept."""
    draft = _Draft()
    if state.kept:
        _plan_parts(draft, state, first=True)
        _plan_packages(draft, state)
        _plan_files(draft, state)
        _plan_system(draft, state)
        _plan_parts(draft, state, first=False)
        draft.step("file", kept.FILE, "what was there before", "none", "nothing is left to bring back")
    return Plan(tuple(draft.steps), draft.texts, tuple(draft.warnings))


def _parts(state: State, first: bool) -> list[tuple[bare_parts.Part, bare_parts.Found]]:
    chosen = [part for part in bare_parts.PARTS if part.first == first and part.key in state.parts]
    return [(part, state.parts[part.key]) for part in chosen]


def _plan_parts(draft: _Draft, state: State, first: bool) -> None:
    for _part, found in _parts(state, first):
        draft.steps += found.steps
        draft.warnings += found.warnings


def _plan_packages(draft: _Draft, state: State) -> None:
    for name, version in sorted(state.kept.get("packages", {}).items()):
        found = state.installed.get(name)
        if version is None and found is not None:
            draft.step("package", name, found.version, "not installed", "this collection installed it")
        elif version is not None and found is not None and found.version != version:
            draft.step("package", name, found.version, version, "this collection installed another version")
    for name, held in sorted(state.kept.get("holds", {}).items()):
        if name in state.installed and state.installed[name].held != held:
            draft.step("hold", name, "yes" if not held else "no", "yes" if held else "no",
                       "this collection changed it")
    for path in dict.fromkeys(state.data):
        draft.step("data", path, "images and state of a package", "none", "the package goes, and nobody else reads it")


def _plan_files(draft: _Draft, state: State) -> None:
    written = state.kept.get("written", {})
    for path, former in state.kept.get("files", {}).items():
        found = state.texts.get(path)
        if found is None and former["text"] is None:
            continue
        if found is not None and found != former["text"] and kept.digest(found) != written.get(path):
            draft.warnings.append("{0} was changed after this collection had written it, and is left as it is.".format(
                path))
            continue
        draft.file(path, found, former["text"])
    for path in (MODULES_FILE, SYSCTL_FILE):
        # Its first line says that changes made there are lost
        draft.file(path, state.texts.get(path), None)
    for name, former in state.kept.get("units", {}).items():
        found, wanted = state.units.get(name, ""), former or "disabled"
        if found in ("enabled", "disabled") and wanted in ("enabled", "disabled") and found != wanted:
            draft.step(wanted[:-1], name, found, wanted, "this collection changed it")


def _plan_system(draft: _Draft, state: State) -> None:
    hosts, table = state.texts.get(HOSTS) or "", state.texts.get(FSTAB) or ""
    draft.file(HOSTS, hosts, hosts_file.without_block(hosts), "the nodes' names are this collection's")
    draft.file(FSTAB, table, fstab.without_marks(table), "this collection put its lines of swap out of force")
    for name in [name for name in state.kept.get("swaps", ()) if name not in state.swaps]:
        if not state.container:
            draft.step("swap", name, "off", "on", "this collection switched it off")
    _plan_hostname(draft, state)
    ours = _assignments(state.texts.get(SYSCTL_FILE) or "")
    for key, value in state.kept.get("sysctls", {}).items():
        found = state.settings.get(key)
        # Another value than ours is somebody else's by now
        if found is not None and found != value and ours.get(key, found) == found:
            draft.step("kernel setting", key, found, value, "this collection changed it")
    if not state.container:
        for name in reversed(state.kept.get("modules", ())):
            draft.step("kernel module", name, "loaded", "unloaded, unless it is in use", "this collection loaded it")


def _plan_hostname(draft: _Draft, state: State) -> None:
    former = state.kept.get("hostname")
    ours = state.kept.get("written", {}).get("hostname", state.hostname)
    if former is not None and former != state.hostname and ours == state.hostname:
        draft.step("host name", former, state.hostname, former, "this collection changed it")


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): kernel.normalized(value) for key, _sign, value in pairs}


def perform(machine: Machine, plan: Plan, state: State) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Carry a plan out.

    Returns warnings, and what could not be brought back: then what was kept stays, and the next run tries it again.
    """
    problems = _perform_parts(machine, state, first=True)
    warnings, left = _purge(machine, plan, state)
    problems += left
    theirs = [step for found in state.parts.values() for step in found.steps]
    for step in plan.steps:
        if step not in theirs:
            problems += _attempt(step, functools.partial(_perform, machine, plan, step))
    problems += _perform_parts(machine, state, first=False)
    _forget_lists(machine, state)
    crio = _CRIO if state.kept.get("packages", {}).get("cri-o", "") is None else ()
    _fold(machine.root, [*state.kept.get("directories", ()), *_CNI, *crio])
    if systemd.is_booted(machine.root):
        systemd.daemon_reload(machine.run)
        machine.run(["systemctl", "reset-failed"], check=False)
    _restart(machine, plan, state)
    if not problems:
        remove(machine.root(kept.FILE))
        _fold(machine.root, [os.path.dirname(kept.FILE)])
    return tuple(warnings), tuple(problems)


def _perform_parts(machine: Machine, state: State, first: bool) -> list[str]:
    return [
        problem
        for part, found in _parts(state, first)
        for step in found.steps
        for problem in _attempt(step, functools.partial(part.perform, machine, step, state.kept[part.key]))
    ]


def _attempt(step: Step, perform: Callable[[], Iterable[str]]) -> list[str]:
    """What could not be brought back; one failure keeps nothing else from being tried."""
    try:
        return list(perform())
    except (ClassroomError, OSError) as problem:
        return ["{0} could not be brought back to '{1}': {2}.".format(
            step.title, step.after, str(problem).rstrip("."))]


def _purge(machine: Machine, plan: Plan, state: State) -> tuple[list[str], list[str]]:
    """Remove the packages; warnings and problems. What others have come to need since is theirs, and stays."""
    doomed = [step.target for step in plan.steps if step.action == "package" and step.after == "not installed"]
    if not doomed:
        return [], []
    for unit, former in state.kept.get("units", {}).items():
        if former != "enabled":
            # Not every package stops what it brought, and takes its links along
            machine.run(["systemctl", "disable", "--now", "--", unit], timeout=120, check=False)
    backend = packages_of.backend_of(machine.root, machine.run, machine.sleep)
    held = [name for name in doomed if state.installed[name].held]
    if held:
        backend.hold(held, False)
    purged = backend.purge(doomed)
    words = purged.words.strip()
    left = " and ".join(sorted(backend.read(doomed)[0]))
    if not left:
        return [], []
    if purged.needed:
        return ["{0} stays, because packages need it that somebody else installed: {1}".format(left, words)], []
    return [], ["{0} could not be removed: {1}.".format(left, words.rstrip("."))]


def _perform(machine: Machine, plan: Plan, step: Step) -> Iterable[str]:
    root = machine.root
    if step.action == "package" and step.after != "not installed":
        packages_of.backend_of(root, machine.run, machine.sleep).install({step.target: step.after}, {})
    elif step.action == "hold":
        packages_of.backend_of(root, machine.run, machine.sleep).hold([step.target], step.after == "yes")
    elif step.action == "data":
        problem = clear(Look(machine), step.target)
        return [problem + "."] if problem else []
    elif step.action == "file" and step.target in plan.texts:
        _write(root, step.target, plan.texts[step.target])
    elif step.action in ("enable", "disable"):
        if systemd.show(machine.run, step.target).exists:
            systemd.act(machine.run, step.action, step.target)
    elif step.action == "host name":
        _name_host(machine, step.target)
    elif step.action == "swap":
        machine.run(["swapon", step.target], timeout=60)
    elif step.action == "kernel setting":
        kernel.write_setting(root, step.target, step.after)
    elif step.action == "kernel module":
        # In use by somebody else by now, it stays; the next boot does not load it
        machine.run(["modprobe", "--remove", step.target], check=False)
    return []


def _write(root: Root, path: str, text: str | None) -> None:
    if text is None:
        remove(root(path))
        return
    former = kept.read(root).get("files", {}).get(path, {})
    write_text(root(path), text, former.get("mode"))


def _name_host(machine: Machine, name: str) -> None:
    if systemd.is_booted(machine.root) and machine.run(["hostnamectl", "set-hostname", name], check=False).rc == 0:
        return
    write_text(machine.root(HOSTNAME), name + "\n")
    socket.sethostname(name)


def _restart(machine: Machine, plan: Plan, state: State) -> None:
    """A service that was there before reads its own configuration again."""
    changed = any(step.action == "file" and step.target in state.kept.get("files", {}) for step in plan.steps)
    for unit, former in state.kept.get("units", {}).items():
        if changed and former == "enabled" and systemd.show(machine.run, unit).active:
            systemd.act(machine.run, "restart", unit)


def _forget_lists(machine: Machine, state: State) -> None:
    """What the package manager has stored of repositories that are gone."""
    gone = {path: state.texts.get(path) or "" for path, former in state.kept.get("files", {}).items()
            if former["text"] is None}
    packages_of.forget(machine.root, machine.run, gone)


def _fold(root: Root, directories: Sequence[str]) -> None:
    """Remove directories that this collection made, unless something is in them by now."""
    for path in reversed(directories):
        with contextlib.suppress(OSError):
            os.rmdir(root(path))
