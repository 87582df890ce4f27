# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find a host's interfaces by their networks, and configure NetworkManager for them.

A drop-in leaves the interfaces of Kubernetes unmanaged. In the profiles of the internal and the external interface only
declared values that differ are changed, and only if the controller's connection survives the change.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .._core import original_state
from .._core.command import CommandFailed, Runner
from .._core.errors import ClassroomError
from .._core.files import HEADER, Root, read_text, write_text
from .._core.host import Host
from .._core.plan import Change
from .._core.restorer import RestorePart, Restorer
from .._formats.ip_networks import SubnetError, contains, parse_subnet
from . import systemd
from .facts import Address, addresses_of
from .ssh_session import Session, find_session

UNIT = "NetworkManager.service"
DROPIN = "/etc/NetworkManager/conf.d/90-classroom-kubeadm.conf"
KEY = "interfaces"
INTERNAL, EXTERNAL = "internal", "external"
_PATTERN = re.compile(r"[A-Za-z0-9_.:*?\[\]-]+")
# The names of the options in community.general.nmcli, and in NetworkManager
PROPERTIES = {
    "autoconnect": "connection.autoconnect", "zone": "connection.zone",
    "method4": "ipv4.method", "ip4": "ipv4.addresses", "gw4": "ipv4.gateway", "dns4": "ipv4.dns",
    "never_default4": "ipv4.never-default", "route_metric4": "ipv4.route-metric",
    "method6": "ipv6.method", "ip6": "ipv6.addresses", "gw6": "ipv6.gateway", "dns6": "ipv6.dns",
    "never_default6": "ipv6.never-default", "route_metric6": "ipv6.route-metric",
}


@dataclass(frozen=True)
class Profile:
    """NetworkManager's profile of an interface. An automatically generated profile is not stored and never changed."""

    name: str
    uuid: str
    device: str
    stored: bool = True
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InterfacesSpec:
    """The desired interfaces and profiles.

    `internal` and `external` are a network or the name of an interface; the `address` of the inventory chooses one of
    several. With `optional`, missing interfaces are no error. Only the given options of `profiles` are compared.
    """

    internal: str = ""
    external: str = ""
    address: str = ""
    optional: bool = False
    unmanaged: tuple[str, ...] = ()
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class InterfacesState:
    """The current state of the host. `way` is the interface and the gateway by which the controller is reached."""

    addresses: tuple[Address, ...] = ()
    managed: bool = False
    dropin: str | None = None
    profiles: tuple[Profile, ...] = ()
    session: Session | None = None
    way: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class ProfileChange:
    """The values to set in a profile, by NetworkManager's names."""

    profile: Profile
    values: Mapping[str, str]

    @property
    def former(self) -> dict[str, str]:
        names = set(self.values)
        # NetworkManager drops the gateway of a profile that is never the default route
        names |= {name.replace("never-default", "gateway") for name in names}
        return {name: self.profile.values.get(name, "") for name in sorted(names)}


@dataclass(frozen=True)
class InterfacesPlan:
    """The planned changes, the interfaces that were found, what carries the changes out, and warnings."""

    steps: tuple[Change, ...] = ()
    found: Mapping[str, Address] = field(default_factory=dict)
    changes: tuple[ProfileChange, ...] = ()
    text: str | None = None
    former: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {side: asdict(self.found[side]) if side in self.found else {} for side in (INTERNAL, EXTERNAL)}


# Reading


def read_state(root: Root, run: Runner, spec: InterfacesSpec) -> InterfacesState:
    """Read addresses, and what the spec needs of NetworkManager if it runs."""
    addresses = addresses_of(run(["ip", "-j", "addr"]).out)
    if not (spec.unmanaged or spec.profiles) or not systemd.active(run, UNIT)[0]:
        return InterfacesState(addresses)
    session = find_session(root)
    return InterfacesState(addresses, True, read_text(root(DROPIN)), read_profiles(run, bool(spec.profiles)), session,
                           read_way(run, session.client) if session else ("", ""))


