# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open in firewalld what a host's role needs, in the permanent and the live configuration, or stop firewalld.

Existing entries stay. What this collection opened is recorded under `written` in the original state, so that exactly
that is closed when it is no longer needed.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

from .._core import original_state, shares
from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import Root, read_text, remove
from .._core.host import Host
from .._core.plan import Change
from .._core.restorer import RestorePart, Restorer
from .._formats.ip_networks import SubnetError, parse_subnet
from . import systemd
from .facts import Address, addresses_of
from .ssh_session import Session, find_session

UNIT = "firewalld.service"
CONFIGURATION = "/etc/firewalld/firewalld.conf"
ZONES, PACKAGED = "/etc/firewalld/zones", "/usr/lib/firewalld/zones"
TRUSTED = "trusted"
PERMANENT, LIVE = "permanent", "live"
PLACES = (PERMANENT, LIVE)
PORT, RULE, SOURCE, INTERFACE = "port", "rich rule", "source", "interface"
_OPTION = {PORT: "port", RULE: "rich-rule", SOURCE: "source", INTERFACE: "interface"}
KEY = "firewall"
# Key of the entries of each owner, next to those of all owners
OWNERS = "firewall owners"
_PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?/(tcp|udp|sctp|dccp)")
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Entry:
    """A port, rich rule, source or interface that a zone allows, in one of firewalld's two configurations."""

    place: str
    zone: str
    kind: str
    value: str

    @property
    def text(self) -> str:
        return "|".join((self.place, self.zone, self.kind, self.value))

    @classmethod
    def of(cls, text: str) -> Entry:
        return cls(*text.split("|", 3))


@dataclass(frozen=True)
class Zone:
    """A zone as firewall-cmd lists it."""

    name: str
    target: str = "default"
    interfaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def has(self, kind: str, value: str) -> bool:
        """Return whether the zone allows the value already; a port also as part of a range."""
        if kind == SOURCE:
            return value in self.sources
        if kind == RULE:
            return value in self.rules
        if kind == INTERFACE:
            return value in self.interfaces
        return self.target == "ACCEPT" or any(covers(port, value) for port in self.ports)


