# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure a host for Kubernetes: name, /etc/hosts, swap, SELinux, kernel modules, kernel settings, clock."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core import original_state
from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import HEADER, Root, read_text, write_text
from .._core.plan import Change
from . import fstab, hosts_file, kernel, selinux, systemd, time_services, time_sync
from . import swap as swap_units
from .container import in_container

HOSTS = "/etc/hosts"
HOSTNAME = "/etc/hostname"
FSTAB = "/etc/fstab"
MODULES_FILE = "/etc/modules-load.d/classroom-kubeadm.conf"
SYSCTL_FILE = "/etc/sysctl.d/90-classroom-kubeadm.conf"
_UNITS = "/etc/systemd/system/"
_HOST_NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True)
class HostSpec:
    """The desired state of a host. None and empty collections leave a subject unchanged."""

    hostname: str | None = None
    hosts: tuple[hosts_file.Entry, ...] = ()
    swap: bool = False
    modules: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    selinux: str | None = None
    time: time_services.TimeSpec | None = None


@dataclass(frozen=True)
class HostState:
    """The current state of a host. Texts are None for files that do not exist."""

    hostname: str
    hostname_text: str | None = None
    hosts: str | None = None
    fstab: str | None = None
    swaps: tuple[str, ...] = ()
    container: bool = False
    modules_loadable: bool = True
    features: Mapping[str, str] = field(default_factory=dict)
    modules_text: str | None = None
    settings: Mapping[str, kernel.Setting] = field(default_factory=dict)
    sysctl_text: str | None = None
    later: tuple[tuple[str, str], ...] = ()
    swapping: swap_units.Swapping = field(default_factory=swap_units.Swapping)
    security: selinux.SelinuxState = field(default_factory=selinux.SelinuxState)
    time: time_sync.TimeState = field(default_factory=time_sync.TimeState)
    written: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HostPlan:
    """The planned changes in their order, the new text of every changed file, the original state, and warnings.

    `findings` are problems that no change solves, in the form of a change: `kind subject: reason`. `whole` are the
    files whose complete former text is recorded, `time` is the state of the clock if it differs from the spec.
    """

    steps: tuple[Change, ...]
    texts: Mapping[str, str]
    former: Mapping[str, Any]
    warnings: tuple[str, ...]
    findings: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    time: time_sync.TimeState | None = None


def read_host(root: Root, spec: HostSpec, run: Runner) -> HostState:
    """Read the current state of everything that the spec sets."""
    return HostState(
        hostname=(read_text(root("/proc/sys/kernel/hostname")) or "").strip(),
        hostname_text=read_text(root(HOSTNAME)),
        hosts=read_text(root(HOSTS)),
        fstab=read_text(root(FSTAB)),
        swaps=kernel.read_swaps(root),
        container=in_container(root),
        modules_loadable=kernel.modules_loadable(root),
        features={name: kernel.feature(root, name) for name in spec.modules},
        modules_text=read_text(root(MODULES_FILE)),
        settings={key: kernel.read_setting(root, key) for key in spec.sysctls},
        sysctl_text=read_text(root(SYSCTL_FILE)),
        later=tuple(kernel.later_assignments(root, SYSCTL_FILE, dict(spec.sysctls))),
        swapping=swap_units.Swapping() if spec.swap else swap_units.read_swapping(root),
        security=selinux.SelinuxState() if spec.selinux is None else selinux.read_state(root),
        time=_read_time(root, spec, run),
        written=original_state.read(root).get("written", {}),
    )


def _read_time(root: Root, spec: HostSpec, run: Runner) -> time_sync.TimeState:
    if spec.time is None:
        return time_sync.TimeState()
    # A container has the clock of its host, which is not this collection's to set
    if not spec.time.chrony and (in_container(root) or not systemd.is_booted(root)):
        return time_sync.TimeState()
    time_sync.validate(spec.time)
    return time_sync.read_state(root, run, spec.time)


class _Draft:
    """A plan under construction."""

    def __init__(self) -> None:
        self.steps: list[Change] = []
        self.texts: dict[str, str] = {}
        self.former: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.findings: list[str] = []
        # Files whose complete former text is recorded before they are written
        self.created: list[str] = []

    def file(self, path: str, before: str | None, after: str, reason: str) -> bool:
        if before == after:
            return False
        self.steps.append(Change("file", path, before or "", after, reason))
        self.texts[path] = after
        return True


