# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine's interfaces: found by network or name, left alone by NetworkManager, and never cut off."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import network_manager
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.facts import Address
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.network_manager import (
    DROPIN,
    InterfacesSpec,
    InterfacesState,
    Profile,
    apply,
    dropin,
    plan,
    read_state,
    split_terse,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.ssh_session import Session
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext

OUT, IN = Address("eth0", "10.0.2.15", 24), Address("eth1", "192.168.90.101", 24)
SIX = Address("eth1", "fd00::101", 64)
MOVING = Address("eth1", "192.168.90.200", 32)
UNMANAGED = ("cni*", "veth*")
STORED = {"ipv4.method": "manual", "ipv4.addresses": "192.168.90.101/24", "ipv4.gateway": "192.168.90.1",
          "ipv4.dns": "", "ipv4.never-default": "no", "connection.zone": ""}
ETH0 = Profile("Wired connection 1", "u0", "eth0", True, {**STORED, "ipv4.addresses": "10.0.2.15/24"})
ETH1 = Profile("internal", "u1", "eth1", True, STORED)
NETWORKS = InterfacesSpec("192.168.90.0/24", "10.0.2.0/24", "192.168.90.101")
STATE = InterfacesState((OUT, IN), True, dropin(UNMANAGED), (ETH0, ETH1), Session("10.0.2.2", "10.0.2.15", 22),
                        ("eth0", ""))
NEVER = {"internal": {"never_default4": True}}


@pytest.mark.parametrize(("wanted", "addresses", "hint", "expected"), [
    ("192.168.90.0/24", (OUT, IN), "", IN),
    ("192.168.0.0/16", (OUT, IN, SIX), "", IN),
    ("fd00::/64", (OUT, IN, SIX), "", SIX),
    ("eth1", (OUT, IN, SIX), "", IN),
    ("eth1", (OUT, SIX), "", SIX),
    # A service's address that moves between machines
    ("192.168.90.0/24", (MOVING, IN), "", IN),
    ("192.168.90.0/24", (MOVING,), "", MOVING),
    # Two of them, and the inventory has chosen
    ("192.168.90.0/24", (IN, replace(IN, address="192.168.90.7")), "192.168.90.7", replace(IN, address="192.168.90.7")),
    ("192.168.90.0/24", (IN, replace(IN, interface="eth2", address="192.168.90.7")), "192.168.90.101", IN),
])
def test_the_one_interface_is_found(
    wanted: str, addresses: tuple[Address, ...], hint: str, expected: Address,
) -> None:
    found = plan(InterfacesSpec(internal=wanted, address=hint), InterfacesState(addresses))
    assert found.facts()["internal"] == {
        "interface": expected.interface, "address": expected.address, "prefix": expected.prefix}
    assert found.facts()["external"] == {} and found.steps == ()


@pytest.mark.parametrize(("spec", "addresses", "message"), [
    (InterfacesSpec("192.168.91.0/24"), (OUT, IN),
     "internal network: .* with an address in 192.168.91.0/24, found 10.0.2.15/24 on eth0, 192.168.90.101/24 on"),
    (InterfacesSpec("eth7"), (OUT, IN), "internal network: .* with the name eth7, found 10.0.2.15/24 on eth0"),
    (InterfacesSpec(external="eth7"), (), "for the external network: .*, found none. .* cluster_external_network"),
    (InterfacesSpec("192.168.90.0/24"), (IN, replace(IN, interface="eth2", address="192.168.90.7")),
     "expected one interface of this host .* found 2: .* or to a narrower network"),
    (InterfacesSpec("eth1"), (IN, replace(IN, address="192.168.90.7")),
     "network is ambiguous: expected one address of eth1, found 192.168.90.101, 192.168.90.7. .* node_address"),
    (InterfacesSpec("192.168.90.1/24"), (IN,), "cluster_internal_network is .* an address inside of 192.168.90.0/24"),
    (InterfacesSpec("192.168.90/24"), (IN,), "cluster_internal_network is .*: .* which is no network"),
])
def test_none_and_two_are_refused(spec: InterfacesSpec, addresses: tuple[Address, ...], message: str) -> None:
    with pytest.raises(ClassroomError, match=message):
        plan(spec, InterfacesState(addresses))


def test_a_host_may_be_elsewhere_where_that_is_fine() -> None:
    assert plan(InterfacesSpec("192.168.91.0/24", optional=True), InterfacesState((OUT,))).facts() == {"internal": {},
                                                                                                       "external": {}}


def test_without_networkmanager_only_the_interfaces_are_found(machine: Any, fake_run: Any) -> None:
    fake_run.on("ip", out="[]").on("systemctl", rc=3, out="inactive\n")
    state = read_state(machine.root, fake_run, InterfacesSpec(unmanaged=UNMANAGED, profiles=NEVER))
    assert not state.managed and plan(InterfacesSpec(unmanaged=UNMANAGED, profiles=NEVER), state).steps == ()


def test_interfaces_of_kubernetes_are_left_alone() -> None:
    found = plan(InterfacesSpec(unmanaged=UNMANAGED), replace(STATE, dropin=None))
    assert [step.title for step in found.steps] == ["file " + DROPIN]
    assert found.text is not None and found.text.endswith(
        "[keyfile]\nunmanaged-devices+=interface-name:cni*;interface-name:veth*\n")
    assert plan(InterfacesSpec(unmanaged=UNMANAGED), STATE).steps == ()
    assert plan(InterfacesSpec(), replace(STATE, dropin=None)).steps == ()


@pytest.mark.parametrize(("pattern", "message"), [
    ("eth*", "would cut off this host: expected eth\\* not to match .*, found eth0"),
    ("*", "would cut off this host"),
    ("eth[01]", "would cut off this host"),
    ("cni*;mac:00",
     "host_interfaces_unmanaged is invalid: expected names of interfaces such as cni.*, found 'cni.;mac:00'"),
    ("", "host_interfaces_unmanaged is invalid"),
])
def test_patterns_that_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ClassroomError, match=message):
        plan(InterfacesSpec(unmanaged=("cni*", pattern)), STATE)