@dataclass(frozen=True)
class FirewalldSpec:
    """The desired state of firewalld.

    `state` is `auto` (a running firewalld keeps running), `running`, `stopped` or `unchanged`. An empty `zone` means
    the zone of the interface with `address`, else firewalld's default zone.

    `ports` are open to `sources`, `cluster_ports` to `cluster_sources` (networks or addresses); without sources they
    are open to the whole zone. Traffic of pods is recognized by `interfaces`, or by the networks in `trusted` where
    there are none. Only an `exclusive` spec closes ports, and none that other owners than `owners` need.
    """

    state: str = "auto"
    ports: tuple[str, ...] = ()
    zone: str = ""
    address: str = ""
    sources: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    cluster_ports: tuple[str, ...] = ()
    cluster_sources: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    exclusive: bool = True
    owners: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks whose packets are trusted by their source address alone."""
        return () if self.interfaces else self.trusted


@dataclass(frozen=True)
class FirewalldState:
    """The current state of firewalld. Zones by place and name; live zones only while firewalld runs."""

    unit: systemd.Unit = field(default_factory=lambda: systemd.Unit(UNIT))
    default_zone: str = ""
    zones: Mapping[str, Mapping[str, Zone]] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()
    session: Session | None = None
    ours: tuple[Entry, ...] = ()
    files: tuple[str, ...] = ()
    shares: tuple[shares.Share, ...] = ()


@dataclass(frozen=True)
class FirewalldPlan:
    """The planned changes as they are shown, and the entries and service action that carry them out."""

    steps: tuple[Change, ...] = ()
    add: tuple[Entry, ...] = ()
    remove: tuple[Entry, ...] = ()
    service: str = ""
    zone: str = ""
    former: Mapping[str, Any] = field(default_factory=dict)


def covers(port: str, wanted: str) -> bool:
    """Return whether a port or range includes another one."""
    one, other = port_range(port), port_range(wanted)
    return one is not None and other is not None and one[2] == other[2] and one[0] <= other[0] and other[1] <= one[1]


def port_range(text: str) -> tuple[int, int, str] | None:
    """Return first and last port and the protocol of `6443/tcp` or `30000-32767/udp`."""
    match = _PORT.fullmatch(text)
    if not match:
        return None
    first = int(match[1])
    last = int(match[2] or first)
    return (first, last, match[3]) if 0 < first <= last < 65536 else None


# Reading


def parse_zones(text: str) -> dict[str, Zone]:
    """Parse the output of `firewall-cmd --list-all-zones`."""
    found: dict[str, dict[str, list[str]]] = {}
    name, key = "", ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            name = line.split()[0]
            found[name] = {}
        elif line.startswith("\t"):
            found[name][key].append(line.strip())
        elif line.strip():
            key, _colon, rest = line.strip().partition(":")
            found[name][key] = rest.split()
    return {
        name: Zone(name, (fields.get("target") or ["default"])[0], *(
            tuple(fields.get(field, ())) for field in ("interfaces", "sources", "services", "ports", "rich rules")))
        for name, fields in found.items()
    }


def read_zones(run: Runner, place: str, active: bool) -> dict[str, Zone]:
    """Read the zones of one configuration; the permanent one can be read while firewalld is stopped."""
    return parse_zones(run([*_program(place, active), "--list-all-zones"], timeout=_TIMEOUT).out)


def read_default_zone(root: Root) -> str:
    """Return the default zone of both configurations, from the file: firewall-cmd needs half a second for it."""
    for line in (read_text(root(CONFIGURATION)) or "").splitlines():
        key, _sign, value = line.partition("=")
        if key.strip() == "DefaultZone" and value.strip():
            return value.strip()
    return "public"


def _program(place: str, active: bool) -> list[str]:
    if not active:
        return ["firewall-offline-cmd"]
    return ["firewall-cmd", *(["--permanent"] if place == PERMANENT else [])]


def read_ours(root: Root) -> tuple[Entry, ...]:
    """Return the entries that this collection added, from the recorded original state."""
    return tuple(Entry.of(text) for text in original_state.read(root).get("written", {}).get(KEY, ()))


def read_shares(root: Root) -> tuple[shares.Share, ...]:
    """Return the entries of each owner, from the recorded original state."""
    return tuple(shares.Share(tuple(share["names"]), tuple(share["entries"]))
                 for share in original_state.read(root).get("written", {}).get(OWNERS, ()))


def read_state(root: Root, run: Runner, spec: FirewalldSpec) -> FirewalldState:
    """Read the state of firewalld; only its unit if the spec does not require it to run."""
    unit = systemd.show(run, UNIT)
    if not unit.exists or not _is_wanted(spec, unit):
        return FirewalldState(unit)
    places = PLACES if unit.active else (PERMANENT,)
    return FirewalldState(
        unit=unit,
        default_zone=read_default_zone(root),
        zones={place: read_zones(run, place, unit.active) for place in places},
        addresses=addresses_of(run(["ip", "-j", "addr"]).out),
        session=find_session(root),
        ours=read_ours(root),
        files=tuple(_names(root(ZONES))),
        shares=read_shares(root),
    )


def _is_wanted(spec: FirewalldSpec, unit: systemd.Unit) -> bool:
    """Return whether firewalld is to run, with the ports open."""
    return spec.state == "running" or (spec.state == "auto" and unit.active)


# Planning


def plan(spec: FirewalldSpec, state: FirewalldState) -> FirewalldPlan:
    """Plan the changes. Raises ClassroomError for everything that cannot be done, before any change."""
    validate(spec)
    if spec.state == "stopped":
        return _plan_stop(state)
    if spec.state == "running":
        _check_installed(state.unit)
    if not _is_wanted(spec, state.unit):
        return FirewalldPlan()
    zone = choose_zone(spec, state)
    start = not (state.unit.active and _starts_at_boot(state.unit))
    if not state.unit.active:
        _check_connection(state)
    wanted = list(_wanted(spec, zone))
    _check_other_zones(spec, state)
    shared = _shared(spec, state, wanted)
    others = {line for share in shared for line in share.lines}
    # Entries that only the collection opened, and that are no longer needed
    close = [entry for entry in state.ours
             if spec.exclusive and entry not in wanted and entry.text not in others and is_there(state.zones, entry)]
    after = without(state.zones, close)
    add = [entry for entry in wanted if entry.place in after
           and not after[entry.place][entry.zone].has(entry.kind, entry.value)]
    steps = [*_shown(add, "closed", "open", "the host's role needs it"),
             *_shown(close, "open", "closed", "this collection opened it, and the role no longer needs it")]
    if start:
        steps.append(Change("service", UNIT, _service_words(state.unit), "runs, now and at boot",
                            "it has to run now and at boot"))
    former = _former(state, add, close, start)
    if shared != state.shares:
        record = [{"names": list(share.names), "entries": list(share.lines)} for share in shared]
        former = {**former, "written": {**former.get("written", {}), OWNERS: record}}
        if not steps:
            steps.append(Change("owners", "firewalld", _owners(state.shares), _owners(shared),
                                "entries that another owner needs stay open"))
    return FirewalldPlan(tuple(steps), tuple(add), tuple(close), "start" if start else "", zone, former)


def _shared(spec: FirewalldSpec, state: FirewalldState, wanted: Sequence[Entry]) -> tuple[shares.Share, ...]:
    """Return the entries of each owner after this run; without an owner those of the others stay as they are."""
    if not spec.owners:
        return state.shares
    lines = [entry.text for entry in wanted]
    if not spec.exclusive:
        lines = [*shares.own_lines(state.shares, spec.owners), *lines]
    return shares.replaced(state.shares, shares.Share(spec.owners, tuple(sorted(set(lines)))))


def _owners(found: Sequence[shares.Share]) -> str:
    return "\n".join("{}: {} entries".format(", ".join(share.names), len(share.lines)) for share in found)


def validate(spec: FirewalldSpec) -> None:
    """Check ports and networks of a spec. Raises ClassroomError."""
    wrong = [port for port in (*spec.ports, *spec.cluster_ports) if port_range(port) is None]
    if wrong:
        raise ClassroomError(
            "Firewall ports are invalid: expected ports like 6443/tcp or 30000-32767/udp, found '{}'. Correct them. "
            "Nothing was changed.".format("', '".join(wrong)))
    for network in (*spec.sources, *spec.cluster_sources, *spec.trusted):
        try:
            if network in spec.trusted or not _is_address(network):
                parse_subnet(network)
        except SubnetError as problem:
            raise ClassroomError(f"A firewall source is invalid: {problem}.") from problem
    shares.validate(spec.owners)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _plan_stop(state: FirewalldState) -> FirewalldPlan:
    if not state.unit.exists or not (state.unit.active or state.unit.unit_file_state == "enabled"):
        return FirewalldPlan()
    step = Change("service", UNIT, _service_words(state.unit), "stopped, now and at boot", "firewall_state is stopped")
    return FirewalldPlan((step,), service="stop", former={KEY: _former_service(state.unit)})


def _service_words(unit: systemd.Unit) -> str:
    return "{}, {} at boot".format("runs" if unit.active else "stopped", unit.unit_file_state or "not")


def _starts_at_boot(unit: systemd.Unit) -> bool:
    return unit.unit_file_state not in ("disabled", "masked")


def _check_installed(unit: systemd.Unit) -> None:
    if not unit.exists or unit.load_state == "masked":
        raise ClassroomError(
            "firewalld cannot be started: expected the unit firewalld.service, found it {}. {}, or choose another "
            "firewall_state. Nothing was changed.".format(
                *(("masked", "Unmask it with 'systemctl unmask firewalld'") if unit.exists
                  else ("not installed", "Install the package firewalld"))))


def choose_zone(spec: FirewalldSpec, state: FirewalldState) -> str:
    """Return the zone to open the ports in. Raises ClassroomError unless it exists in both configurations."""
    interface = next((one.interface for one in state.addresses if one.address == spec.address), "")
    zone = spec.zone or _zone_of(interface, state) or state.default_zone
    for place in state.zones:
        for name in (zone, *([TRUSTED] if spec.trusted or spec.interfaces else [])):
            if name not in state.zones[place]:
                raise ClassroomError(_no_zone(name, place, state))
    return zone


def _no_zone(name: str, place: str, state: FirewalldState) -> str:
    if place == LIVE:
        return (f"The zone '{name}' of firewalld is not active: expected it in both configurations, found it in the "
                "permanent configuration only. Run 'firewall-cmd --reload' first. Nothing was changed.")
    return ("The zone '{0}' of firewalld does not exist: expected one of {1}, found '{0}'. Correct the zone's name, or "
            "create it first with 'firewall-cmd --permanent --new-zone={0}' and 'firewall-cmd --reload'. Nothing was "
            "changed.".format(name, ", ".join(sorted(state.zones[place]))))


def _zone_of(interface: str, state: FirewalldState) -> str:
    """Return the zone of an interface now, or after the start; empty when it has none."""
    for place in (LIVE, PERMANENT):
        for zone in state.zones.get(place, {}).values():
            if interface and interface in zone.interfaces:
                return zone.name
    return ""


def _check_connection(state: FirewalldState) -> None:
    """Check that a firewalld that is about to start allows the SSH connection of this run."""
    session = state.session
    if session is None:
        return
    interface = next((one.interface for one in state.addresses if one.address == session.address), "")
    name = _zone_of(interface, state) or state.default_zone
    zone = state.zones[PERMANENT][name]
    if ("ssh" in zone.services and session.port == 22) or zone.has(PORT, f"{session.port}/tcp"):
        return
    raise ClassroomError(
        f"Starting firewalld would cut off this host: expected zone '{name}' to allow {session.port}/tcp, the port of "
        f"this SSH connection, found it closed. Run 'firewall-offline-cmd --zone={name} --add-port={session.port}/tcp' "
        "first. Nothing was changed.")


def _check_other_zones(spec: FirewalldSpec, state: FirewalldState) -> None:
    """Check that no interface or network of pods is in another zone: firewalld allows only one zone for each."""
    for place, zones in state.zones.items():
        for zone in zones.values():
            for name in spec.interfaces:
                if zone.name != TRUSTED and name in zone.interfaces:
                    raise ClassroomError(
                        "The interface {0} of pods is in another zone of firewalld: expected '{1}', found '{2}' ({3}). "
                        "Remove it with 'firewall-cmd {4}--zone={2} --remove-interface={0}'. Nothing was "
                        "changed.".format(
                            name, TRUSTED, zone.name, place, "--permanent " if place == PERMANENT else ""))
            for network in spec.networks:
                if zone.name != TRUSTED and network in zone.sources:
                    raise ClassroomError(
                        "The network {0} of pods is in another zone of firewalld: expected '{1}', found '{2}' ({3}). "
                        "Remove it with 'firewall-cmd {4}--zone={2} --remove-source={0}'. Nothing was "
                        "changed.".format(
                            network, TRUSTED, zone.name, place, "--permanent " if place == PERMANENT else ""))


def _wanted(spec: FirewalldSpec, zone: str) -> Iterable[Entry]:
    for place in PLACES:
        for ports, sources in ((spec.ports, spec.sources), (spec.cluster_ports, spec.cluster_sources)):
            for port in dict.fromkeys(ports):
                if not sources:
                    yield Entry(place, zone, PORT, port)
                for source in sources:
                    yield Entry(place, zone, RULE, rich_rule(source, port))
        for network in spec.networks:
            yield Entry(place, TRUSTED, SOURCE, network)
        for name in spec.interfaces:
            yield Entry(place, TRUSTED, INTERFACE, name)


def rich_rule(source: str, port: str) -> str:
    """Return a rich rule in the form in which firewalld prints it."""
    number, protocol = port.split("/")
    family = f"ipv{ipaddress.ip_network(source).version}"
    return f'rule family="{family}" source address="{source}" port port="{number}" protocol="{protocol}" accept'


def is_there(zones: Mapping[str, Mapping[str, Zone]], entry: Entry) -> bool:
    """Return whether an entry can be removed. A port may be part of a range: firewalld joins overlapping ranges."""
    zone = zones.get(entry.place, {}).get(entry.zone)
    if zone is None:
        return False
    if entry.kind == PORT:
        return any(covers(port, entry.value) for port in zone.ports)
    return entry.value in {RULE: zone.rules, SOURCE: zone.sources, INTERFACE: zone.interfaces}[entry.kind]


def without(zones: Mapping[str, Mapping[str, Zone]], removed: Sequence[Entry]) -> dict[str, dict[str, Zone]]:
    """Return the zones without these ports; a range that firewalld joined with one of them counts as closed, too."""
    gone: dict[tuple[str, str], list[str]] = {}
    for entry in removed:
        gone.setdefault((entry.place, entry.zone), []).append(entry.value)
    return {
        place: {
            name: replace(zone, ports=tuple(
                port for port in zone.ports
                if not any(covers(port, value) for value in gone.get((place, name), ()))))
            for name, zone in named.items()
        }
        for place, named in zones.items()
    }


def _shown(entries: Sequence[Entry], before: str, after: str, reason: str) -> list[Change]:
    """Return one change for each value, even if it is missing in both configurations."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        places.setdefault((entry.kind, entry.value, entry.zone), []).append(entry.place)
    return [Change(f"firewalld {kind}", f"{value} in zone {zone}",
                   "{} ({})".format(before, ", ".join(where)), "{} ({})".format(after, ", ".join(where)), reason)
            for (kind, value, zone), where in places.items()]


