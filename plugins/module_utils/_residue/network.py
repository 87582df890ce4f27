# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces, interfaces, routes, routing rules and virtual servers of a former cluster."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .files import delete
from .model import CALICO, CHANGE, CILIUM, CONTAINERD, FLANNEL, KUBERNETES, NETNS, Finding, Kind, Scan

NAMESPACE, INTERFACE, TUNNEL = "network namespace", "interface", "tunnel address"
ROUTE, RULE, SERVICE = "route", "routing rule", "virtual server"

_PODS = "its addresses and routes are those of the former pod network"
# Name, the kind that the kernel must call it (empty: any), whose. A bridge of an administrator has another name.
_LINKS = (
    (r"cni0", "bridge", FLANNEL),
    (r"flannel(-v6)?\.\d+", "vxlan", FLANNEL),
    (r"flannel-wg(-v6)?", "wireguard", FLANNEL),
    (r"flannel\.ipip", "ipip", FLANNEL),
    (r"flannel0", "tun", FLANNEL),
    (r"cali[0-9a-f]{11}", "", CALICO),
    (r"vxlan(-v6)?\.calico", "vxlan", CALICO),
    (r"wireguard\.cali|wg-v6\.cali", "wireguard", CALICO),
    (r"bpf(in|out|natin|natout)\.cali|bpfnatin|bpfnatout", "veth", CALICO),
    (r"cilium_(host|net)", "", CILIUM),
    (r"cilium_(vxlan|geneve|wg0|tunl|sit|ipip4|ipip6|dummy)", "", CILIUM),
    (r"lxc[0-9a-f]{12}|lxc_health", "", CILIUM),
    (r"kube-ipvs0", "dummy", KUBERNETES),
    (r"nodelocaldns", "dummy", KUBERNETES),
)
_LINK_PATTERNS = tuple((re.compile(pattern + "$"), kind, owner) for pattern, kind, owner in _LINKS)
# The other end of a pod's interface, as the bridge plugin calls it.
_VETH = re.compile(r"veth[0-9a-f]{8}$")
_BRIDGES = ("cni0",)
# Felix marks what it adds; BIRD has a number of its own, which calico's agent uses too (iproute2 may name it).
_CALICO_PROTOCOLS = ("80",)
_BIRD = ("bird", "12")
_CILIUM_TABLES = ("2004", "2005", "201")
_CALICO_WIREGUARD = "1"
_LOCAL_MOVED = 100


# Network namespaces


def see_namespaces(look: Scan) -> Iterator[Finding]:
    for name, owner in look.pod_namespaces.items():
        yield Finding(NAMESPACE, name, f"ip netns exec {name} ip -br addr",
                      "its interfaces hold addresses of the former pod network", owner)