def plan(spec: HostSpec, host: HostState) -> HostPlan:
    """Plan the changes. Raises ClassroomError for everything that cannot be done, before any change."""
    draft = _Draft()
    _plan_hostname(draft, spec, host)
    _plan_hosts(draft, spec, host)
    if not spec.swap:
        _plan_swap(draft, host)
        _plan_swap_units(draft, host)
    _plan_selinux(draft, spec, host)
    _plan_modules(draft, spec, host)
    _plan_sysctls(draft, spec, host)
    keeping = time_services.TimePlan() if spec.time is None else time_sync.plan(spec.time, host.time)
    return HostPlan((*draft.steps, *keeping.steps), draft.texts, draft.former, tuple(draft.warnings),
                    (*draft.findings, *keeping.findings), tuple(draft.created), host.time if keeping.steps else None)


def _plan_hostname(draft: _Draft, spec: HostSpec, host: HostState) -> None:
    if spec.hostname is None:
        return
    if not _HOST_NAME.fullmatch(spec.hostname):
        raise ClassroomError(
            "The host name is invalid: expected lower-case letters, digits and hyphens (Kubernetes names the node "
            f"after it), found '{spec.hostname}'. Correct it in the inventory.")
    kept_name = (host.hostname_text or "").strip()
    if host.hostname == kept_name == spec.hostname:
        return
    reason = "the running system has another name" if host.hostname != spec.hostname else "it would not survive a boot"
    before = "{}\n{} in {}".format(host.hostname, kept_name or "nothing", HOSTNAME)
    after = f"{spec.hostname}\n{spec.hostname} in {HOSTNAME}"
    draft.steps.append(Change("host name", spec.hostname, before, after, reason))
    draft.former["hostname"] = host.hostname
    draft.former.setdefault("written", {})["hostname"] = spec.hostname


def _plan_hosts(draft: _Draft, spec: HostSpec, host: HostState) -> None:
    if not spec.hosts:
        return
    planned = hosts_file.plan_hosts(host.hosts or "", spec.hosts)
    reason = "the nodes' names and addresses are not as in the inventory"
    if planned.commented_out:
        reason = f"'{planned.commented_out[0].strip()}' hides a node behind a loopback address"
    if draft.file(HOSTS, host.hosts, planned.text, reason):
        draft.former["hosts"] = host.hosts or ""


def _plan_swap(draft: _Draft, host: HostState) -> None:
    if host.container and host.swaps:
        draft.warnings.append(
            "Swap is on ({}), and this host is a container: the swap belongs to the host of the container and stays "
            "on. The kubelet needs failSwapOn: false here.".format(", ".join(host.swaps)))
    elif host.swaps:
        draft.steps.extend(Change("swap", name, "on", "off", "the kubelet does not start while swap is on")
                           for name in host.swaps)
        draft.former["swaps"] = list(host.swaps)
    planned = fstab.plan_fstab(host.fstab or "")
    if planned.commented_out:
        draft.file(FSTAB, host.fstab, planned.text, "swap would be on again after a boot")
        draft.former["fstab"] = list(planned.commented_out)


def _plan_swap_units(draft: _Draft, host: HostState) -> None:
    """Plan the drop-ins against swap units. Unneeded ones stay, because the next boot may generate a unit again."""
    for path, causes in host.swapping.causes.items():
        if draft.file(path, host.swapping.texts.get(path), swap_units.DROP_IN,
                      "{} would switch swap on at boot".format(" and ".join(causes))):
            draft.created.append(path)


def _plan_selinux(draft: _Draft, spec: HostSpec, host: HostState) -> None:
    if spec.selinux is None:
        return
    planned = selinux.plan(spec.selinux, host.security, host.container)
    draft.steps.extend(planned.steps)
    draft.warnings.extend(planned.warnings)
    if planned.config is not None:
        draft.texts[selinux.CONFIG] = planned.config
        draft.created.append(selinux.CONFIG)
    if planned.former is not None:
        draft.former["selinux"] = planned.former


def _plan_modules(draft: _Draft, spec: HostSpec, host: HostState) -> None:
    if not spec.modules:
        return
    missing = [name for name in spec.modules if host.features[name] == kernel.MISSING]
    if missing:
        fix = ("Load it on the host of this container." if host.container
               else "Install the modules of the running kernel, or boot the installed one.")
        raise ClassroomError(
            f"A kernel feature is missing: expected {', '.join(missing)}, found neither built in nor a module for the "
            f"running kernel. {fix} Nothing was changed.")
    to_load = [name for name in spec.modules if host.features[name] == kernel.LOADABLE]
    for name in to_load:
        draft.steps.append(Change("kernel module", name, "not loaded", "loaded",
                                  "the running kernel lacks the feature"))
        draft.former.setdefault("modules", []).append(name)
    # In a container, or without loadable modules, the list would only make systemd-modules-load fail at boot.
    if host.modules_loadable and not host.container:
        draft.file(MODULES_FILE, host.modules_text, HEADER + "".join(name + "\n" for name in spec.modules),
                   "the modules to load at boot differ")