def _former_service(unit: systemd.Unit) -> dict[str, Any]:
    return {"service": {"active": unit.active, "enabled": unit.unit_file_state == "enabled"}}


def _former(state: FirewalldState, add: Sequence[Entry], close: Sequence[Entry], start: bool) -> dict[str, Any]:
    """Return what to record. All former ports are recorded, because firewalld joins overlapping ranges into one."""
    if not add and not close and not start:
        return {}
    former: dict[str, Any] = {"files": list(state.files)}
    for entry in add:
        if entry.kind == PORT:
            former[f"{entry.place} ports of {entry.zone}"] = list(
                state.zones[entry.place][entry.zone].ports)
    if start:
        former.update(_former_service(state.unit))
    # Starting firewalld opens the permanent entries as live ones, too
    ours = [*(entry for entry in state.ours if entry not in close), *add]
    if not state.unit.active:
        ours += [Entry(LIVE, entry.zone, entry.kind, entry.value) for entry in add]
    return {KEY: former, "written": {KEY: [entry.text for entry in dict.fromkeys(ours)]}}


# Applying


def apply(root: Root, run: Runner, planned: FirewalldPlan, state: FirewalldState) -> None:
    """Record the original state and apply a plan."""
    original_state.keep(root, planned.former)
    if planned.service == "stop":
        run(["systemctl", "disable", "--now", UNIT], timeout=_TIMEOUT)
        return
    change(run, "remove", planned.remove, state.unit.active)
    change(run, "add", planned.add, state.unit.active)
    if planned.service == "start":
        run(["systemctl", "enable", "--now", UNIT], timeout=_TIMEOUT)


