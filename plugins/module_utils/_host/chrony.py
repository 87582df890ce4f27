# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Set up chrony with the requested servers in place of another time service, and restore the original state."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from .._core import original_state
from .._core.command import CommandFailed, Runner
from .._core.deadline import Deadline
from .._core.distribution import REDHAT
from .._core.files import HEADER, Root, mode_of, read_text
from .._core.plan import Change
from .._packages import detect as package_manager_detect
from .._packages import plan as package_plan
from . import service, systemd, time_services
from .time_services import OTHERS, TimePlan, TimeSpec

PACKAGE = "chrony"
BEGIN = "# BEGIN classroom.kubeadm: time servers"
END = "# END classroom.kubeadm"
_CONFIGS = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
_DIRECTIVE = re.compile(r"^[ \t]*(confdir|sourcedir)[ \t]+(/\S+)", re.MULTILINE)
_PORT = 123
# A request as an NTP client of version 4 sends it: only the first byte is set (RFC 5905)
_QUESTION = b"\x23" + 47 * b"\0"
_TIMEOUT = 1.5


@dataclass(frozen=True)
class ChronyState:
    """The current state of chrony's unit, and its desired files.

    `replaced` are the running services that chrony replaces, each with its package as `name=version`; `unreachable` are
    servers that do not respond.
    """

    found: service.ServiceState
    files: tuple[service.FileSpec, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()


def unit_of(root: Root) -> str:
    """Return the name of chrony's unit in the host's OS family."""
    return "chronyd.service" if os.path.exists(root(REDHAT)) else "chrony.service"


def read_state(
    root: Root, run: Runner, spec: TimeSpec, running: Sequence[str], ask: Callable[[Sequence[str]], tuple[str, ...]],
) -> ChronyState:
    """Read the state of chrony. `ask` returns the servers that do not respond."""
    files = desired_files(root, spec.servers)
    found = service.read_state(root, run, _service(unit_of(root), files))
    others = tuple(name for name in running if name in OTHERS)
    return ChronyState(found, files, _packages_of(root, run, others), ask(spec.servers))


def _packages_of(root: Root, run: Runner, units: Sequence[str]) -> dict[str, str]:
    """Return each unit's package as `name=version`, empty where no package of its name is installed."""
    if not units:
        return {}
    names = {name: name.partition(".")[0].replace("ntpd", "ntp") for name in units}
    names.update({name: "openntpd" for name in units if name == "openntpd.service"})
    installed = package_manager_detect.backend_of(root, run).read(sorted(set(names.values())))[0]
    return {unit: f"{name}={installed[name].version}" if name in installed else ""
            for unit, name in names.items()}


def desired_files(root: Root, servers: Sequence[str]) -> tuple[service.FileSpec, ...]:
    """Return the file for further servers: in a directory that chrony's configuration names, else a block in it.

    Without servers, a file from an earlier run is emptied, and no new file is written.
    """
    path = next((path for path in _CONFIGS if os.path.exists(root(path))), None)
    text = read_text(root(path)) if path else None
    if path is None or text is None:
        # chrony is not installed yet: the package of the OS family creates this path
        redhat = os.path.exists(root(REDHAT))
        path = _CONFIGS[1 if redhat else 0]
        place = None if redhat else "/etc/chrony/sources.d/classroom-kubeadm.sources"
    else:
        place = _place(text)
    lines = "".join(f"server {server} iburst\n" for server in servers)
    if place is not None:
        found = read_text(root(place))
        return (service.FileSpec(place, HEADER + lines),) if servers or found is not None else ()
    block = f"{BEGIN}\n{lines}{END}\n" if servers else ""
    content = without_block(text or "") + block
    # An existing file keeps its mode, because it may contain keys
    mode = mode_of(root(path)) or 0o644
    return (service.FileSpec(path, content, mode),) if content != (text or "") else ()


def _place(text: str) -> str | None:
    """Return the file for servers, None without a directory. Directories below /run belong to DHCP and do not count."""
    directives: list[tuple[str, str]] = _DIRECTIVE.findall(text)
    found = {kind: path for kind, path in reversed(directives) if not path.startswith("/run/")}
    if "sourcedir" in found:
        return found["sourcedir"].rstrip("/") + "/classroom-kubeadm.sources"
    return found["confdir"].rstrip("/") + "/classroom-kubeadm.conf" if "confdir" in found else None


def without_block(text: str) -> str:
    """Return the configuration without this collection's lines. A block without an end is an edit error and stays."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _ours, end, after = rest.partition(END + "\n")
    return before + after if begin and end else text


def _service(name: str, files: tuple[service.FileSpec, ...]) -> service.ServiceSpec:
    return service.ServiceSpec(name, files, enabled=True, state="started")


def plan(spec: TimeSpec, state: ChronyState) -> TimePlan:
    """Plan to stop the other services, install the package, then configure and start chrony."""
    unit = state.found.unit
    steps = [Change("time service", name, "running", "stopped, and not started at boot", "chrony keeps the clock")
             for name in state.replaced]
    if not unit.exists:
        steps.append(Change("package", PACKAGE, "not installed", "any version", "it is missing"))
    steps += service.plan(_service(unit.name, state.files), state.found)
    return TimePlan(tuple(steps), tuple(
        f"time server {name}: it does not respond at UDP port {_PORT}. chrony keeps trying it; the clock stays correct "
        "as long as another server responds" for name in state.unreachable))


def apply(root: Root, run: Runner, spec: TimeSpec, state: ChronyState) -> None:
    """Record the original state, install and configure chrony, and disable the services that it replaces."""
    unit = state.found.unit
    was = unit.active_state if unit.exists else ""
    original_state.keep(root, {"time": {"chrony": was, "replaced": state.replaced}})
    if not unit.exists:
        # Recorded before the installation, because files of the package are removed with it
        original_state.keep(root, original_state.former_files(root, {file.path: "" for file in state.files}))
        wanted = package_plan.PackagesSpec((package_plan.Package(PACKAGE, None),), None, False)
        backend = package_manager_detect.backend_of(root, run)
        package_plan.apply(root, backend, wanted, package_plan.read_state(root, backend, wanted, {}), {})
    for name in state.replaced:
        # Installing chrony removes a conflicting package, and its unit with it
        if systemd.show(run, name).exists:
            run(["systemctl", "disable", "--now", "--", name], timeout=60)
    # The configuration exists only after the installation
    desired = _service(unit_of(root), desired_files(root, spec.servers))
    found = service.read_state(root, run, desired)
    service.validate(desired, found)
    performer = service.Performer(root, run)
    steps = service.plan(desired, found)
    performer.perform(desired, steps)
    performer.wait(desired, acted=bool(steps))


def unreachable(servers: Sequence[str]) -> tuple[str, ...]:
    """Return the servers that do not respond to an NTP client in time. All are asked at the same time."""
    answered: set[str] = set()
    # Daemon threads, because the resolver may block for longer than the timeout
    threads = [threading.Thread(target=_ask, args=(server, answered), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    deadline = Deadline(_TIMEOUT)
    for thread in threads:
        thread.join(deadline.remaining)
    return tuple(server for server in servers if server not in answered)


def _ask(server: str, answered: set[str], port: int = _PORT) -> None:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(server, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as client:
            client.settimeout(_TIMEOUT)
            client.connect(address)
            client.send(_QUESTION)
            if len(client.recv(512)) >= len(_QUESTION):
                answered.add(server)
    except OSError:
        return


def plan_restore(root: Root, run: Runner, former: Mapping[str, Any]) -> tuple[Change, ...]:
    """Plan to restore chrony's original state and the services that it replaced."""
    steps, unit, running = [], unit_of(root), time_services.running(run)
    if former["chrony"] == "active":
        steps.append(Change("restart", unit, "with this collection's servers", "with its own", "it had those before"))
    elif former["chrony"] and unit in running:
        steps.append(Change("stop", unit, "running", "stopped", "this collection started it"))
    steps += [Change("time service", name, "not running", "running", "chrony had replaced it")
              for name in former["replaced"] if name not in running]
    return tuple(steps)


def restore(root: Root, run: Runner, step: Change, former: Mapping[str, Any]) -> list[str]:
    """Restore one service, and install its package again if chrony replaced it. Return a message for each failure."""
    name = step.target
    try:
        if step.action == "time service":
            package, _equals, version = former["replaced"][name].partition("=")
            if package and not systemd.show(run, name).exists:
                package_manager_detect.backend_of(root, run).install({package: version}, {})
            run(["systemctl", "enable", "--now", "--", name], timeout=60)
        elif systemd.show(run, name).exists:
            systemd.act(run, step.action, name)
    except CommandFailed as problem:
        return ["{} is not restored: {}.".format(name, problem.completed.text.rstrip("."))]
    return []