def read_profiles(run: Runner, values: bool) -> tuple[Profile, ...]:
    """Return the active profiles, with their values only if `values` is set."""
    answer = run(["nmcli", "--terse", "--fields", "NAME,UUID,DEVICE,FILENAME", "connection", "show", "--active"])
    rows = [split_terse(line) for line in answer.out.splitlines()]
    found = [Profile(row[0], row[1], row[2], not row[3].startswith("/run/")) for row in rows if len(row) == 4]
    return tuple(Profile(one.name, one.uuid, one.device, one.stored, read_values(run, one.uuid))
                 if values and one.stored else one for one in found)


def read_values(run: Runner, uuid: str) -> dict[str, str]:
    """Read the values of PROPERTIES of a profile."""
    answer = run(["nmcli", "--terse", "--escape", "no", "--fields", ",".join(PROPERTIES.values()), "connection", "show",
                  "uuid", uuid])
    pairs = (line.partition(":") for line in answer.out.splitlines())
    return {key: value for key, _colon, value in pairs}


def read_way(run: Runner, client: str) -> tuple[str, str]:
    """Return the interface and the gateway to an address; the gateway is empty when none is needed."""
    try:
        routes = json.loads(run(["ip", "-j", "route", "get", client], check=False).out)
        return str(routes[0].get("dev", "")), str(routes[0].get("gateway", ""))
    except (ValueError, IndexError):
        return "", ""


def split_terse(line: str) -> list[str]:
    """Return the fields of a line of nmcli, in which colons within a field are escaped by a backslash."""
    parts = re.findall(r"((?:\\.|[^:\\])*)(?::|$)", line)
    return [re.sub(r"\\(.)", r"\1", part) for part in parts[:line.count(":") - line.count("\\:") + 1]]


# Planning


def plan(spec: InterfacesSpec, state: InterfacesState) -> InterfacesPlan:
    """Plan the changes. Raises ClassroomError for everything that cannot be done, before any change."""
    found = {}
    for side, wanted in ((INTERNAL, spec.internal), (EXTERNAL, spec.external)):
        address = find(side, wanted, spec, state.addresses) if wanted else None
        if address is not None:
            found[side] = address
    if not state.managed:
        return InterfacesPlan(found=found)
    _check_unmanaged(spec, state)
    changes, warnings = _plan_profiles(spec, state, found)
    steps = [
        Change("profile", f"{change.profile.name} of {change.profile.device}",
               _lines({name: change.former[name] for name in change.values}), _lines(change.values),
               "it is not as declared")
        for change in changes]
    text = dropin(spec.unmanaged) if spec.unmanaged else None
    if text is not None and text != state.dropin:
        steps.append(Change("file", DROPIN, state.dropin or "", text,
                            "NetworkManager would manage the interfaces of Kubernetes"))
    former = {f"{change.profile.uuid} {name}": value
              for change in changes for name, value in change.former.items()}
    return InterfacesPlan(tuple(steps), found, tuple(changes), text if text != state.dropin else None,
                          {KEY: former} if steps else {}, tuple(warnings))


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join("{}: {}".format(*pair) for pair in sorted(values.items()))