def change(run: Runner, verb: str, entries: Sequence[Entry], active: bool) -> None:
    """Add or remove entries, with one call for each kind, zone and place. `verb` is `add` or `remove`."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        groups.setdefault((entry.place, entry.zone, entry.kind), []).append(entry.value)
    for (place, zone, kind), values in groups.items():
        options = [f"--{verb}-{_OPTION[kind]}={value}" for value in values]
        run([*_program(place, active), "--zone=" + zone, *options], timeout=_TIMEOUT)


# Restoring


def undo(root: Root, run: Runner, former: Mapping[str, Any]) -> tuple[systemd.Unit, list[Entry], list[Entry]]:
    """Return firewalld's unit, the entries to close, and former ports that were joined with these and stay open."""
    unit = systemd.show(run, UNIT)
    ours = read_ours(root)
    if not unit.exists or not ours:
        return unit, [], []
    places = PLACES if unit.active else (PERMANENT,)
    zones = {place: read_zones(run, place, unit.active) for place in places}
    close = [entry for entry in ours if is_there(zones, entry)]
    swallowed = [
        Entry(entry.place, entry.zone, PORT, port)
        for entry in close if entry.kind == PORT
        for port in former.get(f"{entry.place} ports of {entry.zone}", ())
        if port not in zones[entry.place][entry.zone].ports and _overlap(port, entry.value)
    ]
    return unit, close, list(dict.fromkeys(swallowed))


