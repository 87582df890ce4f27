# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces, namespaces, routes and rules: those of network plugins go, an administrator's are never seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue.network import (
    describe,
    describe_rule,
    find_interfaces,
    find_namespaces,
    find_routes,
    find_rules,
    find_services,
    find_tunnel,
    link_owner,
    parse_ip_vs,
    remove_interfaces,
    remove_namespaces,
    remove_routes,
    remove_rules,
    remove_services,
    remove_tunnel,
    route_owner,
    rule_owner,
)
from tests.unit.support.residue_lab import HOST_NETWORK, Host, addressed, link

NAMESPACE = "cni-0f3f7e2b-5c1d-4e0c-9a51-b1c5b9a7f0aa"
BARE = "0f3f7e2b-5c1d-4e0c-9a51-b1c5b9a7f0aa"
BLACKHOLE = {"type": "blackhole", "dst": "10.244.1.0/26", "protocol": "80", "scope": "global", "flags": []}
BIRD = {"dst": "10.244.2.0/26", "gateway": "192.168.90.102", "dev": "eth0", "protocol": "bird", "flags": []}
GATEWAY = {"dst": "10.244.1.0/24", "gateway": "192.168.90.101", "dev": "eth0", "flags": []}
DEFAULT = {"dst": "default", "gateway": "192.168.90.1", "dev": "eth0", "protocol": "dhcp", "flags": []}
TO_PROXY = {"priority": 9, "src": "all", "fwmark": "0x200", "fwmask": "0xf00", "table": "2004"}
LOCAL = {"priority": 0, "src": "all", "table": "local"}
MOVED = {"priority": 100, "src": "all", "table": "local"}
MAIN = {"priority": 32766, "src": "all", "table": "main"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    found = Host(tmp_path)
    found.answers["ip link delete"] = ""
    return found


@pytest.mark.parametrize(("name", "kind", "more", "owner"), [
    ("cni0", "bridge", {}, "flannel"),
    ("cni0", "dummy", {}, ""),
    ("cni-podman0", "bridge", {}, ""),
    ("flannel.1", "vxlan", {}, "flannel"),
    ("flannel-v6.1", "vxlan", {}, "flannel"),
    ("flannel.4096", "vxlan", {}, "flannel"),
    ("flannel-wg", "wireguard", {}, "flannel"),
    ("flannel.staff", "vxlan", {}, ""),
    ("cali1234567890a", "veth", {}, "calico"),
    ("california", "dummy", {}, ""),
    ("vxlan.calico", "vxlan", {}, "calico"),
    ("wireguard.cali", "wireguard", {}, "calico"),
    ("cilium_host", "veth", {}, "cilium"),
    ("cilium_vxlan", "vxlan", {}, "cilium"),
    ("lxc0123456789ab", "veth", {}, "cilium"),
    ("lxc_health", "veth", {}, "cilium"),
    ("lxcbr0", "bridge", {}, ""),
    ("kube-ipvs0", "dummy", {}, "kubernetes"),
    ("nodelocaldns", "dummy", {}, "kubernetes"),
    ("veth0123abcd", "veth", {"master": "cni0"}, "containerd"),
    ("veth0123abcd", "veth", {"link_netns": NAMESPACE}, "containerd"),
    ("veth0123abcd", "veth", {"master": "docker0"}, ""),
    ("veth0123abcd", "veth", {"link_netns": "staff"}, ""),
    ("veth0123abcd", "veth", {}, ""),
    ("tunl0", "ipip", {}, ""),
    ("eth0", "", {}, ""),
    ("br0", "bridge", {}, ""),
    ("docker0", "bridge", {}, ""),
])
def test_whose_an_interface_is(name: str, kind: str, more: dict[str, Any], owner: str) -> None:
    assert link_owner(link(name, kind, **more), {NAMESPACE: "containerd"}) == owner


def test_interfaces_go_and_a_pair_goes_together(host: Host) -> None:
    host.links(link("eth0"), link("cilium_host", "veth"), link("cilium_net", "veth"), link("br0", "bridge"))
    found = list(find_interfaces(host.scan))
    assert [finding.subject for finding in found] == ["cilium_host", "cilium_net"]
    host.answers["ip link delete dev cilium_net"] = Completed(1, "", "Cannot find device")
    host.effects["ip link delete dev cilium_host"] = lambda: host.links(link("eth0"), link("br0", "bridge"))
    assert list(remove_interfaces(host.scan, found)) == []
    assert not any("br0" in line or "eth0" in line for line in host.said)


def test_an_interface_that_stays_is_left(host: Host) -> None:
    host.links(link("cni0", "bridge"))
    left = list(remove_interfaces(host.scan, list(find_interfaces(host.scan))))
    assert [finding.reason for finding in left] == ["the kernel does not delete it; see 'ip link delete cni0'"]


# Namespaces


@pytest.mark.parametrize(("name", "owner"), [
    (NAMESPACE, "containerd"), (BARE, "cri-o"), ("staff", ""), ("cni-staff", ""), ("netns-" + BARE, ""),
])
def test_whose_a_namespace_is(host: Host, name: str, owner: str) -> None:
    host.write("/run/netns/" + name, "")
    assert [finding.owner for finding in find_namespaces(host.scan)] == ([owner] if owner else [])


@pytest.mark.parametrize(("cgroup", "seen"), [("/kubepods/besteffort/pod1", True), ("/machine.slice/podman", False)])
def test_a_namespace_with_other_processes_stays(host: Host, cgroup: str, seen: bool) -> None:
    inode = host.write("/run/netns/" + NAMESPACE, "").stat().st_ino
    host.process(10, "nginx", cgroup=cgroup, network=f"net:[{inode}]")
    host.process(11, "sshd", network=HOST_NETWORK)
    found = list(find_namespaces(host.scan))
    assert bool(found) is seen


def test_a_namespace_with_a_new_process_is_left(host: Host) -> None:
    inode = host.write("/run/netns/" + NAMESPACE, "").stat().st_ino
    found = list(find_namespaces(host.scan))
    host.process(10, "nginx", cgroup="/machine.slice/podman", network=f"net:[{inode}]")
    left = list(remove_namespaces(host.scan, found))
    assert [finding.reason for finding in left] == ["processes outside of pods use it"]
    assert host.exists("/run/netns/" + NAMESPACE)


def test_a_namespace_goes_with_its_mount_and_its_twins(host: Host) -> None:
    for part in ("net", "ipc", "uts"):
        host.write(f"/run/{part}ns/{BARE}", "")
    host.write("/run/netns/staff", "")
    host.mounts("/run/netns/" + BARE, "/run/utsns/" + BARE)
    assert list(remove_namespaces(host.scan, list(find_namespaces(host.scan)))) == []
    assert [path.name for path in host.path("/run").rglob("*") if path.is_file()] == ["staff"]
    assert [line for line in host.said if "umount" in line] == [
        "umount -l /run/netns/" + BARE, "umount -l /run/utsns/" + BARE]


# The kernel's own tunnel


@pytest.mark.parametrize(("prefix", "calico", "seen"), [(32, True, True), (32, False, False), (30, True, False)])
def test_the_address_of_the_tunnel(host: Host, prefix: int, calico: bool, seen: bool) -> None:
    host.links(addressed("tunl0", "10.244.1.1", prefix, "ipip"))
    if calico:
        host.directory("/var/lib/calico")
    assert [finding.subject for finding in find_tunnel(host.scan)] == (["tunl0"] if seen else [])


def test_the_tunnel_loses_its_address_and_stays(host: Host) -> None:
    host.links(addressed("tunl0", "10.244.1.1", 32, "ipip"))
    host.directory("/run/calico")
    host.effects["ip addr delete"] = lambda: host.links(link("tunl0", "ipip"))
    assert list(remove_tunnel(host.scan, list(find_tunnel(host.scan)))) == []
    assert [line for line in host.said if not line.startswith("ip -")] == [
        "ip addr delete 10.244.1.1/32 dev tunl0", "ip link set dev tunl0 down"]


# Routes


@pytest.mark.parametrize(("route", "former", "calico", "owner"), [
    (BLACKHOLE, [], False, "calico"),
    ({**BLACKHOLE, "protocol": "static"}, [], True, ""),
    (BIRD, [], True, "calico"),
    (BIRD, [], False, ""),
    (GATEWAY, ["10.244.0.0/16"], False, "flannel"),
    (GATEWAY, ["10.0.0.0/16"], False, ""),
    (GATEWAY, [], True, ""),
    (GATEWAY, ["fd00::/48", "nonsense"], False, ""),
    (DEFAULT, ["0.0.0.0/0"], True, ""),
])
def test_whose_a_route_is(route: dict[str, Any], former: list[str], calico: bool, owner: str) -> None:
    assert route_owner(route, former, calico) == owner


@pytest.mark.parametrize(("route", "words"), [
    (BLACKHOLE, "blackhole 10.244.1.0/26 proto 80"),
    ({**BLACKHOLE, "dev": "lo", "metric": 1024, "dst": "fd00::/64"}, "blackhole fd00::/64 proto 80 metric 1024"),
    (BIRD, "10.244.2.0/26 via 192.168.90.102 dev eth0 proto bird"),
])
def test_a_route_in_words(route: dict[str, Any], words: str) -> None:
    assert describe(route) == words


def test_routes_go_one_by_one(host: Host) -> None:
    def routes(*found: dict[str, Any]) -> None:
        host.answers["ip -4 -j route show table main"] = json.dumps(found)

    routes(DEFAULT, BLACKHOLE, GATEWAY, {**BIRD, "dev": "flannel.1", "protocol": "80"})
    host.links(link("eth0"), link("flannel.1", "vxlan"))
    host.write("/run/flannel/subnet.env", "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.0.1/24\n")
    found = list(find_routes(host.scan))
    # The one over an interface that goes anyhow is not named
    assert [finding.subject for finding in found] == [
        "blackhole 10.244.1.0/26 proto 80", "10.244.1.0/24 via 192.168.90.101 dev eth0"]
    host.effects["ip -4 route delete blackhole 10.244.1.0/26 proto 80"] = lambda: routes(DEFAULT, GATEWAY)
    left = list(remove_routes(host.scan, found))
    assert [finding.subject for finding in left] == ["10.244.1.0/24 via 192.168.90.101 dev eth0"]
    assert [finding.subject for finding in remove_routes(host.scan, left[:0])] == []


# Rules


@pytest.mark.parametrize(("rule", "others", "owner"), [
    (TO_PROXY, [LOCAL], "cilium"),
    ({**TO_PROXY, "table": "2005"}, [], "cilium"),
    ({"priority": 9, "table": "2004"}, [], ""),
    (MOVED, [MAIN], "cilium"),
    (MOVED, [LOCAL, MAIN], ""),
    (LOCAL, [], ""), (MAIN, [], ""),
    ({"priority": 99, "fwmark": "0x100000", "fwmask": "0x100000", "table": "1"}, [], "calico"),
    ({"priority": 99, "table": "1"}, [], ""),
    ({"priority": 1000, "fwmark": "0x1", "table": "100"}, [], ""),
])
def test_whose_a_rule_is(rule: dict[str, Any], others: list[dict[str, Any]], owner: str) -> None:
    assert rule_owner(rule, [rule, *others]) == owner


def test_the_host_knows_its_own_addresses_all_the_time(host: Host) -> None:
    def rules(*found: dict[str, Any]) -> None:
        host.answers["ip -4 -j rule show"] = json.dumps(found)

    rules(TO_PROXY, MOVED, MAIN)
    host.effects["ip -4 rule add"] = lambda: rules(TO_PROXY, LOCAL, MOVED, MAIN)
    host.effects["ip -4 rule delete pref 100"] = lambda: rules(TO_PROXY, LOCAL, MAIN)
    host.effects["ip -4 rule delete pref 9"] = lambda: rules(LOCAL, MAIN)
    found = sorted(find_rules(host.scan), key=lambda finding: "local" not in finding.subject)
    assert list(remove_rules(host.scan, found)) == []
    assert [line for line in host.said if "-j" not in line] == [
        "ip -4 rule add pref 0 lookup local", "ip -4 rule delete pref 100 lookup local",
        "ip -4 route flush table 2004", "ip -4 rule delete pref 9 fwmark 0x200/0xf00 lookup 2004"]


def test_the_moved_rule_stays_when_it_cannot_be_put_back(host: Host) -> None:
    host.answers["ip -4 -j rule show"] = json.dumps([MOVED, MAIN])
    left = list(remove_rules(host.scan, list(find_rules(host.scan))))
    assert [finding.subject for finding in left] == [describe_rule("-4", MOVED)]
    assert not any("rule delete" in line for line in host.said)


# Virtual servers

IP_VS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A600001:01BB rr
  -> C0A85A64:192B      Masq    1      0          0
UDP  [fd00:0000:0000:0000:0000:0000:0000:000a]:0035 rr
FWM  00000001 wlc
TCP  C0A85AC8:0050 wlc
"""


def test_the_kernels_list_of_virtual_servers() -> None:
    assert list(parse_ip_vs(IP_VS)) == [
        ("tcp", "10.96.0.1", 443), ("udp", "fd00::a", 53), ("tcp", "192.168.90.200", 80)]


@pytest.mark.parametrize("link_name", ["kube-ipvs0", "eth0"])
def test_only_virtual_servers_at_kube_proxys_addresses(host: Host, link_name: str) -> None:
    host.write("/proc/net/ip_vs", IP_VS)
    host.links(addressed(link_name, "10.96.0.1", 32, "dummy"))
    found = list(find_services(host.scan))
    assert [finding.subject for finding in found] == (["tcp 10.96.0.1:443"] if link_name == "kube-ipvs0" else [])


@pytest.mark.parametrize(("installed", "why"), [(True, "the kernel does not"), (False, "ipvsadm, is not installed")])
def test_a_virtual_server_that_stays(host: Host, installed: bool, why: str) -> None:
    host.write("/proc/net/ip_vs", IP_VS)
    host.links(addressed("kube-ipvs0", "10.96.0.1", 32, "dummy"))
    host.programs |= {"ipvsadm"} if installed else set()
    left = list(remove_services(host.scan, list(find_services(host.scan))))
    assert [why in finding.reason for finding in left] == [True]
    assert ("ipvsadm -D -t 10.96.0.1:443" in host.said) is installed


@pytest.mark.parametrize("find", [
    find_interfaces, find_routes, find_rules, find_services, find_tunnel, find_namespaces])
@pytest.mark.parametrize("answer", ["", "not JSON", "{}", Completed(124, "", "no answer within 10 s")])
def test_a_tool_that_says_nothing_of_use(host: Host, find: Any, answer: str | Completed) -> None:
    host.answers["ip"] = answer
    assert list(find(host.scan)) == []