def test_only_what_is_declared_and_different_is_changed() -> None:
    spec = replace(NETWORKS, profiles={"internal": {"never_default4": True, "gw4": "192.168.90.1", "zone": "internal",
                                                    "dns4": []}, "external": {"never_default4": False}})
    found = plan(spec, STATE)
    [change] = found.changes
    assert (change.profile, dict(change.values)) == (
        ETH1, {"ipv4.never-default": "yes", "connection.zone": "internal"})
    # The gateway goes with the default route, so it is kept as well
    assert found.former == {"interfaces": {
        "u1 ipv4.never-default": "no", "u1 connection.zone": "", "u1 ipv4.gateway": "192.168.90.1"}}
    assert [step.title for step in found.steps] == ["profile internal of eth1"]
    done = replace(STATE, profiles=(ETH0, replace(ETH1, values={
        **STORED, "ipv4.never-default": "yes", "connection.zone": "internal"})))
    assert plan(replace(spec, profiles={"internal": {"never_default4": True, "zone": "internal"}}), done).steps == ()


@pytest.mark.parametrize("profiles", [(ETH0,), (ETH0, replace(ETH1, stored=False, values={}))])
def test_an_interface_without_a_stored_profile_is_left_alone(profiles: tuple[Profile, ...]) -> None:
    found = plan(replace(NETWORKS, profiles=NEVER), replace(STATE, profiles=profiles))
    assert found.steps == () and "eth1 has no stored profile" in found.warnings[0]


def test_unknown_options_are_rejected() -> None:
    with pytest.raises(ClassroomError, match="found slave_type in host_interfaces_internal_profile"):
        plan(replace(NETWORKS, profiles={"internal": {"slave_type": "bond"}}), STATE)


HERE = replace(STATE, session=Session("172.16.0.9", "192.168.90.101", 22), way=("eth1", "192.168.90.1"))
NEIGHBOUR = replace(STATE, session=Session("192.168.90.1", "192.168.90.101", 22), way=("eth1", ""))


@pytest.mark.parametrize(("options", "state", "message"), [
    ({"never_default4": True}, HERE, "the route to the controller at 172.16.0.9 is its default route"),
    ({"gw4": "192.168.90.9"}, HERE, "the route to the controller at 172.16.0.9 goes by 192.168.90.1"),
    ({"ip4": "192.168.90.7/24"}, NEIGHBOUR, "it would not have the address 192.168.90.101 any more"),
    ({"ip4": []}, NEIGHBOUR, "it would not have the address"),
    ({"method4": "auto"}, NEIGHBOUR, "not be kept by the method auto"),
    ({"method4": "disabled"}, HERE, "not be kept by the method disabled"),
    ({"never_default4": True}, NEIGHBOUR, ""),
    ({"gw4": "192.168.90.9"}, NEIGHBOUR, ""),
    ({"ip4": ["192.168.90.101/24", "192.168.90.7/24"]}, HERE, ""),
    ({"ip6": "fd00::7/64", "method6": "manual"}, HERE, ""),
    ({"never_default4": True}, replace(HERE, way=("eth0", "10.0.2.1")), ""),
    ({"never_default4": True}, replace(HERE, session=None), ""),
    ({"never_default4": True, "ip4": "192.168.90.7/24"}, STATE, ""),
])
def test_a_change_that_would_cut_the_connection_is_refused(
    options: dict[str, Any], state: InterfacesState, message: str,
) -> None:
    spec = replace(NETWORKS, profiles={"internal": options})
    if not message:
        assert len(plan(spec, state).changes) == 1
        return
    with pytest.raises(ClassroomError, match=f"own connection on it: .*{message}.*Nothing was changed"):
        plan(spec, state)