def _forget_files(machine: Host, former: Sequence[str], zones: Sequence[str], active: bool) -> None:
    """Remove the file of a zone that equals the packaged zone again, unless it existed before."""
    root = machine.root
    for zone in zones:
        name = zone + ".xml"
        if name not in former and _same(root(f"{ZONES}/{name}"), root(f"{PACKAGED}/{name}")):
            if active:
                machine.run([*_program(PERMANENT, active), "--load-zone-defaults=" + zone], timeout=_TIMEOUT)
            else:
                # firewall-offline-cmd writes the file of the default zone again after this command
                remove(root(f"{ZONES}/{name}"))
        if name + ".old" not in former:
            remove(root(f"{ZONES}/{name}.old"))


def _same(path: str, other: str) -> bool:
    """Return whether two zone files are equal, apart from order and whitespace."""
    try:
        one, two = ElementTree.parse(path).getroot(), ElementTree.parse(other).getroot()
    except (OSError, ElementTree.ParseError):
        return False
    return _meaning(one) == _meaning(two)


def _meaning(element: ElementTree.Element) -> list[str]:
    found = [ElementTree.canonicalize(ElementTree.tostring(each, encoding="unicode"), strip_text=True)
             for each in element]
    return [str(sorted(element.attrib.items())), *sorted(found)]


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _overlap(port: str, other: str) -> bool:
    one, two = port_range(port), port_range(other)
    return one is not None and two is not None and one[2] == two[2] and one[0] <= two[1] and two[0] <= one[1]