def take_namespaces(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        path = f"{NETNS}/{finding.subject}"
        if finding.subject not in look.names(NETNS):
            continue
        if finding.subject not in look.pod_namespaces:
            yield finding.left("processes that are no pod's live in it")
            continue
        # Each mount of a path covers the one before
        for _mount in range(sum(mount.path == path for mount in look.mounts)):
            look.say(["umount", "-l", path], CHANGE)
        problem = delete(look, path)
        for twin in ("ipc", "uts", "user"):
            _take_twin(look, f"/run/{twin}ns/{finding.subject}")
        if problem:
            yield finding.left(problem)


def _take_twin(look: Scan, path: str) -> None:
    """CRI-O keeps the other namespaces of a pod in the same way."""
    if look.exists(path):
        if look.is_mount(path):
            look.say(["umount", "-l", path], CHANGE)
        delete(look, path)


# Interfaces


def see_interfaces(look: Scan) -> Iterator[Finding]:
    for link in look.links:
        name = str(link.get("ifname"))
        owner = link_owner(link, look.pod_namespaces)
        if owner:
            yield Finding(INTERFACE, name, "ip -d addr show " + name, _PODS, owner)


def link_owner(link: Mapping[str, Any], pod_namespaces: Mapping[str, str]) -> str:
    """Who of the known made an interface, empty for everybody else's."""
    name = str(link.get("ifname"))
    kind = str((link.get("linkinfo") or {}).get("info_kind") or "")
    for pattern, wanted, owner in _LINK_PATTERNS:
        if pattern.match(name) and kind in (wanted or kind, ""):
            return owner
    if kind != "veth":
        return ""
    if str(link.get("link_netns") or "") in pod_namespaces:
        return CONTAINERD
    return CONTAINERD if _VETH.match(name) and link.get("master") in _BRIDGES else ""


def take_interfaces(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """One end of a pair takes the other along, so that an error counts only if the interface is still there."""
    for finding in findings:
        if finding.subject in look.link_names:
            look.say(["ip", "link", "delete", "dev", finding.subject], CHANGE)
    left = Scan(look.machine).link_names
    for finding in findings:
        if finding.subject in left:
            yield finding.left(f"the kernel does not delete it; see 'ip link delete {finding.subject}'")


# The tunnel that the kernel itself keeps


def see_tunnel(look: Scan) -> Iterator[Finding]:
    """tunl0 comes with the kernel's module and cannot be deleted; what calico does is to give it an address.

    An address that an administrator gave it looks the same, so other traces of calico must be there too.
    """
    addresses = _tunnel_addresses(look)
    if addresses and _calico_was_here(look):
        yield Finding(TUNNEL, "tunl0", "ip addr show tunl0", "packets of the former pod network are still taken in",
                      CALICO)


def _tunnel_addresses(look: Scan) -> list[str]:
    return ["{}/{}".format(info.get("local"), info.get("prefixlen"))
            for link in look.links if link.get("ifname") == "tunl0"
            for info in link.get("addr_info") or [] if info.get("family") == "inet" and info.get("prefixlen") == 32]


def _calico_was_here(look: Scan) -> bool:
    return look.exists("/var/lib/calico") or look.exists("/run/calico") or bool(_calico_routes(look)) or any(
        link_owner(link, {}) == CALICO for link in look.links)


def take_tunnel(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for address in _tunnel_addresses(look):
        look.say(["ip", "addr", "delete", address, "dev", "tunl0"], CHANGE)
    fresh = Scan(look.machine)
    if _tunnel_addresses(fresh):
        yield from (finding.left("its address cannot be deleted") for finding in findings)
    elif not any(link.get("addr_info") for link in fresh.links if link.get("ifname") == "tunl0"):
        look.say(["ip", "link", "set", "dev", "tunl0", "down"], CHANGE)


# Routes


def _all_routes(look: Scan) -> dict[str, list[dict[str, Any]]]:
    return {family: _routes(look, family) for family in ("-4", "-6")}


def _routes(look: Scan, family: str) -> list[dict[str, Any]]:
    found = look.json(["ip", family, "-j", "route", "show", "table", "main"])
    return found if isinstance(found, list) else []


def _calico_routes(look: Scan) -> list[tuple[str, dict[str, Any]]]:
    return [(family, route) for family, routes in look.once(_all_routes).items() for route in routes
            if str(route.get("protocol")) in _CALICO_PROTOCOLS]


def see_routes(look: Scan) -> Iterator[Finding]:
    """Routes over an interface that is residue go with it; these stay when it is gone."""
    gone = {str(link.get("ifname")) for link in look.links if link_owner(link, look.pod_namespaces)}
    former = pod_networks(look)
    calico = any(look.exists(path) for path in ("/var/lib/calico", "/run/calico"))
    for family, routes in look.once(_all_routes).items():
        for route in routes:
            owner = route_owner(route, former, calico)
            if owner and route.get("dev") not in gone:
                yield Finding(ROUTE, describe(route), "ip {} route show {}".format(family, route.get("dst")),
                              "it leads a part of the former pod network astray", owner)


def route_owner(route: Mapping[str, Any], former: Sequence[str], calico: bool) -> str:
    """Felix' own routes; BIRD's on a machine with calico; flannel's host-gw routes into the network that it noted."""
    protocol = str(route.get("protocol"))
    if protocol in _CALICO_PROTOCOLS or (calico and protocol in _BIRD):
        return CALICO
    if route.get("gateway") and any(_inside(str(route.get("dst")), network) for network in former):
        return FLANNEL
    return ""


def _inside(destination: str, network: str) -> bool:
    try:
        inner, outer = ipaddress.ip_network(destination), ipaddress.ip_network(network)
        # Networks of two versions never overlap
        return inner.prefixlen >= outer.prefixlen and inner.overlaps(outer)
    except ValueError:
        return False


def pod_networks(look: Scan) -> list[str]:
    """What flannel noted as the whole pod network."""
    found = []
    for line in look.text("/run/flannel/subnet.env").splitlines():
        name, _sign, value = line.partition("=")
        if name in ("FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK") and value:
            found += value.split(",")
    return found


def describe(route: Mapping[str, Any]) -> str:
    """In the words in which `ip route delete` wants it."""
    kind = str(route.get("type") or "")
    words = [kind] if kind and kind != "unicast" else []
    words.append(str(route.get("dst")))
    for key, word in (("gateway", "via"), ("dev", "dev"), ("protocol", "proto"), ("metric", "metric")):
        if route.get(key) is not None and not (key == "dev" and kind == "blackhole"):
            words += [word, str(route[key])]
    return " ".join(words)


def take_routes(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        family = "-6" if ":" in finding.subject else "-4"
        if finding.subject not in _described(look, family):
            continue
        look.say(["ip", family, "route", "delete", *finding.subject.split()], CHANGE)
        if finding.subject in _described(look, family):
            yield finding.left(f"the kernel does not delete it; see 'ip {family} route delete {finding.subject}'")


def _described(look: Scan, family: str) -> list[str]:
    return [describe(route) for route in _routes(look, family)]


# Routing rules


def _rules(look: Scan, family: str) -> list[dict[str, Any]]:
    found = look.json(["ip", family, "-j", "rule", "show"])
    return found if isinstance(found, list) else []


def see_rules(look: Scan) -> Iterator[Finding]:
    for family in ("-4", "-6"):
        rules = _rules(look, family)
        for rule in rules:
            owner = rule_owner(rule, rules)
            if owner:
                yield Finding(RULE, describe_rule(family, rule), "ip {} rule show pref {}".format(
                    family, rule.get("priority")), "packets take the way of the former network plugin", owner)


def rule_owner(rule: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> str:
    """Cilium's rules lead to its own tables, and the one for local addresses is moved behind them."""
    table, priority = str(rule.get("table")), rule.get("priority")
    marked = rule.get("fwmark") is not None
    if table in _CILIUM_TABLES and marked:
        return CILIUM
    if table == "local" and priority == _LOCAL_MOVED and not any(other.get("priority") == 0 for other in rules):
        return CILIUM
    if table == _CALICO_WIREGUARD and priority == 99 and marked:
        return CALICO
    return ""


def describe_rule(family: str, rule: Mapping[str, Any]) -> str:
    words = [family, "pref", str(rule.get("priority"))]
    if rule.get("fwmark") is not None:
        mask = rule.get("fwmask")
        words += ["fwmark", str(rule["fwmark"]) + ("/" + str(mask) if mask is not None else "")]
    return " ".join([*words, "lookup", str(rule.get("table"))])


def take_rules(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    for finding in findings:
        family, *words = finding.subject.split()
        if finding.subject not in [describe_rule(family, rule) for rule in _rules(look, family)]:
            continue
        if words[-1] == "local":
            # Before the moved one goes: without either the machine would not know its own addresses
            look.say(["ip", family, "rule", "add", "pref", "0", "lookup", "local"], CHANGE)
            if not any(rule.get("priority") == 0 for rule in _rules(look, family)):
                yield finding.left("the rule for local addresses cannot be put back to its place")
                continue
        elif "fwmark" in words:
            # What cilium or calico put into its table serves nothing else
            look.say(["ip", family, "route", "flush", "table", words[-1]], CHANGE)
        look.say(["ip", family, "rule", "delete", *words], CHANGE)
        if finding.subject in [describe_rule(family, rule) for rule in _rules(look, family)]:
            yield finding.left("the kernel does not delete it; see 'ip {} rule delete {}'".format(
                family, " ".join(words)))


# Virtual servers of kube-proxy in its mode ipvs


def see_services(look: Scan) -> Iterator[Finding]:
    """Only those at an address of kube-ipvs0: an administrator's load balancer has its own."""
    addresses = {str(info.get("local")) for link in look.links if link.get("ifname") == "kube-ipvs0"
                 for info in link.get("addr_info") or []}
    if not addresses:
        return
    for protocol, address, port in parse_ip_vs(look.text("/proc/net/ip_vs")):
        if address in addresses:
            yield Finding(SERVICE, f"{protocol} {_endpoint(address, port)}", "ipvsadm -Ln",
                          "connections to this address are sent to pods that are gone", KUBERNETES)


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def parse_ip_vs(text: str) -> Iterator[tuple[str, str, int]]:
    """The virtual servers in /proc/net/ip_vs: protocol, address, port; numbers stand there in hexadecimal."""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] not in ("TCP", "UDP", "SCTP"):
            continue
        host, _colon, port = words[1].rpartition(":")
        try:
            address = str(ipaddress.ip_address(host.strip("[]") if "[" in host else int(host, 16)))
            yield words[0].lower(), address, int(port, 16)
        except ValueError:
            continue


def take_services(look: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    if not look.machine.find_program("ipvsadm"):
        yield from (finding.left("the program that deletes it, ipvsadm, is not installed") for finding in findings)
        return
    options = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
    for finding in findings:
        protocol, _blank, endpoint = finding.subject.partition(" ")
        look.say(["ipvsadm", "-D", options[protocol], endpoint], CHANGE)
    left = {finding.subject for finding in see_services(Scan(look.machine))}
    yield from (finding.left("the kernel does not delete it") for finding in findings if finding.subject in left)


KINDS = (
    Kind(NAMESPACE, see_namespaces, take_namespaces),
    # Routes and virtual servers are told by interfaces, and so go before them
    Kind(SERVICE, see_services, take_services),
    Kind(ROUTE, see_routes, take_routes),
    Kind(TUNNEL, see_tunnel, take_tunnel),
    Kind(INTERFACE, see_interfaces, take_interfaces),
    Kind(RULE, see_rules, take_rules),
)