def _plan_sysctls(draft: _Draft, spec: HostSpec, host: HostState) -> None:
    if not spec.sysctls:
        return
    loading = any(host.features[name] == kernel.LOADABLE for name in spec.modules)
    for key, value in spec.sysctls.items():
        found = host.settings[key]
        if found.value == kernel.normalized(value):
            continue
        _check_setting(key, value, found, loading)
        if found.value is not None:
            draft.former.setdefault("sysctls", {})[key] = found.value
        draft.steps.append(Change("kernel setting", key, found.value or "not there before its module is loaded",
                                  kernel.normalized(value), "the running kernel has another value"))
    text = HEADER + "".join(f"{key} = {value}\n" for key, value in spec.sysctls.items())
    # Distinguish a file that was edited from a changed spec
    edited = SYSCTL_FILE in host.written and host.written[SYSCTL_FILE] != original_state.digest(host.sysctl_text or "")
    reason = "it was changed after this collection had written it" if edited else \
        "the settings applied at boot differ"
    if draft.file(SYSCTL_FILE, host.sysctl_text, text, reason):
        draft.former.setdefault("written", {})[SYSCTL_FILE] = original_state.digest(text)
    draft.findings.extend("kernel setting {}: {}".format(*each) for each in host.later)


def _check_setting(key: str, value: str, found: kernel.Setting, loading: bool) -> None:
    if found.value is None and not loading:
        raise ClassroomError(
            f"A kernel setting does not exist: expected {key} = {value}, found no such key in this kernel. "
            "Add the module that provides it, or remove the setting. Nothing was changed.")
    if found.value is not None and not found.writable:
        raise ClassroomError(
            f"A kernel setting is read-only: expected {key} = {value}, found {found.value}, and it is read-only on "
            "this host. Set it on the host of this container, or remove the setting. Nothing was changed.")


class Performer:
    """Executor of a plan."""

    def __init__(self, root: Root, run: Runner) -> None:
        self._root = root
        self._run = run

    def perform(self, plan: HostPlan, spec: HostSpec) -> None:
        # Recorded first, so that an interrupted run has the values of before its own changes.
        original_state.keep(self._root, plan.former)
        whole = {path: plan.texts[path] for path in plan.whole}
        original_state.keep(self._root, original_state.former_files(self._root, whole))
        for step in plan.steps:
            if step.action == "file" and step.target in plan.texts:
                write_text(self._root(step.target), plan.texts[step.target])
            elif step.action == "host name":
                self._name_host(step.target)
            elif step.action == "swap":
                self._run(["swapoff", step.target], timeout=300)
            elif step.action == "kernel module":
                self._load(step.target)
            elif step.action == "kernel setting":
                self._set(step.target, spec.sysctls[step.target])
            elif step.action == "selinux":
                selinux.set_live(self._root, step.target)
        if systemd.is_booted(self._root) and any(path == FSTAB or path.startswith(_UNITS) for path in plan.texts):
            # Until then systemd keeps the swap unit that it generated from the old line, and may start it.
            systemd.daemon_reload(self._run)
        if plan.time is not None and spec.time is not None:
            time_sync.apply(self._root, self._run, spec.time, plan.time)

    def _name_host(self, name: str) -> None:
        if systemd.is_booted(self._root):
            answer = self._run(["hostnamectl", "set-hostname", name], check=False)
            if answer.rc == 0:
                return
        # hostnamectl fails without D-Bus or with a bind-mounted /etc/hostname.
        write_text(self._root(HOSTNAME), name + "\n")
        socket.sethostname(name)

    def _load(self, name: str) -> None:
        answer = self._run(["modprobe", name], check=False)
        if answer.rc != 0 and kernel.feature(self._root, name) != kernel.PRESENT:
            raise ClassroomError(
                f"A kernel module is not loaded: expected {name} loaded, found that modprobe fails: {answer.text}.")

    def _set(self, key: str, value: str) -> None:
        kernel.write_setting(self._root, key, value)
        found = kernel.read_setting(self._root, key).value
        if found != kernel.normalized(value):
            raise ClassroomError(
                f"The kernel ignores a setting: expected {key} = {value}, found {found} after writing it. Choose a "
                "value that the kernel accepts.")