def find(side: str, wanted: str, spec: InterfacesSpec, addresses: Sequence[Address]) -> Address | None:
    """Return the address of the one interface in the network or with the name. Raises ClassroomError unless it is one.

    Without a match the result is None if the interfaces are optional.
    """
    fitting = _fitting(side, wanted, addresses)
    named = [one for one in fitting if one.address == spec.address]
    interfaces = sorted({one.interface for one in fitting})
    mine = ", ".join(f"{one.address}/{one.prefix} on {one.interface}" for one in addresses) or "none"
    if not fitting:
        if spec.optional:
            return None
        raise ClassroomError(
            f"No interface for the {side} network: expected an interface of this host {_described(wanted)}, found "
            f"{mine}. Correct cluster_{side}_network, or give the host an address there. Nothing was changed.")
    if len(interfaces) > 1 and not named:
        raise ClassroomError(
            f"The interface for the {side} network is ambiguous: expected one interface of this host "
            f"{_described(wanted)}, found {len(interfaces)}: {mine}. Set cluster_{side}_network to the name of the "
            "interface or to a narrower network. Nothing was changed.")
    # A second address with the longest possible prefix is a service address that moves between hosts
    fixed = named or [one for one in fitting if one.prefix < ipaddress.ip_address(one.address).max_prefixlen] or fitting
    if len(fixed) > 1:
        raise ClassroomError(
            "The address for the {} network is ambiguous: expected one address of {}, found {}. Choose one of them "
            "with node_address. Nothing was changed.".format(
                side, interfaces[0], ", ".join(one.address for one in fixed)))
    return fixed[0]


def _fitting(side: str, wanted: str, addresses: Sequence[Address]) -> list[Address]:
    if "/" not in wanted:
        named = [one for one in addresses if one.interface == wanted]
        first = [one for one in named if ":" not in one.address]
        return first or named
    try:
        network = parse_subnet(wanted)
    except SubnetError as problem:
        raise ClassroomError(f"cluster_{side}_network is neither a network nor the name of an interface: "
                             f"{problem}.") from problem
    return [one for one in addresses if contains(network, ipaddress.ip_address(one.address))]


def _described(wanted: str) -> str:
    return f"with an address in {wanted}" if "/" in wanted else f"with the name {wanted}"


def dropin(patterns: Sequence[str]) -> str:
    """Return the drop-in. It uses `+=` because the administrator may have configured further interfaces."""
    return "{}[keyfile]\nunmanaged-devices+={}\n".format(
        HEADER, ";".join("interface-name:" + pattern for pattern in patterns))


def _own_interface(state: InterfacesState) -> str:
    """Return the interface of the SSH connection of this run, empty without one."""
    session = state.session
    return next((one.interface for one in state.addresses if session and one.address == session.address), "")


def _check_unmanaged(spec: InterfacesSpec, state: InterfacesState) -> None:
    wrong = [pattern for pattern in spec.unmanaged if not _PATTERN.fullmatch(pattern)]
    if wrong:
        raise ClassroomError(
            "host_interfaces_unmanaged is invalid: expected names of interfaces such as cni*, found '{}'. "
            "Correct it.".format("', '".join(wrong)))
    mine = _own_interface(state)
    for pattern in spec.unmanaged:
        if mine and fnmatch.fnmatchcase(mine, pattern):
            raise ClassroomError(
                f"host_interfaces_unmanaged would cut off this host: expected {pattern} not to match the interface of "
                f"this SSH connection, found {mine}. Remove {pattern} from host_interfaces_unmanaged. Nothing was "
                "changed.")


def _plan_profiles(
    spec: InterfacesSpec, state: InterfacesState, found: Mapping[str, Address]
) -> tuple[list[ProfileChange], list[str]]:
    """Return the changes of the profiles that differ, and warnings."""
    changes: list[ProfileChange] = []
    warnings: list[str] = []
    for side, options in spec.profiles.items():
        unknown = sorted(set(options) - set(PROPERTIES))
        if unknown:
            raise ClassroomError(
                "A profile has unknown options: expected {}, found {} in host_interfaces_{}_profile. Correct "
                "it.".format(", ".join(PROPERTIES), ", ".join(unknown), side))
        if side not in found or not options:
            continue
        device = found[side].interface
        profile = next((one for one in state.profiles if one.device == device), None)
        if profile is None or not profile.stored:
            warnings.append(f"{device} has no stored profile of NetworkManager, so nothing was changed about it.")
            continue
        different = {name: as_value(value) for name, value in options.items()
                     if as_value(value) != profile.values.get(PROPERTIES[name], "").replace(" ", "")}
        if different:
            _check_connection(device, different, state)
            changes.append(ProfileChange(profile, {PROPERTIES[name]: value for name, value in different.items()}))
    return changes, warnings


