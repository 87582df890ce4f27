# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firewalld has to let in: open already, open in part, impossible, and not wanted any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.shares import Share
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import firewalld, systemd
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.facts import Address
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.firewalld import (
    INTERFACE,
    LIVE,
    PERMANENT,
    PORT,
    RULE,
    SOURCE,
    Entry,
    FirewalldSpec,
    FirewalldState,
    Zone,
    parse_zones,
    plan,
    rich_rule,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.ssh_session import Session
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext

PODS = "10.244.0.0/16"
RUNS = systemd.Unit(firewalld.UNIT, "loaded", "active", "running", "enabled")
STOPPED = systemd.Unit(firewalld.UNIT, "loaded", "inactive", "dead", "disabled")
ZONES = {name: Zone(name, services=("ssh",)) for name in ("public", "internal")} | {
    "trusted": Zone("trusted", "ACCEPT"), "drop": Zone("drop", "DROP")}
ADDRESSES = (Address("eth0", "192.168.90.101", 24), Address("eth1", "10.0.2.15", 24))
FRESH = FirewalldState(RUNS, "public", {PERMANENT: ZONES, LIVE: ZONES}, ADDRESSES)
SPEC = FirewalldSpec("auto", ("10250/tcp", "30000-32767/udp"), address="192.168.90.101", trusted=(PODS,))


def changed(
    state: FirewalldState, zone: str, places: tuple[str, ...] = firewalld.PLACES, **fields: Any
) -> FirewalldState:
    zones = {place: dict(named) for place, named in state.zones.items()}
    for place in places:
        zones[place][zone] = replace(zones[place][zone], **fields)
    return replace(state, zones=zones)


OPEN = changed(changed(FRESH, "public", ports=SPEC.ports), "trusted", sources=(PODS,))


def both(zone: str, kind: str, value: str) -> list[Entry]:
    return [Entry(place, zone, kind, value) for place in firewalld.PLACES]


def test_what_is_needed_is_opened_in_both_configurations() -> None:
    found = plan(SPEC, FRESH)
    assert [step.title for step in found.steps] == [
        "firewalld port 10250/tcp in zone public", "firewalld port 30000-32767/udp in zone public",
        "firewalld source 10.244.0.0/16 in zone trusted"]
    assert sorted(found.add, key=str) == sorted([
        *both("public", PORT, "10250/tcp"), *both("public", PORT, "30000-32767/udp"),
        *both("trusted", SOURCE, PODS)], key=str)
    assert (found.remove, found.service, found.zone) == ((), "", "public")
    assert set(found.former["written"]["firewall"]) == {entry.text for entry in found.add}


@pytest.mark.parametrize("state", ["auto", "running"])
def test_what_is_open_needs_nothing(state: str) -> None:
    found = plan(replace(SPEC, state=state), OPEN)
    assert (found.steps, found.former) == ((), {})


@pytest.mark.parametrize(("spec", "unit"), [
    ("auto", STOPPED), ("auto", systemd.Unit(firewalld.UNIT)), ("unchanged", RUNS),
    ("stopped", STOPPED), ("stopped", systemd.Unit(firewalld.UNIT)),
])
def test_hosts_that_are_left_alone(spec: str, unit: systemd.Unit) -> None:
    assert plan(replace(SPEC, state=spec), FirewalldState(unit)).steps == ()


@pytest.mark.parametrize(("places", "missing"), [((LIVE,), [PERMANENT]), ((PERMANENT,), [LIVE])])
def test_only_the_other_configuration_is_changed(places: tuple[str, ...], missing: list[str]) -> None:
    half = changed(changed(FRESH, "public", places, ports=SPEC.ports), "trusted", places, sources=(PODS,))
    found = plan(SPEC, half)
    assert {entry.place for entry in found.add} == set(missing)
    assert all(missing[0] in step.before for step in found.steps)


@pytest.mark.parametrize(("ports", "missing"), [
    (("10000-11000/tcp", "30000-32767/udp"), []),
    (("10250/udp", "30000-32767/udp"), ["10250/tcp"]),
    (("10250/tcp", "30000-31000/udp"), ["30000-32767/udp"]),
])
def test_a_range_that_has_all_of_it_is_enough(ports: tuple[str, ...], missing: list[str]) -> None:
    found = plan(SPEC, changed(OPEN, "public", ports=ports))
    assert list(dict.fromkeys(entry.value for entry in found.add)) == missing


def test_a_zone_that_accepts_everything_is_open() -> None:
    assert plan(replace(SPEC, zone="trusted"), OPEN).add == ()


@pytest.mark.parametrize(("interfaces", "zone", "expected"), [
    ((), "", "public"), (("eth1",), "", "public"), (("eth0",), "", "internal"), (("eth0",), "drop", "drop"),
])
def test_the_zone_is_the_requested_one_or_that_of_the_nodes_interface(
    interfaces: tuple[str, ...], zone: str, expected: str,
) -> None:
    found = plan(replace(SPEC, zone=zone), changed(FRESH, "internal", interfaces=interfaces))
    assert found.zone == expected
    assert {entry.zone for entry in found.add} == {expected, "trusted"}


def test_networks_become_rules_as_firewalld_writes_them() -> None:
    spec = replace(SPEC, ports=("6443/tcp",), sources=("192.168.90.0/24", "fd00::/64"), trusted=())
    rules = [
        'rule family="ipv4" source address="192.168.90.0/24" port port="6443" protocol="tcp" accept',
        'rule family="ipv6" source address="fd00::/64" port port="6443" protocol="tcp" accept']
    assert [rich_rule(source, "6443/tcp") for source in spec.sources] == rules
    assert list(dict.fromkeys((entry.kind, entry.value) for entry in plan(spec, FRESH).add)) == [
        (RULE, rule) for rule in rules]
    assert plan(spec, changed(FRESH, "public", rules=tuple(rules))).steps == ()


PODS_BY_INTERFACE = replace(SPEC, interfaces=("cni0", "flannel.1"))
CLUSTER = FirewalldSpec("auto", ("6443/tcp",), address="192.168.90.101", cluster_ports=("10250/tcp", "8472/udp"),
                        cluster_sources=("192.168.90.100", "192.168.91.0/24"))


def test_ports_of_the_cluster_are_open_to_its_hosts_and_others_to_all() -> None:
    found = plan(CLUSTER, FRESH)
    assert list(dict.fromkeys((entry.kind, entry.value) for entry in found.add)) == [(PORT, "6443/tcp"), *(
        (RULE, rich_rule(source, port)) for port in CLUSTER.cluster_ports for source in CLUSTER.cluster_sources)]
    assert rich_rule("192.168.90.100", "8472/udp") == (
        'rule family="ipv4" source address="192.168.90.100" port port="8472" protocol="udp" accept')
    rules = tuple(rich_rule(source, port) for port in CLUSTER.cluster_ports for source in CLUSTER.cluster_sources)
    assert plan(CLUSTER, changed(FRESH, "public", ports=("6443/tcp",), rules=rules)).steps == ()


def test_ports_that_an_earlier_run_opened_to_all_are_closed() -> None:
    mine = both("public", PORT, "10250/tcp")
    found = plan(CLUSTER, replace(changed(FRESH, "public", ports=("6443/tcp", "10250/tcp")), ours=tuple(mine)))
    assert list(found.remove) == mine
    assert Entry(LIVE, "public", RULE, rich_rule("192.168.90.100", "10250/tcp")) in found.add


def test_a_host_is_added_and_no_other_is_taken_away() -> None:
    other = both("public", RULE, rich_rule("192.168.90.7", "10250/tcp"))
    state = replace(changed(FRESH, "public", rules=(other[0].value,)), ours=tuple(other))
    one = FirewalldSpec(cluster_ports=("10250/tcp",), cluster_sources=("192.168.90.8",), exclusive=False)
    found = plan(one, state)
    assert (found.remove, {entry.value for entry in found.add}) == ((), {rich_rule("192.168.90.8", "10250/tcp")})
    assert {entry.text for entry in other} < set(found.former["written"]["firewall"])
    assert list(plan(replace(one, exclusive=True), state).remove) == other


def test_pods_are_known_by_their_interfaces_and_not_by_a_source_alone() -> None:
    mine = both("trusted", SOURCE, PODS)
    found = plan(PODS_BY_INTERFACE, replace(OPEN, ours=tuple(mine)))
    assert list(found.remove) == mine
    assert sorted(found.add, key=str) == sorted(
        [*both("trusted", INTERFACE, "cni0"), *both("trusted", INTERFACE, "flannel.1")], key=str)
    bound = changed(changed(FRESH, "public", ports=SPEC.ports), "trusted", interfaces=("cni0", "flannel.1"))
    assert plan(PODS_BY_INTERFACE, bound).steps == ()


def test_what_was_ours_and_is_not_wanted_is_closed_and_nothing_else() -> None:
    mine = both("public", PORT, "30000-32767/udp")
    state = replace(changed(OPEN, "public", ports=(*SPEC.ports, "9100/tcp")), ours=tuple(mine))
    found = plan(replace(SPEC, ports=("10250/tcp", "30000-31000/udp")), state)
    assert list(found.remove) == mine
    # Else the smaller range would be closed along with the larger one
    assert list(found.add) == both("public", PORT, "30000-31000/udp")
    assert set(found.former["written"]["firewall"]) == {entry.text for entry in found.add}


@pytest.mark.parametrize(("spec", "state", "message"), [
    (replace(SPEC, zone="classroom"), FRESH,
     "expected one of drop, internal, public, trusted, found 'classroom'"),
    (replace(SPEC, zone="new"), replace(FRESH, zones={PERMANENT: {**ZONES, "new": Zone("new")}, LIVE: ZONES}),
     "found it in the permanent configuration only.* --reload"),
    (replace(SPEC, ports=("6443",)), FRESH,
     "Firewall ports are invalid: expected ports like 6443/tcp or 30000-32767/udp, found '6443'"),
    (replace(SPEC, ports=("7-6/tcp", "0/tcp", "70000/udp")), FRESH, "found '7-6/tcp', '0/tcp', '70000/udp'"),
    (replace(SPEC, sources=("192.168.90.7/24",)), FRESH, "an address inside of 192.168.90.0/24"),
    (SPEC, changed(FRESH, "internal", (PERMANENT,), sources=(PODS,)),
     "network 10.244.0.0/16 of pods .*: expected 'trusted', found 'internal' .permanent.* --permanent --zone=internal"),
    (replace(CLUSTER, cluster_sources=("node1",)), FRESH, "found 'node1'"),
    (replace(CLUSTER, cluster_ports=("10250",)), FRESH, "found '10250'"),
    (PODS_BY_INTERFACE, changed(FRESH, "internal", (LIVE,), interfaces=("cni0",)),
     "expected 'trusted', found 'internal' .live.* 'firewall-cmd --zone=internal --remove-interface=cni0'"),
    (replace(SPEC, state="running"), FirewalldState(systemd.Unit(firewalld.UNIT)),
     "found it not installed. Install the package firewalld"),
    (replace(SPEC, state="running"), FirewalldState(replace(STOPPED, load_state="masked")),
     "found it masked. Unmask it"),
])
def test_what_cannot_be_is_said_before_anything_is_done(
    spec: FirewalldSpec, state: FirewalldState, message: str
) -> None:
    with pytest.raises(ClassroomError, match=message):
        plan(spec, state)


SESSION = Session("192.168.90.1", "192.168.90.101", 22)
START = replace(FRESH, unit=STOPPED, zones={PERMANENT: ZONES}, session=SESSION)


@pytest.mark.parametrize(("state", "fine"), [
    (START, True),
    (replace(START, session=None), True),
    (replace(START, session=replace(SESSION, port=2222)), False),
    (changed(replace(START, session=replace(SESSION, port=2222)), "public", (PERMANENT,), ports=("2000-3000/tcp",)),
     True),
    (changed(START, "public", (PERMANENT,), services=()), False),
    (changed(START, "drop", (PERMANENT,), interfaces=("eth0",)), False),
    (changed(START, "trusted", (PERMANENT,), interfaces=("eth0",)), True),
])
def test_a_start_that_would_cut_the_connection_is_refused(state: FirewalldState, fine: bool) -> None:
    spec = replace(SPEC, state="running")
    if not fine:
        with pytest.raises(ClassroomError, match="Starting firewalld would cut off this host"):
            plan(spec, state)
        return
    found = plan(spec, state)
    assert found.service == "start" and {entry.place for entry in found.add} == {PERMANENT}
    assert found.former["firewall"]["service"] == {"active": False, "enabled": False}
    # What is live after the start is ours, too
    assert {Entry.of(text).place for text in found.former["written"]["firewall"]} == {PERMANENT, LIVE}


def test_one_that_runs_now_only_is_enabled() -> None:
    found = plan(replace(SPEC, state="running"), replace(OPEN, unit=replace(RUNS, unit_file_state="disabled")))
    assert ([step.title for step in found.steps], found.service) == (["service firewalld.service"], "start")


def test_it_is_stopped_now_and_at_boot() -> None:
    found = plan(replace(SPEC, state="stopped"), FRESH)
    assert (found.service, [step.after for step in found.steps]) == ("stop", ["stopped, now and at boot"])
    assert found.former == {"firewall": {"service": {"active": True, "enabled": True}}}


PACKAGED = '<?xml version="1.0"?>\n<zone>\n  <short>P</short>\n  <service name="a"/>\n  <service name="b"/>\n</zone>\n'


@pytest.mark.parametrize(("text", "before", "expected"), [
    ('<zone><service name="b"/><service name="a"/>\n<short>P</short></zone>', [], True),
    ('<zone><service name="b"/><service name="a"/>\n<short>P</short></zone>', ["public.xml"], False),
    ('<zone target="DROP"><service name="b"/><service name="a"/>\n<short>P</short></zone>', [], False),
    ('<zone><service name="a"/><short>P</short></zone>', [], False),
    ("<zone", [], False),
])
def test_a_zone_as_packaged_has_no_file_of_its_own(
    machine: Any, fake_run: Any, text: str, before: list[str], expected: bool,
) -> None:
    machine.write(firewalld.PACKAGED + "/public.xml", PACKAGED)
    machine.write(firewalld.ZONES + "/public.xml", text)
    machine.write(firewalld.ZONES + "/public.xml.old", text)
    original_state.keep(machine.root, {"written": {"firewall": ["permanent|public|port|6443/tcp"]}})
    fake_run.on("systemctl", "show", out="LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n")
    fake_run.on("firewall-cmd", "--list-all-zones").on("firewall-cmd", out="public\n  ports: 6443/tcp\n")
    node = NodeContext(root=machine.root, run=fake_run)
    [step] = firewalld.plan_restore(node, {}).steps
    firewalld.restore(node, step, {"files": before})
    assert fake_run.did("--load-zone-defaults=public") is expected
    assert machine.read(firewalld.ZONES + "/public.xml.old") is None


def test_the_zones_of_a_stopped_firewalld_have_no_files_of_their_own(machine: Any, fake_run: Any) -> None:
    """Without firewall-offline-cmd, which writes the file of the default zone again."""
    machine.write(firewalld.PACKAGED + "/public.xml", PACKAGED)
    for name in ("public.xml", "public.xml.old"):
        machine.write(f"{firewalld.ZONES}/{name}", PACKAGED)
    original_state.keep(machine.root, {"written": {"firewall": ["permanent|public|port|6443/tcp"]}})
    fake_run.on("systemctl", "show", out="LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n")
    fake_run.on("firewall-offline-cmd", out="public\n  ports: 6443/tcp\n")
    node = NodeContext(root=machine.root, run=fake_run)
    [step] = firewalld.plan_restore(node, {}).steps
    firewalld.restore(node, step, {"files": []})
    assert not fake_run.did("--load-zone-defaults=public")
    assert [machine.read(f"{firewalld.ZONES}/{name}") for name in ("public.xml", "public.xml.old")] == [None, None]


LISTED = """\
public (default, active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0 eth1
  sources:
  services: dhcpv6-client ssh
  ports: 10250/tcp 30000-32767/udp
  forward: yes
  rich rules:
\trule family="ipv4" source address="192.168.90.0/24" port port="6443" protocol="tcp" accept
\trule service name="http" accept

trusted
  target: ACCEPT
  interfaces:
  sources: 10.244.0.0/16
  services:
  ports:
  rich rules:
"""


def test_zones_are_read_as_firewall_cmd_lists_them() -> None:
    assert parse_zones(LISTED) == {
        "public": Zone("public", "default", ("eth0", "eth1"), (), ("dhcpv6-client", "ssh"), SPEC.ports,
                       (rich_rule("192.168.90.0/24", "6443/tcp"), 'rule service name="http" accept')),
        "trusted": Zone("trusted", "ACCEPT", sources=(PODS,)),
    }


@pytest.mark.parametrize(("text", "zone"), [
    ("# a file\nDefaultZone=internal\n", "internal"), ("DefaultZone=\n", "public"), (None, "public")])
def test_the_default_zone(machine: Any, text: str | None, zone: str) -> None:
    if text is not None:
        machine.write(firewalld.CONFIGURATION, text)
    assert firewalld.read_default_zone(machine.root) == zone


UNIT = "LoadState=loaded\nActiveState={0}\nUnitFileState={1}\n"
LIVE_LIST = ("firewall-cmd", "--list-all-zones")
PERMANENT_LIST = ("firewall-cmd", "--permanent", "--list-all-zones")


def zone(*ports: str) -> str:
    return "public\n  ports: {}\n".format(" ".join(ports))


def test_only_what_was_opened_is_taken_back(machine: Any, fake_run: Any) -> None:
    mine = [Entry(PERMANENT, "public", PORT, "30000-32767/tcp"), *both("public", PORT, "6443/tcp"),
            Entry(LIVE, "gone", PORT, "1/tcp")]
    original_state.keep(machine.root, {
        "firewall": {"permanent ports of public": ["30080/tcp", "80/tcp", "9100/tcp"]},
        "written": {"firewall": [entry.text for entry in mine]}})
    fake_run.on("systemctl", "show", out=UNIT.format("active", "enabled"))
    # An administrator has closed 9100 and opened 443 since; 30080 is part of a range
    fake_run.on(*PERMANENT_LIST, out=zone("80/tcp", "443/tcp", "6443/tcp", "30000-32767/tcp"))
    fake_run.on(*LIVE_LIST, out=zone("6440-6443/tcp"))
    fake_run.on("firewall-cmd")
    former = original_state.read(machine.root)["firewall"]
    node = NodeContext(root=machine.root, run=fake_run)
    found = firewalld.plan_restore(node, former)
    assert [step.title for step in found.steps] == ["firewalld ports"]
    fake_run.calls.clear()
    assert firewalld.restore(node, found.steps[0], former) == []
    assert [call for call in fake_run.calls if "--zone=public" in call] == [
        ["firewall-cmd", "--permanent", "--zone=public", "--remove-port=30000-32767/tcp", "--remove-port=6443/tcp"],
        ["firewall-cmd", "--zone=public", "--remove-port=6443/tcp"],
        ["firewall-cmd", "--permanent", "--zone=public", "--add-port=30080/tcp"],
    ]


def test_nothing_is_taken_back_of_a_firewalld_that_is_gone(machine: Any, fake_run: Any) -> None:
    original_state.keep(machine.root, {"firewall": {}, "written": {"firewall": ["live|public|port|1/tcp"]}})
    fake_run.on("systemctl", "show", out="LoadState=not-found\n")
    host = NodeContext(root=machine.root, run=fake_run)
    assert firewalld.plan_restore(host, {"service": {"active": True}}).steps == ()


@pytest.mark.parametrize(("now", "former", "verbs"), [
    (("active", "enabled"), {"active": True, "enabled": True}, []),
    (("inactive", "disabled"), {"active": True, "enabled": True}, ["enable", "start"]),
    (("active", "enabled"), {"active": False, "enabled": False}, ["disable", "stop"]),
])
def test_it_runs_as_before(
    machine: Any, fake_run: Any, now: tuple[str, str], former: dict[str, bool], verbs: list[str],
) -> None:
    fake_run.on("systemctl", "show", out=UNIT.format(*now)).on("systemctl")
    node = NodeContext(root=machine.root, run=fake_run)
    found = firewalld.plan_restore(node, {"service": former})
    for step in found.steps:
        firewalld.restore(node, step, {"service": former})
    assert [call[1] for call in fake_run.calls if call[1] != "show"] == verbs


UTILITY = FirewalldSpec(
    "auto", ("5000/tcp",), address="192.168.90.101", sources=("192.168.90.0/24",), owners=("monday",))
TUESDAY = replace(UTILITY, sources=("192.168.91.0/24", "192.168.92.7"), owners=("tuesday",))


def after(state: FirewalldState, spec: FirewalldSpec) -> tuple[FirewalldState, firewalld.FirewalldPlan]:
    """Return the state after the module has applied the spec, and its plan."""
    found = plan(spec, state)
    written = found.former.get("written", {})
    ours, kept = written.get("firewall"), written.get(firewalld.OWNERS)
    rules = [*state.zones[LIVE]["public"].rules, *(entry.value for entry in found.add if entry.place == LIVE)]
    closed = {entry.value for entry in found.remove}
    state = changed(state, "public", rules=tuple(rule for rule in dict.fromkeys(rules) if rule not in closed))
    return replace(
        state, ours=state.ours if ours is None else tuple(Entry.of(text) for text in ours),
        shares=state.shares if kept is None
        else tuple(Share(tuple(share["names"]), tuple(share["entries"])) for share in kept)), found


def rules(state: FirewalldState) -> set[str]:
    return set(state.zones[PERMANENT]["public"].rules)


def test_two_inventories_do_not_close_the_ports_of_each_other() -> None:
    monday, first = after(FRESH, UTILITY)
    assert len(first.add) == 2
    both_of_them, second = after(monday, TUESDAY)
    assert second.remove == () and len(second.add) == 4
    for spec in (UTILITY, TUESDAY):
        assert plan(spec, both_of_them).steps == ()
    fewer, _plan = after(both_of_them, replace(TUESDAY, sources=("192.168.92.7",)))
    assert rules(fewer) == {rich_rule("192.168.90.0/24", "5000/tcp"), rich_rule("192.168.92.7", "5000/tcp")}


def test_a_port_of_two_inventories_is_closed_by_the_last_one_that_needs_it() -> None:
    state, _plan = after(FRESH, UTILITY)
    same = replace(UTILITY, owners=("tuesday",))
    state, recorded = after(state, same)
    assert (recorded.add, [step.title for step in recorded.steps]) == ((), ["owners firewalld"])
    assert plan(same, state).steps == ()
    other = ("10.0.0.0/8",)
    state, moved = after(state, replace(UTILITY, sources=other))
    assert moved.remove == ()
    state, moved = after(state, replace(same, sources=other))
    assert {entry.value for entry in moved.remove} == {rich_rule("192.168.90.0/24", "5000/tcp")}
    assert rules(state) == {rich_rule("10.0.0.0/8", "5000/tcp")}


def test_a_run_without_all_addresses_removes_nothing_of_its_own() -> None:
    state, _plan = after(FRESH, TUESDAY)
    state, found = after(state, replace(TUESDAY, sources=("192.168.91.0/24",), exclusive=False))
    assert found.remove == ()
    assert len(state.shares[0].lines) == 4


def test_a_call_without_owners_leaves_theirs_open() -> None:
    state, _plan = after(FRESH, UTILITY)
    found = plan(replace(UTILITY, sources=(), ports=("8080/tcp",), owners=()), state)
    assert found.remove == () and firewalld.OWNERS not in found.former["written"]
