# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""chrony with the wanted servers, in place of whatever else keeps the clock, and the way back."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from .._core import original_state
from .._core.command import CommandFailed, Runner
from .._core.files import Root, mode_of, read_text
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
_HEADER = "# Written by the collection classroom.kubeadm; the next run replaces changes made here.\n"
_PORT = 123
# A question as an NTP client of version 4 puts it: its first byte, and nothing else
_QUESTION = b"\x23" + 47 * b"\0"
_TIMEOUT = 1.5


@dataclass(frozen=True)
class ChronyState:
    """chrony's unit and its files as they are and as they should be.

    `replaced` are the services that run in whose place it comes, each with its package as `name=version`; `silent` are
    servers that do not answer.
    """

    found: service.ServiceState
    files: tuple[service.FileSpec, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    silent: tuple[str, ...] = ()


def unit_of(root: Root) -> str:
    return "chronyd.service" if os.path.exists(root(package_manager_detect.REDHAT)) else "chrony.service"


def read_state(
    root: Root, run: Runner, spec: TimeSpec, running: Sequence[str], ask: Callable[[Sequence[str]], tuple[str, ...]],
) -> ChronyState:
    """`ask` returns the servers that do not answer."""
    files = desired_files(root, spec.servers)
    found = service.read_state(root, run, _service(unit_of(root), files))
    others = tuple(name for name in running if name in OTHERS)
    return ChronyState(found, files, _packages_of(root, run, others), ask(spec.servers))


def _packages_of(root: Root, run: Runner, units: Sequence[str]) -> dict[str, str]:
    """The units with the version of the package that brings each, empty where no package of its name is there."""
    if not units:
        return {}
    names = {name: name.partition(".")[0].replace("ntpd", "ntp") for name in units}
    names.update({name: "openntpd" for name in units if name == "openntpd.service"})
    installed = package_manager_detect.backend_of(root, run).read(sorted(set(names.values())))[0]
    return {unit: f"{name}={installed[name].version}" if name in installed else ""
            for unit, name in names.items()}


def desired_files(root: Root, servers: Sequence[str]) -> tuple[service.FileSpec, ...]:
    """Where chrony reads further servers: a directory that its configuration names, else a block in the configuration.

    Without servers a file that an earlier run wrote has none in it, and nothing is written for the first time.
    """
    path = next((path for path in _CONFIGS if os.path.exists(root(path))), None)
    text = read_text(root(path)) if path else None
    if path is None or text is None:
        # Not installed yet: where the package of the family will have it
        redhat = os.path.exists(root(package_manager_detect.REDHAT))
        path = _CONFIGS[1 if redhat else 0]
        place = None if redhat else "/etc/chrony/sources.d/classroom-kubeadm.sources"
    else:
        place = _place(text)
    lines = "".join(f"server {server} iburst\n" for server in servers)
    if place is not None:
        found = read_text(root(place))
        return (service.FileSpec(place, _HEADER + lines),) if servers or found is not None else ()
    block = f"{BEGIN}\n{lines}{END}\n" if servers else ""
    content = without_block(text or "") + block
    # Its mode stays what it is, where there is one: keys may stand in it
    mode = mode_of(root(path)) or 0o644
    return (service.FileSpec(path, content, mode),) if content != (text or "") else ()


def _place(text: str) -> str | None:
    """The file for servers; a directory below /run is DHCP's. The Red Hat family's configuration names no other."""
    directives: list[tuple[str, str]] = _DIRECTIVE.findall(text)
    found = {kind: path for kind, path in reversed(directives) if not path.startswith("/run/")}
    if "sourcedir" in found:
        return found["sourcedir"].rstrip("/") + "/classroom-kubeadm.sources"
    return found["confdir"].rstrip("/") + "/classroom-kubeadm.conf" if "confdir" in found else None


def without_block(text: str) -> str:
    """The configuration without this collection's lines; a block without an end is somebody's mistake and stays."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _ours, end, after = rest.partition(END + "\n")
    return before + after if begin and end else text


def _service(name: str, files: tuple[service.FileSpec, ...]) -> service.ServiceSpec:
    return service.ServiceSpec(name, files, enabled=True, state="started")


def plan(spec: TimeSpec, state: ChronyState) -> TimePlan:
    """The other services, the package, then chrony's files and process."""
    unit = state.found.unit
    steps = [Change("time service", name, "running", "stopped, and not started at boot", "chrony keeps the clock")
             for name in state.replaced]
    if not unit.exists:
        steps.append(Change("package", PACKAGE, "not installed", "any version", "it is missing"))
    steps += service.plan(_service(unit.name, state.files), state.found)
    return TimePlan(tuple(steps), tuple(
        f"time server {name}: it does not answer at UDP port {_PORT}, and chrony goes on asking; a right clock does "
        "not depend "
        "on it while another server answers" for name in state.silent))


def apply(root: Root, run: Runner, spec: TimeSpec, state: ChronyState) -> None:
    """Keep, replace, install, configure."""
    unit = state.found.unit
    was = unit.active_state if unit.exists else ""
    original_state.keep(root, {"time": {"chrony": was, "replaced": state.replaced}})
    if not unit.exists:
        # As they are now: what the package is about to bring goes with it
        original_state.keep(root, original_state.former_files(root, {file.path: "" for file in state.files}))
        wanted = package_plan.PackagesSpec((package_plan.Package(PACKAGE, None),), None, False)
        backend = package_manager_detect.backend_of(root, run)
        package_plan.apply(root, backend, wanted, package_plan.read_state(root, backend, wanted, {}), {})
    for name in state.replaced:
        # Of packages that exclude each other this one is gone by now
        if systemd.show(run, name).exists:
            run(["systemctl", "disable", "--now", "--", name], timeout=60)
    # Only now its configuration is there
    desired = _service(unit_of(root), desired_files(root, spec.servers))
    found = service.read_state(root, run, desired)
    service.validate(desired, found)
    performer = service.Performer(root, run)
    steps = service.plan(desired, found)
    performer.perform(desired, steps)
    performer.wait(desired, acted=bool(steps))


def silent(servers: Sequence[str]) -> tuple[str, ...]:
    """Those of the servers that do not answer an NTP client in time, all asked at once."""
    answered: set[str] = set()
    # Daemons, because the resolver may wait for longer than anybody wants to
    threads = [threading.Thread(target=_ask, args=(server, answered), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _TIMEOUT
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
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


def back_plan(root: Root, run: Runner, former: Mapping[str, Any]) -> tuple[Change, ...]:
    """chrony as it was, and the services that it replaced."""
    steps, unit, running = [], unit_of(root), time_services.running(run)
    if former["chrony"] == "active":
        steps.append(Change("restart", unit, "with this collection's servers", "with its own", "it had those before"))
    elif former["chrony"] and unit in running:
        steps.append(Change("stop", unit, "running", "stopped", "this collection started it"))
    steps += [Change("time service", name, "not running", "running", "chrony had replaced it")
              for name in former["replaced"] if name not in running]
    return tuple(steps)


def back(root: Root, run: Runner, step: Change, former: Mapping[str, Any]) -> list[str]:
    """Bring one of them back, with its package where that had to go."""
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
        return ["{} is not as before: {}.".format(name, problem.completed.text.rstrip("."))]
    return []
