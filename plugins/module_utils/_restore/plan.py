# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore the state of a host before this collection, once the host has left its cluster.

The recorded original state is restored. What others have changed since stays: then only this collection's part of it is
removed. The record is removed last, so that the next run completes an interrupted one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from .._core import original_state, trusted_path
from .._core.errors import ClassroomError
from .._core.files import Root, read_text, write_text
from .._core.home_files import open_home
from .._core.owner_rights import Account
from .._core.plan import Change
from .._host import fstab, hosts_file, kernel, systemd
from .._host.container import in_container
from .._host.prepare import FSTAB, HOSTNAME, HOSTS, MODULES_FILE, SYSCTL_FILE
from .._kube.context import NodeContext
from .._kube.former_kubeconfig import FORMER, KUBECONFIG
from .._kube.node_paths import ADMIN_CONF, KUBELET_CONF
from .._packages import detect as package_manager_detect
from .._packages.plan import Backend, Installed, Removable
from .._residue.files import clear
from .._residue.kubeconfigs import homes
from .._residue.model import Scan
from .._runtime.runtimes import CONTAINERD, CRIO
from . import restorers

# Data that packages leave behind, useless without them, including images.
DATA = {
    "containerd": ("/var/lib/containerd", "/run/containerd", "/opt/containerd"),
    "containerd.io": ("/var/lib/containerd", "/run/containerd", "/opt/containerd"),
    "cri-o": ("/var/lib/crio", "/run/crio", "/var/log/crio"),
    # A pod network copies its program from its image
    "kubelet": ("/var/lib/kubelet", "/opt/cni/bin/flannel"),
    "classroom-registry": ("/var/lib/classroom-registry", "/etc/classroom-registry"),
}
# The units of these packages, which a package manager does not always stop and disable
UNITS = {
    "containerd": (CONTAINERD.unit,),
    "containerd.io": (CONTAINERD.unit,),
    "cri-o": (CRIO.unit,),
    "kubelet": ("kubelet.service",),
    "classroom-registry": ("classroom-registry.service",),
}
# rpm leaves the empty parents of a package's directories
_CNI = ("/etc/cni", "/etc/cni/net.d", "/opt/cni", "/opt/cni/bin")
# Directories that CRI-O creates when it starts; removed if they are empty
_CRIO = ("/etc/crio", "/etc/crio/auth", "/etc/crio/crio.conf.d", "/etc/crio/policies", "/usr/share/containers",
         "/usr/share/containers/oci", "/usr/share/containers/oci/hooks.d")
# CRI-O shares its image store with podman and buildah: it stays as long as one of these is installed
_STORAGE = ("/var/lib/containers/storage", "/var/lib/containers/cache", "/run/containers/storage")
_SHARERS = ("podman", "buildah")
_OURS = "this collection created it"
# The first ID of a user's account, and the ID of the user `nobody` (login.defs(5))
_FIRST_USER, _NOBODY = 1000, 65534


@dataclass(frozen=True)
class RestoreState:
    """What was recorded, and the current state of the same things.

    `stays` are packages of this collection that cannot be removed because others need them, `stays_because` is the
    message of the package manager, `units_staying` are the units of installed packages that stay. `not_restored` are
    files that cannot be restored, each with the reason. `former_kubeconfigs` are those that kubeconfig_user renamed in
    homes.
    """

    recorded: Mapping[str, Any] = field(default_factory=dict)
    installed: Mapping[str, Installed] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    hostname: str = ""
    settings: Mapping[str, str | None] = field(default_factory=dict)
    swaps: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    container: bool = False
    parts: Mapping[str, restorers.RestorePart] = field(default_factory=dict)
    stays: tuple[str, ...] = ()
    stays_because: str = ""
    units_staying: frozenset[str] = frozenset()
    not_restored: Mapping[str, str] = field(default_factory=dict)
    former_kubeconfigs: tuple[tuple[Account, bool], ...] = ()


