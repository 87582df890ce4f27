# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove network namespaces, interfaces, routes, routing rules and virtual servers of a former cluster."""

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
# Name, the kind that the kernel reports (empty: any), owner. A bridge of an administrator has another name.
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
# The name that the bridge plugin gives to the other end of a pod's interface.
_VETH = re.compile(r"veth[0-9a-f]{8}$")
_BRIDGES = ("cni0",)
# Felix marks its routes by a protocol; BIRD has another number, which calico's agent uses too (iproute2 may name it).
_CALICO_PROTOCOLS = ("80",)
_BIRD = ("bird", "12")
_CILIUM_TABLES = ("2004", "2005", "201")
_CALICO_WIREGUARD = "1"
_LOCAL_MOVED = 100


# Network namespaces


def find_namespaces(scan: Scan) -> Iterator[Finding]:
    """Yield the network namespaces of pods."""
    for name, owner in scan.pod_namespaces.items():
        yield Finding(NAMESPACE, name, f"ip netns exec {name} ip -br addr",
                      "its interfaces hold addresses of the former pod network", owner)


def remove_namespaces(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Unmount and remove network namespaces."""
    for finding in findings:
        path = f"{NETNS}/{finding.subject}"
        if finding.subject not in scan.names(NETNS):
            continue
        if finding.subject not in scan.pod_namespaces:
            yield finding.left("processes outside of pods use it")
            continue
        # Each mount of a path covers the one before
        for _mount in range(sum(mount.path == path for mount in scan.mounts)):
            scan.say(["umount", "-l", path], CHANGE)
        problem = delete(scan, path)
        for twin in ("ipc", "uts", "user"):
            _remove_twin(scan, f"/run/{twin}ns/{finding.subject}")
        if problem:
            yield finding.left(problem)


def _remove_twin(scan: Scan, path: str) -> None:
    """Remove another namespace of the same pod, which CRI-O stores in the same way."""
    if scan.exists(path):
        if scan.is_mount(path):
            scan.say(["umount", "-l", path], CHANGE)
        delete(scan, path)


# Interfaces


def find_interfaces(scan: Scan) -> Iterator[Finding]:
    """Yield the interfaces of network plugins and pods."""
    for link in scan.links:
        name = str(link.get("ifname"))
        owner = link_owner(link, scan.pod_namespaces)
        if owner:
            yield Finding(INTERFACE, name, "ip -d addr show " + name, _PODS, owner)


def link_owner(link: Mapping[str, Any], pod_namespaces: Mapping[str, str]) -> str:
    """Return the owner of an interface, empty when it is not known to be of a cluster."""
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


def remove_interfaces(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove interfaces. An error counts only if the interface still exists: both ends of a pair go at once."""
    for finding in findings:
        if finding.subject in scan.link_names:
            scan.say(["ip", "link", "delete", "dev", finding.subject], CHANGE)
    left = Scan(scan.machine).link_names
    for finding in findings:
        if finding.subject in left:
            yield finding.left(f"the kernel does not delete it; see 'ip link delete {finding.subject}'")


# The tunnel interface of the kernel


def find_tunnel(scan: Scan) -> Iterator[Finding]:
    """Yield tunl0 if calico gave it an address. The interface itself belongs to the kernel and cannot be deleted.

    An administrator's address looks the same, so other traces of calico must exist too.
    """
    addresses = _tunnel_addresses(scan)
    if addresses and _calico_was_here(scan):
        yield Finding(TUNNEL, "tunl0", "ip addr show tunl0", "packets of the former pod network are still accepted",
                      CALICO)


def _tunnel_addresses(scan: Scan) -> list[str]:
    return ["{}/{}".format(info.get("local"), info.get("prefixlen"))
            for link in scan.links if link.get("ifname") == "tunl0"
            for info in link.get("addr_info") or [] if info.get("family") == "inet" and info.get("prefixlen") == 32]


def _calico_was_here(scan: Scan) -> bool:
    return scan.exists("/var/lib/calico") or scan.exists("/run/calico") or bool(_calico_routes(scan)) or any(
        link_owner(link, {}) == CALICO for link in scan.links)


def remove_tunnel(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove calico's addresses from tunl0, and set it down if it has no others."""
    for address in _tunnel_addresses(scan):
        scan.say(["ip", "addr", "delete", address, "dev", "tunl0"], CHANGE)
    fresh = Scan(scan.machine)
    if _tunnel_addresses(fresh):
        yield from (finding.left("its address cannot be deleted") for finding in findings)
    elif not any(link.get("addr_info") for link in fresh.links if link.get("ifname") == "tunl0"):
        scan.say(["ip", "link", "set", "dev", "tunl0", "down"], CHANGE)


# Routes


def _all_routes(scan: Scan) -> dict[str, list[dict[str, Any]]]:
    return {family: _routes(scan, family) for family in ("-4", "-6")}


def _routes(scan: Scan, family: str) -> list[dict[str, Any]]:
    found = scan.json(["ip", family, "-j", "route", "show", "table", "main"])
    return found if isinstance(found, list) else []


def _calico_routes(scan: Scan) -> list[tuple[str, dict[str, Any]]]:
    return [(family, route) for family, routes in scan.once(_all_routes).items() for route in routes
            if str(route.get("protocol")) in _CALICO_PROTOCOLS]


def find_routes(scan: Scan) -> Iterator[Finding]:
    """Yield routes that stay after the removal of interfaces; others are removed with their interface."""
    gone = {str(link.get("ifname")) for link in scan.links if link_owner(link, scan.pod_namespaces)}
    former = pod_networks(scan)
    calico = any(scan.exists(path) for path in ("/var/lib/calico", "/run/calico"))
    for family, routes in scan.once(_all_routes).items():
        for route in routes:
            owner = route_owner(route, former, calico)
            if owner and route.get("dev") not in gone:
                yield Finding(ROUTE, describe(route), "ip {} route show {}".format(family, route.get("dst")),
                              "it misroutes a part of the former pod network", owner)


def route_owner(route: Mapping[str, Any], former: Sequence[str], calico: bool) -> str:
    """Return the owner of a route: Felix, BIRD on a host with calico, or flannel's host-gw in its pod network."""
    protocol = str(route.get("protocol"))
    if protocol in _CALICO_PROTOCOLS or (calico and protocol in _BIRD):
        return CALICO
    if route.get("gateway") and any(_inside(str(route.get("dst")), network) for network in former):
        return FLANNEL
    return ""


def _inside(destination: str, network: str) -> bool:
    try:
        inner, outer = ipaddress.ip_network(destination), ipaddress.ip_network(network)
        # Networks of different IP versions never overlap
        return inner.prefixlen >= outer.prefixlen and inner.overlaps(outer)
    except ValueError:
        return False


def pod_networks(scan: Scan) -> list[str]:
    """Return the pod networks that flannel recorded in its subnet.env."""
    found = []
    for line in scan.text("/run/flannel/subnet.env").splitlines():
        name, _sign, value = line.partition("=")
        if name in ("FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK") and value:
            found += value.split(",")
    return found


def describe(route: Mapping[str, Any]) -> str:
    """Return a route as the arguments of `ip route delete`."""
    kind = str(route.get("type") or "")
    words = [kind] if kind and kind != "unicast" else []
    words.append(str(route.get("dst")))
    for key, word in (("gateway", "via"), ("dev", "dev"), ("protocol", "proto"), ("metric", "metric")):
        if route.get(key) is not None and not (key == "dev" and kind == "blackhole"):
            words += [word, str(route[key])]
    return " ".join(words)


def remove_routes(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove routes."""
    for finding in findings:
        family = "-6" if ":" in finding.subject else "-4"
        if finding.subject not in _described(scan, family):
            continue
        scan.say(["ip", family, "route", "delete", *finding.subject.split()], CHANGE)
        if finding.subject in _described(scan, family):
            yield finding.left(f"the kernel does not delete it; see 'ip {family} route delete {finding.subject}'")


def _described(scan: Scan, family: str) -> list[str]:
    return [describe(route) for route in _routes(scan, family)]


# Routing rules


def _rules(scan: Scan, family: str) -> list[dict[str, Any]]:
    found = scan.json(["ip", family, "-j", "rule", "show"])
    return found if isinstance(found, list) else []


def find_rules(scan: Scan) -> Iterator[Finding]:
    """Yield the routing rules of cilium and calico."""
    for family in ("-4", "-6"):
        rules = _rules(scan, family)
        for rule in rules:
            owner = rule_owner(rule, rules)
            if owner:
                yield Finding(RULE, describe_rule(family, rule), "ip {} rule show pref {}".format(
                    family, rule.get("priority")), "packets take the routes of the former network plugin", owner)


def rule_owner(rule: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> str:
    """Return the owner of a routing rule. Cilium also moves the rule for local addresses behind its own rules."""
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
    """Return a routing rule as the arguments of `ip`."""
    words = [family, "pref", str(rule.get("priority"))]
    if rule.get("fwmark") is not None:
        mask = rule.get("fwmask")
        words += ["fwmark", str(rule["fwmark"]) + ("/" + str(mask) if mask is not None else "")]
    return " ".join([*words, "lookup", str(rule.get("table"))])


def remove_rules(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove routing rules and the routes of their tables, and restore the rule for local addresses."""
    for finding in findings:
        family, *words = finding.subject.split()
        if finding.subject not in [describe_rule(family, rule) for rule in _rules(scan, family)]:
            continue
        if words[-1] == "local":
            # Added before the moved rule is removed: without either the host would not accept its own addresses
            scan.say(["ip", family, "rule", "add", "pref", "0", "lookup", "local"], CHANGE)
            if not any(rule.get("priority") == 0 for rule in _rules(scan, family)):
                yield finding.left("the rule for local addresses cannot be restored")
                continue
        elif "fwmark" in words:
            # These tables contain only routes of cilium or calico
            scan.say(["ip", family, "route", "flush", "table", words[-1]], CHANGE)
        scan.say(["ip", family, "rule", "delete", *words], CHANGE)
        if finding.subject in [describe_rule(family, rule) for rule in _rules(scan, family)]:
            yield finding.left("the kernel does not delete it; see 'ip {} rule delete {}'".format(
                family, " ".join(words)))


# Virtual servers of kube-proxy in its mode ipvs


def find_services(scan: Scan) -> Iterator[Finding]:
    """Yield virtual servers at an address of kube-ipvs0; an administrator's load balancer has other addresses."""
    addresses = {str(info.get("local")) for link in scan.links if link.get("ifname") == "kube-ipvs0"
                 for info in link.get("addr_info") or []}
    if not addresses:
        return
    for protocol, address, port in parse_ip_vs(scan.text("/proc/net/ip_vs")):
        if address in addresses:
            yield Finding(SERVICE, f"{protocol} {_endpoint(address, port)}", "ipvsadm -Ln",
                          "connections to this address are sent to pods that are gone", KUBERNETES)


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def parse_ip_vs(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield protocol, address and port of the virtual servers in /proc/net/ip_vs, where numbers are hexadecimal."""
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


def remove_services(scan: Scan, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Remove virtual servers with ipvsadm."""
    if not scan.machine.find_program("ipvsadm"):
        yield from (finding.left("the program that deletes it, ipvsadm, is not installed") for finding in findings)
        return
    options = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
    for finding in findings:
        protocol, _blank, endpoint = finding.subject.partition(" ")
        scan.say(["ipvsadm", "-D", options[protocol], endpoint], CHANGE)
    left = {finding.subject for finding in find_services(Scan(scan.machine))}
    yield from (finding.left("the kernel does not delete it") for finding in findings if finding.subject in left)


KINDS = (
    Kind(NAMESPACE, find_namespaces, remove_namespaces),
    # Routes and virtual servers are recognized by interfaces, so they are removed before them
    Kind(SERVICE, find_services, remove_services),
    Kind(ROUTE, find_routes, remove_routes),
    Kind(TUNNEL, find_tunnel, remove_tunnel),
    Kind(INTERFACE, find_interfaces, remove_interfaces),
    Kind(RULE, find_rules, remove_rules),
)