@pytest.mark.parametrize(("line", "fields"), [
    ("eth0:a-b:eth0:/run/x", ["eth0", "a-b", "eth0", "/run/x"]),
    ("int\\:er nal:u:eth1:/etc/int\\:er nal.nmconnection", ["int:er nal", "u", "eth1", "/etc/int:er nal.nmconnection"]),
    ("a\\\\b:u::/etc/a", ["a\\b", "u", "", "/etc/a"]),
])
def test_lines_of_nmcli_are_split(line: str, fields: list[str]) -> None:
    assert split_terse(line) == fields


ACTIVE = "Wired\\: 1:u0:eth0:/run/NetworkManager/x\ninternal:u1:eth1:/etc/NetworkManager/system-connections/x\n"
VALUES = "ipv4.method:manual\nipv4.gateway:192.168.90.1\nipv4.never-default:{0}\nipv6.gateway:fe80::1\n"


@pytest.fixture
def node(machine: Any, fake_run: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """NetworkManager runs, and someone is here by ssh."""
    monkeypatch.setattr(network_manager, "find_session", lambda _root: Session("172.16.0.9", "10.0.2.15", 22))
    fake_run.on("ip", "-j", "addr", out=json.dumps([
        {"ifname": "eth1", "addr_info": [{"local": "192.168.90.101", "prefixlen": 24, "scope": "global"}]}]))
    fake_run.on("ip", "-j", "route", out='[{"dst":"172.16.0.9","gateway":"10.0.2.2","dev":"eth0"}]')
    fake_run.on("systemctl", "is-active", out="active\n")
    fake_run.on("nmcli", "--terse", "--fields", "NAME,UUID,DEVICE,FILENAME", out=ACTIVE)
    fake_run.on("nmcli", "--terse", "--escape", out=VALUES.format("no")).on("nmcli", "connection", "modify")
    return machine


SPEC = InterfacesSpec("192.168.90.0/24", unmanaged=UNMANAGED, profiles=NEVER)
MODIFY = ["nmcli", "connection", "modify", "uuid", "u1"]


def test_what_networkmanager_says_is_read(node: Any, fake_run: Any) -> None:
    state = read_state(node.root, fake_run, SPEC)
    assert state.profiles == (
        Profile("Wired: 1", "u0", "eth0", False), Profile("internal", "u1", "eth1", True, {
            "ipv4.method": "manual", "ipv4.gateway": "192.168.90.1", "ipv4.never-default": "no",
            "ipv6.gateway": "fe80::1"}))
    assert (state.way, state.managed, state.dropin) == (("eth0", "10.0.2.2"), True, None)


def test_a_change_is_kept_in_force_and_brought_back(node: Any, fake_run: Any) -> None:
    fake_run.on("nmcli")
    apply(node.root, fake_run, plan(SPEC, read_state(node.root, fake_run, SPEC)))
    assert fake_run.calls[-3:] == [
        [*MODIFY, "ipv4.never-default", "yes"], ["nmcli", "device", "reapply", "eth1"],
        ["nmcli", "general", "reload", "conf"]]
    assert node.read(DROPIN) == dropin(UNMANAGED)
    former = original_state.read(node.root)
    assert former["files"][DROPIN] == {"text": None, "mode": None}
    assert former["interfaces"] == {"u1 ipv4.never-default": "no", "u1 ipv4.gateway": "192.168.90.1"}

    fake_run.on("nmcli", "--terse", "--escape", out=VALUES.format("yes").replace("192.168.90.1", ""))
    # What the change above has done
    fake_run(["nmcli", "--terse", "--escape"])
    there = NodeContext(root=node.root, run=fake_run)
    found = network_manager.plan_restore(there, former["interfaces"])
    assert [step.title for step in found.steps] == ["NetworkManager configuration", "profile u1"]
    fake_run.calls.clear()
    for step in found.steps:
        assert network_manager.restore(there, step, former["interfaces"]) == []
    assert [call for call in fake_run.calls if "--terse" not in call] == [
        ["nmcli", "general", "reload", "conf"],
        [*MODIFY, "ipv4.gateway", "192.168.90.1", "ipv4.never-default", "no"], ["nmcli", "device", "reapply", "eth1"]]


def test_one_that_cannot_be_in_force_is_put_back(node: Any, fake_run: Any) -> None:
    fake_run.on("nmcli", "device", "reapply", rc=1, err="not compatible")
    with pytest.raises(CommandFailed, match="not compatible"):
        apply(node.root, fake_run, plan(SPEC, read_state(node.root, fake_run, SPEC)))
    assert fake_run.calls[-1] == [*MODIFY, "ipv4.gateway", "192.168.90.1", "ipv4.never-default", "no"]


def test_without_networkmanager_nothing_is_brought_back(machine: Any, fake_run: Any) -> None:
    fake_run.on("systemctl", rc=3, out="inactive\n")
    assert network_manager.plan_restore(NodeContext(root=machine.root, run=fake_run), {"u1 x": "y"}).steps == ()