def read_state(machine: NodeContext) -> RestoreState:
    """Read the record of the original state, and the current state of everything in it."""
    root = machine.root
    former = original_state.read(root)
    if not former:
        return RestoreState()
    names = sorted(former.get("packages", {}))
    accounts = homes(Scan(machine))
    reasons = {path: _why_not_restored(root, accounts, path) for path in former.get("files", {})}
    readable = [path for path, reason in reasons.items() if not reason]
    # Nothing is lost if there was no file before; the user may have created one since
    not_restored = {path: reason for path, reason in reasons.items() if reason and not (
        former["files"][path]["text"] is None and _home_of(accounts, path))}
    packages = _read_packages(machine, former) if names else _Packages()
    gone = [name for name in names if former["packages"][name] is None and name not in packages.stays]
    return RestoreState(
        recorded=former,
        installed={name: found for name, found in packages.installed.items() if name in names},
        stays=packages.stays,
        stays_because=packages.because,
        units_staying=frozenset(unit for name in packages.others for unit in UNITS.get(name, ())),
        not_restored=not_restored,
        former_kubeconfigs=_former_kubeconfigs(machine, accounts),
        texts={path: read_text(root(path)) for path in (*readable, HOSTS, FSTAB, MODULES_FILE, SYSCTL_FILE)},
        hostname=(read_text(root("/proc/sys/kernel/hostname")) or "").strip(),
        settings={key: kernel.read_setting(root, key).value for key in former.get("sysctls", {})},
        swaps=kernel.read_swaps(root),
        units={name: systemd.show(machine.run, name).unit_file_state for name in former.get("units", {})},
        data=tuple(path for path in _data(machine, gone, packages.others) if _filled(root(path))),
        container=in_container(root),
        parts={part.key: part.plan(machine, former[part.key]) for part in restorers.PARTS if part.key in former},
    )


@dataclass(frozen=True)
class _Packages:
    """The installed packages that matter; `others` are those that stay and may use the same units and data."""

    installed: Mapping[str, Installed] = field(default_factory=dict)
    stays: tuple[str, ...] = ()
    because: str = ""
    others: tuple[str, ...] = ()


def _read_packages(machine: NodeContext, former: Mapping[str, Any]) -> _Packages:
    """Simulate the removal, so that no unit is stopped and no data removed that another package uses."""
    recorded = former["packages"]
    backend = package_manager_detect.backend_of(machine.root, machine.run)
    installed = backend.read(sorted({*recorded, *DATA, *UNITS}))[0]
    doomed = sorted(name for name, version in recorded.items() if version is None and name in installed)
    found = backend.removable(doomed) if doomed else Removable()
    return _Packages(
        installed,
        stays=tuple(name for name in doomed if name not in found.names),
        because=found.words,
        others=tuple(name for name in sorted({*DATA, *UNITS}) if name in installed and name not in found.names))


def _why_not_restored(root: Root, accounts: Iterable[Account], path: str) -> str:
    """Return why root does not write or remove a recorded file, empty when it does."""
    home = _home_of(accounts, path)
    if home:
        return f"it lies in the home directory {home}, in which root writes nothing"
    try:
        with trusted_path.parent_of(path, root.path) as place:
            weak = _weak_directory(root, os.path.dirname(place.path))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except ClassroomError as problem:
        return str(problem).rstrip(".")
    return f"{weak} can be changed by other users than root" if weak else ""


def _home_of(accounts: Iterable[Account], path: str) -> str:
    """Return the home that contains a path, empty for none: of root, of a user, or below /home."""
    found = [account.home for account in accounts
             if account.uid == 0 or (account.uid >= _FIRST_USER and account.uid != _NOBODY)]
    return next((home for home in [*found, "/root", "/home"] if (path + "/").startswith(home.rstrip("/") + "/")), "")


def _weak_directory(root: Root, directory: str) -> str:
    """Return the first parent directory that another user than root owns or may write, empty without one."""
    here = root.path
    for part in directory[len(root.path):].strip("/").split("/"):
        here = f"{here}/{part}" if part else here
        status = os.lstat(here or "/")
        by_group = status.st_mode & stat.S_IWGRP and _has_members(root, status.st_gid)
        if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH or by_group:
            return here[len(root.path):] or "/"
    return ""