def as_value(value: Any) -> str:
    """Return an option in the form in which NetworkManager prints it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(str(each) for each in value)
    return str(value)


def _check_connection(device: str, different: Mapping[str, str], state: InterfacesState) -> None:
    """Check that the SSH connection of this run survives the change of a profile. Raises ClassroomError."""
    session = state.session
    if session is None or device != _own_interface(state):
        return
    family = "4" if ":" not in session.address else "6"
    method, addresses = different.get("method" + family, "manual"), different.get("ip" + family)
    reason = ""
    if method != "manual":
        reason = f"its address would not be kept by the method {method}"
    elif addresses is not None and session.address not in [each.split("/")[0] for each in addresses.split(",")]:
        reason = f"it would not have the address {session.address} any more"
    elif state.way[0] == device and state.way[1]:
        if different.get("never_default" + family) == "yes":
            reason = f"the route to the controller at {session.client} is its default route"
        elif different.get("gw" + family, state.way[1]) != state.way[1]:
            reason = f"the route to the controller at {session.client} goes by {state.way[1]}"
    if reason:
        raise ClassroomError(
            f"Changing the profile of {device} would cut off this host: expected no SSH connection of this run on it, "
            f"found the controller's own connection on it: {reason}. Change this profile on the host's console, or "
            "connect to another address of the host. Nothing was changed.")


# Applying


def apply(root: Root, run: Runner, planned: InterfacesPlan) -> None:
    """Record the original state and apply a plan. Raises CommandFailed."""
    files = original_state.former_files(root, {DROPIN: planned.text}) if planned.text is not None else {}
    original_state.keep(root, {**planned.former, **files})
    for change in planned.changes:
        _change(run, change)
    if planned.text is not None:
        write_text(root(DROPIN), planned.text)
        run(["nmcli", "general", "reload", "conf"])


def _change(run: Runner, change: ProfileChange) -> None:
    """Change a profile and apply it to the device. If that fails, revert the profile, or the next run would skip it."""
    _modify(run, change.profile.uuid, change.values)
    try:
        run(["nmcli", "device", "reapply", change.profile.device])
    except CommandFailed:
        _modify(run, change.profile.uuid, change.former)
        raise


def _modify(run: Runner, uuid: str, values: Mapping[str, str]) -> None:
    run(["nmcli", "connection", "modify", "uuid", uuid, *(word for pair in sorted(values.items()) for word in pair)])


# Restoring; the drop-in itself is one of the recorded files


def plan_restore(machine: Host, former: Mapping[str, str]) -> RestorePart:
    """Plan to restore profiles and the configuration of NetworkManager."""
    if not systemd.active(machine.run, UNIT)[0]:
        return RestorePart()
    steps = [Change("NetworkManager", "configuration", "as this collection wrote it", "as before",
                    "this collection changed it")] if read_text(machine.root(DROPIN)) is not None else []
    for profile in read_profiles(machine.run, values=bool(former)):
        before = _of(former, profile.uuid)
        now = {name: profile.values.get(name, "") for name in before}
        if now != before:
            steps.append(Change("profile", profile.uuid, _lines(now), _lines(before), "this collection changed it"))
    return RestorePart(tuple(steps))


def _of(former: Mapping[str, str], uuid: str) -> dict[str, str]:
    return {key.split(" ", 1)[1]: value for key, value in former.items() if key.split(" ", 1)[0] == uuid}


def restore(machine: Host, step: Change, former: Mapping[str, str]) -> Sequence[str]:
    """Carry out a change of `plan_restore`."""
    if step.action == "profile":
        profile = next(one for one in read_profiles(machine.run, values=True) if one.uuid == step.target)
        _change(machine.run, ProfileChange(profile, _of(former, step.target)))
    else:
        machine.run(["nmcli", "general", "reload", "conf"])
    return []


RESTORER = Restorer(KEY, plan_restore, restore)