def plan_restore(machine: Host, former: Mapping[str, Any]) -> RestorePart:
    """Plan to close what this collection opened, and to restore the former state of the service."""
    unit, close, _swallowed = undo(machine.root, machine.run, former)
    opened = "\n".join(f"{entry.value} in zone {entry.zone} ({entry.place})" for entry in close)
    steps = [Change("firewalld", "ports", opened, "closed", "this collection opened them")] if close else []
    service = former.get("service")
    if unit.exists and service and service != _former_service(unit)["service"]:
        steps.append(Change("service", UNIT, _service_words(unit), "as before", "this collection changed it"))
    return RestorePart(tuple(steps))


def restore(machine: Host, step: Change, former: Mapping[str, Any]) -> Sequence[str]:
    """Carry out a change of `plan_restore`."""
    if step.action == "firewalld":
        unit, close, swallowed = undo(machine.root, machine.run, former)
        change(machine.run, "remove", close, unit.active)
        change(machine.run, "add", swallowed, unit.active)
        _forget_files(machine, former.get("files", ()), sorted({entry.zone for entry in close}), unit.active)
    else:
        service = former["service"]
        machine.run(["systemctl", "enable" if service["enabled"] else "disable", UNIT], timeout=_TIMEOUT)
        machine.run(["systemctl", "start" if service["active"] else "stop", UNIT], timeout=_TIMEOUT)
    return []


RESTORER = Restorer(KEY, plan_restore, restore)