def _has_members(root: Root, group: int) -> bool:
    """Return whether a group has other users than root. Debian's /usr/local belongs to the group staff, without any."""
    if group == 0:
        return False
    lines = [line.split(":") for line in (read_text(root("/etc/group")) or "").splitlines()]
    members = {name for fields in lines if len(fields) > 3 and fields[2] == str(group) for name in fields[3].split(",")}
    accounts = [line.split(":") for line in (read_text(root("/etc/passwd")) or "").splitlines()]
    primary = {fields[0] for fields in accounts if len(fields) > 3 and fields[3] == str(group)}
    return bool((members | primary) - {"", "root"})


def _former_kubeconfigs(machine: NodeContext, accounts: Iterable[Account]) -> tuple[tuple[Account, bool], ...]:
    """Return the homes with a kubeconfig from before this collection, and whether another one is in its place now."""
    found = []
    # The reset before this restore removes the kubeconfigs of the cluster
    in_cluster = any(os.path.exists(machine.root(path)) for path in (ADMIN_CONF, KUBELET_CONF))
    for account in accounts:
        with open_home(account, machine.root.path) as home:
            if home and home.exists(FORMER):
                found.append((account, home.exists(KUBECONFIG) and not in_cluster))
    return tuple(found)


def _data(machine: NodeContext, gone: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    theirs = {path for name in others for path in DATA.get(name, ())}
    found = [path for name in gone for path in DATA.get(name, ()) if path not in theirs]
    if "cri-o" in gone and not any(name not in gone and machine.find_program(name) for name in _SHARERS):
        found += _STORAGE
    return found


def _filled(path: str) -> bool:
    try:
        return bool(os.listdir(path))
    except OSError:
        return os.path.isfile(path)


@dataclass(frozen=True)
class RestorePlan:
    """The planned changes in their order, the new text of each file (None: remove it), and warnings."""

    steps: tuple[Change, ...]
    texts: Mapping[str, str | None]
    warnings: tuple[str, ...]


class _Draft:
    """A plan under construction."""

    def __init__(self) -> None:
        self.steps: list[Change] = []
        self.texts: dict[str, str | None] = {}
        self.warnings: list[str] = []

    def step(
        self, action: str, target: str, before: str, after: str, reason: str = _OURS, value: str | bool | None = None,
    ) -> None:
        self.steps.append(Change(action, target, before, after, reason, value))

    def file(self, path: str, before: str | None, after: str | None, reason: str = _OURS) -> None:
        if before != after:
            # The content may be secret, and the name of the file is enough
            self.step("file", path, "as this collection wrote it", "as before" if after is not None else "none", reason)
            self.texts[path] = after


def plan(state: RestoreState) -> RestorePlan:
    """Plan the restoring of everything that differs from the original state; empty if none is recorded."""
    draft = _Draft()
    if state.recorded:
        _plan_parts(draft, state, first=True)
        _plan_packages(draft, state)
        _plan_files(draft, state)
        _plan_system(draft, state)
        _plan_parts(draft, state, first=False)
        _plan_kubeconfigs(draft, state)
        left = left_over(state)
        if left != state.recorded:
            draft.step("file", original_state.FILE, "the original state",
                       "what cannot be restored yet" if left else "none",
                       "the rest is restored" if left else "everything is restored")
    return RestorePlan(tuple(draft.steps), draft.texts, tuple(draft.warnings))


def _parts(state: RestoreState, first: bool) -> list[tuple[restorers.Restorer, restorers.RestorePart]]:
    chosen = [part for part in restorers.PARTS if part.first == first and part.key in state.parts]
    return [(part, state.parts[part.key]) for part in chosen]


def _plan_parts(draft: _Draft, state: RestoreState, first: bool) -> None:
    for _part, found in _parts(state, first):
        draft.steps += found.steps
        draft.warnings += found.warnings


def _plan_packages(draft: _Draft, state: RestoreState) -> None:
    for name, version in sorted(state.recorded.get("packages", {}).items()):
        found = state.installed.get(name)
        if name in state.stays:
            draft.warnings.append(
                "{} stays installed, because packages need it that this collection did not install. Its service and "
                "data stay as well. To remove it, remove those packages and run this again. The package manager said: "
                "{}".format(name, " ".join(state.stays_because.split())))
        elif version is None and found is not None:
            draft.step("package", name, found.version, "not installed", "this collection installed it")
        elif version is not None and found is not None and found.version != version:
            draft.step(
                "package", name, found.version, version, "this collection installed another version", value=version)
    for name, held in sorted(state.recorded.get("holds", {}).items()):
        if name in state.installed and state.installed[name].held != held:
            draft.step("hold", name, "yes" if not held else "no", "yes" if held else "no",
                       "this collection changed it", value=held)
    for path in dict.fromkeys(state.data):
        draft.step("data", path, "images and state of a package", "none", "no other package uses it")


def _plan_files(draft: _Draft, state: RestoreState) -> None:
    written = state.recorded.get("written", {})
    for path, former in state.recorded.get("files", {}).items():
        if path in state.not_restored:
            draft.warnings.append(
                "{} is not {}: {}. Its entry stays in {}; remove that file when it is not needed.".format(
                    path, "restored" if former["text"] is not None else "removed", state.not_restored[path],
                    original_state.FILE))
            continue
        found = state.texts.get(path)
        if found is None and former["text"] is None:
            continue
        if found is None and path in written:
            draft.warnings.append(
                f"{path} is not restored: this collection wrote it, and it was removed since. Its former content stays "
                f"in {original_state.FILE}; remove that file when it is not needed.")
            continue
        if found is not None and found != former["text"] and original_state.digest(found) != written.get(path):
            draft.warnings.append(f"{path} is not restored: it was changed after this collection had written it.")
            continue
        draft.file(path, found, former["text"])
    for path in (MODULES_FILE, SYSCTL_FILE):
        # The file's first line says that changes to it are lost
        draft.file(path, state.texts.get(path), None)
    for name, former in state.recorded.get("units", {}).items():
        found, wanted = state.units.get(name, ""), former or "disabled"
        if _is_staying(state, name):
            continue
        if found in ("enabled", "disabled") and wanted in ("enabled", "disabled") and found != wanted:
            draft.step(wanted[:-1], name, found, wanted, "this collection changed it")


def _plan_system(draft: _Draft, state: RestoreState) -> None:
    hosts, table = state.texts.get(HOSTS) or "", state.texts.get(FSTAB) or ""
    draft.file(HOSTS, hosts, hosts_file.without_block(hosts), "this collection added the names of the nodes")
    draft.file(FSTAB, table, fstab.without_marks(table), "this collection commented out its swap lines")
    for name in [name for name in state.recorded.get("swaps", ()) if name not in state.swaps]:
        if not state.container:
            draft.step("swap", name, "off", "on", "this collection switched it off")
    _plan_hostname(draft, state)
    ours = _assignments(state.texts.get(SYSCTL_FILE) or "")
    for key, value in state.recorded.get("sysctls", {}).items():
        found = state.settings.get(key)
        # A value that differs from this collection's was set by others
        if found is not None and found != value and ours.get(key, found) == found:
            draft.step("kernel setting", key, found, value, "this collection changed it", value=value)
    if not state.container:
        for name in reversed(state.recorded.get("modules", ())):
            draft.step("kernel module", name, "loaded", "unloaded, unless it is in use", "this collection loaded it")


def _plan_hostname(draft: _Draft, state: RestoreState) -> None:
    former = state.recorded.get("hostname")
    ours = state.recorded.get("written", {}).get("hostname", state.hostname)
    if former is not None and former != state.hostname and ours == state.hostname:
        draft.step("host name", former, state.hostname, former, "this collection changed it")


def _plan_kubeconfigs(draft: _Draft, state: RestoreState) -> None:
    for account, occupied in state.former_kubeconfigs:
        path = f"{account.home}/{KUBECONFIG}"
        if occupied:
            draft.warnings.append(_occupied(account))
        else:
            draft.step("kubeconfig", path, "as this collection wrote it", "as before", "the user's own one was kept")


def _occupied(account: Account) -> str:
    return (f"{account.home}/{KUBECONFIG} is not restored, because another one exists. The former one stays in "
            f"{account.home}/{FORMER}.")


def _is_staying(state: RestoreState, unit: str) -> bool:
    """Return whether a unit belongs to a package that stays and that this collection installed (or its replacement)."""
    ours = [name for name, version in state.recorded.get("packages", {}).items() if version is None]
    return unit in state.units_staying and any(unit in UNITS.get(name, ()) for name in ours)


def left_over(state: RestoreState) -> dict[str, Any]:
    """Return what stays recorded because it cannot be restored yet, empty when everything can."""
    former = state.recorded
    files = {
        path: entry for path, entry in former.get("files", {}).items()
        if path in state.not_restored or (
            entry["text"] is not None and state.texts.get(path) is None and path in former.get("written", {}))}
    staying = {
        "packages": dict.fromkeys(state.stays),
        "units": {name: entry for name, entry in former.get("units", {}).items()
                  if any(name in UNITS.get(package, ()) for package in state.stays)},
        # They may contain what stays, and are removed with it
        "directories": list(former.get("directories", ())) if state.stays else [],
        "files": files,
        "written": {path: entry for path, entry in former.get("written", {}).items() if path in files},
    }
    found = {key: entries for key, entries in staying.items() if entries}
    return {"format": original_state.FORMAT, **found} if found else {}


def _assignments(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): kernel.normalized(value) for key, _sign, value in pairs}


def perform(machine: NodeContext, plan: RestorePlan, state: RestoreState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Carry a plan out.

    Returns warnings, and a message for everything that could not be restored: then the record stays, and the next run
    tries again.
    """
    problems = _perform_parts(machine, state, first=True)
    problems += _purge(machine, plan, state)
    warnings: list[str] = []
    theirs = [step for found in state.parts.values() for step in found.steps]
    for step in plan.steps:
        if step.action == "kubeconfig":
            warnings += _restore_kubeconfig(machine, state, step.target)
        elif step not in theirs:
            problems += _attempt(step, functools.partial(_perform, machine, plan, step))
    problems += _perform_parts(machine, state, first=False)
    _forget_lists(machine, state)
    crio = _CRIO if state.recorded.get("packages", {}).get("cri-o", "") is None else ()
    accounts = homes(Scan(machine))
    made = [path for path in state.recorded.get("directories", ()) if not _home_of(accounts, path)]
    _fold(machine.root, [*made, *_CNI, *crio])
    if systemd.is_booted(machine.root):
        systemd.daemon_reload(machine.run)
        machine.run(["systemctl", "reset-failed"], check=False)
    _restart(machine, plan, state)
    if not problems:
        original_state.replace(machine.root, left_over(state))
    return tuple(warnings), tuple(problems)


def _perform_parts(machine: NodeContext, state: RestoreState, first: bool) -> list[str]:
    return [
        problem
        for part, found in _parts(state, first)
        for step in found.steps
        for problem in _attempt(step, functools.partial(part.perform, machine, step, state.recorded[part.key]))
    ]


def _attempt(step: Change, perform: Callable[[], Iterable[str]]) -> list[str]:
    """Carry out a change, and return messages instead of raising an error, so that the other changes follow."""
    try:
        return list(perform())
    except (ClassroomError, OSError) as problem:
        return ["{} could not be restored to '{}': {}.".format(
            step.title, step.after, str(problem).rstrip("."))]


def _purge(machine: NodeContext, plan: RestorePlan, state: RestoreState) -> list[str]:
    """Remove the packages whose removal the simulation allowed. Return problems.

    The units of a package that could not be removed are started again.
    """
    doomed = [step.target for step in plan.steps if step.action == "package" and step.value is None]
    if not doomed:
        return []
    # Before the removal, because not every package stops its units and removes their links
    stopped = [systemd.show(machine.run, unit) for unit, former in state.recorded.get("units", {}).items()
               if former != "enabled" and not _is_staying(state, unit)]
    for unit in stopped:
        machine.run(["systemctl", "disable", "--now", "--", unit.name], timeout=120, check=False)
    backend = package_manager_detect.backend_of(machine.root, machine.run, machine.sleep)
    held = [name for name in doomed if state.installed[name].held]
    if held:
        backend.hold(held, False)
    words = backend.purge(doomed).words.strip()
    left = sorted(backend.read(doomed)[0])
    if not left:
        return []
    for unit in stopped:
        if any(unit.name in UNITS.get(name, ()) for name in left):
            _start_again(machine, unit)
    return ["{} could not be removed: {}.".format(" and ".join(left), words.rstrip("."))]


def _start_again(machine: NodeContext, unit: systemd.Unit) -> None:
    if unit.unit_file_state == "enabled":
        machine.run(["systemctl", "enable", "--", unit.name], timeout=120, check=False)
    if unit.active:
        machine.run(["systemctl", "start", "--", unit.name], timeout=120, check=False)


def _backend(machine: NodeContext) -> Backend:
    return package_manager_detect.backend_of(machine.root, machine.run, machine.sleep)


def _restore_kubeconfig(machine: NodeContext, state: RestoreState, path: str) -> list[str]:
    """Rename a user's former kubeconfig back, with the user's rights. Return warnings."""
    account = next(account for account, _occupied in state.former_kubeconfigs
                   if f"{account.home}/{KUBECONFIG}" == path)
    with open_home(account, machine.root.path) as home:
        if home is None or home.rename(FORMER, KUBECONFIG):
            return []
    return [_occupied(account)]


def _perform(machine: NodeContext, plan: RestorePlan, step: Change) -> Iterable[str]:
    root = machine.root
    if step.action == "package" and isinstance(step.value, str):
        _backend(machine).install({step.target: step.value}, {})
    elif step.action == "hold":
        _backend(machine).hold([step.target], step.value is True)
    elif step.action == "data":
        owners = [name for name, paths in DATA.items() if step.target in paths] or ["cri-o"]
        if _backend(machine).read(owners)[0]:
            # The package could not be removed, which is reported separately
            return []
        problem = clear(Scan(machine), step.target)
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
    elif step.action == "kernel setting" and isinstance(step.value, str):
        kernel.write_setting(root, step.target, step.value)
    elif step.action == "kernel module":
        # A module in use stays; the next boot does not load it
        machine.run(["modprobe", "--remove", step.target], check=False)
    return []


def _write(root: Root, path: str, text: str | None) -> None:
    """Write or remove a file of root. Raises ClassroomError if another user could redirect the path."""
    if text is None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), \
                trusted_path.parent_of(path, root.path) as place:
            _assert_roots(root, path, place)
            os.unlink(place.name, dir_fd=place.directory)
        return
    former = original_state.read(root).get("files", {}).get(path, {})
    with trusted_path.target_of(path, root.path, make=0o755) as place:
        _assert_roots(root, path, place)
        write_text(place.path, text, former.get("mode"))


def _assert_roots(root: Root, path: str, place: trusted_path.TrustedPlace) -> None:
    weak = _weak_directory(root, os.path.dirname(place.path))
    if weak:
        raise ClassroomError(
            f"{path} is not restored: expected every parent directory to belong to root and to be writable by root "
            f"only, found {weak}. Correct its owner and mode")


def _name_host(machine: NodeContext, name: str) -> None:
    if systemd.is_booted(machine.root) and machine.run(["hostnamectl", "set-hostname", name], check=False).rc == 0:
        return
    write_text(machine.root(HOSTNAME), name + "\n")
    socket.sethostname(name)


def _restart(machine: NodeContext, plan: RestorePlan, state: RestoreState) -> None:
    """Restart services that existed before, so that they read their restored configuration."""
    changed = any(step.action == "file" and step.target in state.recorded.get("files", {}) for step in plan.steps)
    for unit, former in state.recorded.get("units", {}).items():
        if changed and former == "enabled" and not _is_staying(state, unit) and systemd.show(machine.run, unit).active:
            systemd.act(machine.run, "restart", unit)


def _forget_lists(machine: NodeContext, state: RestoreState) -> None:
    """Remove the package manager's cached data of repositories that were removed."""
    gone = {path: state.texts.get(path) or "" for path, former in state.recorded.get("files", {}).items()
            if former["text"] is None}
    package_manager_detect.forget(machine.root, machine.run, gone)


def _fold(root: Root, directories: Sequence[str]) -> None:
    """Remove directories that this collection created, if they are empty."""
    for path in reversed(directories):
        with contextlib.suppress(OSError, ClassroomError), trusted_path.parent_of(path, root.path) as place:
            os.rmdir(place.name, dir_fd=place.directory)
