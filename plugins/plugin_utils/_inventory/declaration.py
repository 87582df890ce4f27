# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the declaration of a cluster, found before any machine is touched."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...module_utils._formats.ip_networks import (
    Address,
    Network,
    SubnetError,
    contains,
    overlaps,
    parse_subnets,
    pod_subnet_problems,
    service_subnet_problems,
)

CONTROL_PLANE = "control_plane"
WORKERS = "workers"
CLUSTER = "k8s_cluster"

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Host:
    """One machine of the inventory, as far as it matters to others."""

    name: str
    address: str = ""
    fqdn: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def is_node(self) -> bool:
        return bool(self.groups & {CONTROL_PLANE, WORKERS, CLUSTER})


@dataclass(frozen=True)
class Declaration:
    """A cluster as it is wished for."""

    hosts: tuple[Host, ...]
    pod_subnet: str
    service_subnet: str
    node_subnet: str = ""
    kubernetes_version: str = ""
    bundle_version: str = ""
    proxy: Mapping[str, Any] = field(default_factory=dict)
    utility: str = ""
    packages_from: str = "upstream"
    images_from: str = "upstream"

    def members(self, group: str) -> list[Host]:
        return [host for host in self.hosts if group in host.groups]

    @property
    def nodes(self) -> list[Host]:
        return [host for host in self.hosts if host.is_node]


def problems(declaration: Declaration) -> list[str]:
    """Every problem as a sentence of what was wanted, what was found and what to do; none for a good declaration."""
    found: list[str] = []
    for check in (
        _roles, _names, _same_names, _addresses, _same_addresses, _networks, _utility, _version, _bundle, _proxy
    ):
        found.extend(check(declaration))
    return found


def is_dns_subdomain(name: str) -> bool:
    """RFC 1123 as Kubernetes reads it: the names of Node objects."""
    return len(name) <= 253 and all(DNS_LABEL.fullmatch(part) for part in name.split("."))


def _list(names: Iterable[str]) -> str:
    parts = list(names)
    return parts[0] if len(parts) == 1 else "{0} and {1}".format(", ".join(parts[:-1]), parts[-1])


def _roles(declaration: Declaration) -> Iterator[str]:
    masters = [host.name for host in declaration.members(CONTROL_PLANE)]
    workers = [host.name for host in declaration.members(WORKERS)]
    for name in masters:
        if name in workers:
            yield (
                "{0}: wanted one role a machine, found it in {1} and in {2}; take it out of one of them."
                .format(name, CONTROL_PLANE, WORKERS)
            )
    for host in declaration.members(CLUSTER):
        if not host.groups & {CONTROL_PLANE, WORKERS}:
            yield (
                "{0}: wanted a role for every machine in {1}, found it in neither {2} nor {3}; put it into one of them."
                .format(host.name, CLUSTER, CONTROL_PLANE, WORKERS)
            )
    for host in declaration.nodes:
        if CLUSTER not in host.groups:
            yield (
                "{0}: wanted every machine of {1} in {2} as well, found it in {1} only; make {1} a child of {2}."
                .format(host.name, _list(sorted(host.groups & {CONTROL_PLANE, WORKERS})), CLUSTER)
            )
    if not masters:
        orphans = ", so {0} would have no cluster to join".format(_list(workers)) if workers else ""
        yield (
            "Wanted one machine in the group {0}, found none{1}; put the master into the group."
            .format(CONTROL_PLANE, orphans)
        )
    if len(masters) > 1:
        yield (
            "Wanted one machine in the group {0}, found {1}: this version makes one master a cluster; "
            "keep one there and put the others into {2}.".format(CONTROL_PLANE, _list(masters), WORKERS)
        )


def _names(declaration: Declaration) -> Iterator[str]:
    for host in declaration.nodes:
        if not is_dns_subdomain(host.name):
            yield (
                "{0}: wanted a name that a Kubernetes Node can have, found '{0}'; use lower case letters, digits, "
                "'-' and '.', with a letter or digit at both ends and at most 63 between two dots.".format(host.name)
            )
    for host in declaration.hosts:
        if host.fqdn and not is_dns_subdomain(host.fqdn):
            yield (
                "{0}: wanted a fully qualified domain name, found '{1}'; write it like {2}.example.com in lower case."
                .format(host.name, host.fqdn, host.name.split(".")[0].lower().replace("_", "-"))
            )


def _same_names(declaration: Declaration) -> Iterator[str]:
    # A machine answers to all of its names, so one's short name may collide with another's full name too;
    # those of a host that repeats its own name as FQDN are one name.
    claims = [(name, host) for host in declaration.hosts for name in _all_names(host)]
    yield from _doubles(
        claims, "Wanted every name once, found the name {0} on {1}; rename all but one.".format
    )


def _all_names(host: Host) -> list[str]:
    """Those that /etc/hosts gives it: of a name with a domain, also the part before it."""
    return sorted({host.name, host.fqdn, host.name.split(".")[0]} - {""})


def _same_addresses(declaration: Declaration) -> Iterator[str]:
    claims = [(str(address), host) for host in declaration.hosts for address in [_address(host)] if address]
    yield from _doubles(
        claims, "Wanted every address once, found {0} on {1}; give each its own address.".format
    )


def _doubles(claims: Sequence[tuple[str, Host]], sentence: Callable[[str, str], str]) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for value, host in claims:
        owners.setdefault(value, []).append(_described(host))
    for value, names in owners.items():
        if len(names) > 1:
            yield sentence(value, _list(names))


def _described(host: Host) -> str:
    """A host with what tells it from another of the same name."""
    return "{0} ({1})".format(host.name, host.address) if host.address else host.name


def _address(host: Host) -> Address | None:
    try:
        return ipaddress.ip_address(host.address)
    except ValueError:
        return None


def _addresses(declaration: Declaration) -> Iterator[str]:
    for host in declaration.hosts:
        address = _address(host)
        if not host.address:
            yield "{0}: wanted its IP address, found none; add it to the inventory.".format(host.name)
        elif address is None:
            yield "{0}: wanted an IP address, found '{1}'; write it like 192.168.90.100.".format(
                host.name, host.address
            )
        elif address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
            yield (
                "{0}: wanted an address that other machines can reach, found {1}; take that of its network card."
                .format(host.name, address)
            )


def _utility(declaration: Declaration) -> Iterator[str]:
    """A utility that is asked for exists; otherwise the first task that is delegated to it would fail."""
    if declaration.utility in {host.name for host in declaration.hosts} - {""}:
        return
    named = "cluster_utility names '{0}', which the inventory does not have".format(
        declaration.utility) if declaration.utility else "the group utility has no host"
    for variable, source in (
        ("cluster_packages_from", declaration.packages_from), ("cluster_images_from", declaration.images_from)
    ):
        if source == "utility":
            yield (
                "{0} is utility: expected a host in the group utility, found that {1}. Add the host to the "
                "inventory, or set {0} to upstream.".format(variable, named)
            )


def _networks(declaration: Declaration) -> Iterator[str]:
    pods: dict[int, Network] = {}
    services: dict[int, Network] = {}
    nodes: dict[int, Network] = {}
    for title, text, target in (
        ("pod subnet", declaration.pod_subnet, pods),
        ("service subnet", declaration.service_subnet, services),
        ("node subnet", declaration.node_subnet, nodes),
    ):
        try:
            target.update({network.version: network for network in parse_subnets(text)} if text else {})
        except SubnetError as error:
            yield "{0}: wanted one network, or one of each family, {1}.".format(title, error)
    yield from _sizes(declaration, pods.values(), services.values())
    yield from _family(declaration, services)
    yield from _overlapping(pods, services, nodes)
    yield from _inside(declaration, pods, services, nodes)


def _sizes(declaration: Declaration, pods: Iterable[Network], services: Iterable[Network]) -> Iterator[str]:
    for network in pods:
        for problem in pod_subnet_problems(network, len(declaration.nodes)):
            yield "pod subnet: wanted a part for every node, {0}.".format(problem)
    for network in services:
        for problem in service_subnet_problems(network):
            yield "service subnet: wanted a size that kubeadm takes, {0}.".format(problem)


def _family(declaration: Declaration, services: dict[int, Network]) -> Iterator[str]:
    """The API server's own service takes an address of the first network, and needs one of the master's family."""
    first = next(iter(services.values()), None)
    for host in declaration.members(CONTROL_PLANE):
        address = _address(host)
        if first and address and address.version != first.version:
            yield (
                "{0}: wanted its address {1} and the first service subnet of one family, found {2}; "
                "name the network of IPv{3} first.".format(host.name, address, first, address.version)
            )


def _overlapping(
    pods: dict[int, Network], services: dict[int, Network], nodes: dict[int, Network]
) -> Iterator[str]:
    named = {"pod subnet": pods, "service subnet": services, "node subnet": nodes}
    for left, right in (
        ("pod subnet", "service subnet"), ("pod subnet", "node subnet"), ("service subnet", "node subnet")
    ):
        for one in named[left].values():
            for other in named[right].values():
                if overlaps(one, other):
                    yield (
                        "Wanted networks that have nothing in common, found that the {0} {1} overlaps the {2} {3}; "
                        "choose another {0}.".format(left, one, right, other)
                    )


def _inside(
    declaration: Declaration, pods: dict[int, Network], services: dict[int, Network], nodes: dict[int, Network]
) -> Iterator[str]:
    for host in declaration.hosts:
        address = _address(host)
        if address is None:
            continue
        for title, networks in (("pod subnet", pods), ("service subnet", services)):
            network = networks.get(address.version)
            if network and contains(network, address):
                yield (
                    "{0}: wanted its address outside of the cluster's own networks, found {1} inside of the {2} {3}; "
                    "choose another {2}.".format(host.name, address, title, network)
                )
        network = nodes.get(address.version)
        if host.is_node and network and not contains(network, address):
            yield (
                "{0}: wanted an address of the nodes' network {1}, found {2}; take that of the right network card."
                .format(host.name, network, address)
            )


def _version(declaration: Declaration) -> Iterator[str]:
    version = declaration.kubernetes_version
    if version and not VERSION.fullmatch(version):
        yield (
            "Kubernetes version: wanted three numbers like 1.36.3, found '{0}'; write all three, without a 'v' and "
            "in quotes.".format(version)
        )


def _bundle(declaration: Declaration) -> Iterator[str]:
    if declaration.bundle_version not in ("", declaration.kubernetes_version):
        yield (
            "Wanted Kubernetes {0}, found {1} in the bundle; choose that version (cluster_version), or build a bundle "
            "with the other one.".format(declaration.kubernetes_version, declaration.bundle_version)
        )


_PROXY_KEYS = ("http", "https", "no_proxy")


def _proxy(declaration: Declaration) -> Iterator[str]:
    """A URL may have a password, so it is not shown."""
    proxy = declaration.proxy
    for key in sorted(set(proxy) - set(_PROXY_KEYS)):
        yield "cluster_proxy: wanted the keys {0}, found '{1}'; correct or remove it.".format(_list(_PROXY_KEYS), key)
    if proxy and not (proxy.get("http") or proxy.get("https")):
        yield "cluster_proxy: wanted the URL of a proxy as http or https, found neither; add one, or leave it all out."
    for key in ("http", "https"):
        wrong = _url_problem(str(proxy.get(key) or ""))
        if wrong:
            yield (
                "cluster_proxy.{0}: wanted a URL like http://proxy.school.example:3128, found one {1}; correct it."
                .format(key, wrong)
            )
    further = proxy.get("no_proxy", [])
    if not isinstance(further, (list, tuple)) or any(re.search(r"[\s,]", str(entry)) or not entry for entry in further):
        yield (
            "cluster_proxy.no_proxy: wanted a list of names, domains, addresses and networks, found '{0}'; write each "
            "as an entry of its own.".format(further)
        )


def _url_problem(url: str) -> str:
    if not url:
        return ""
    if re.search(r"[\s\"'\\]", url):
        return "with a blank, a quote or a backslash (write them as %20, %22, %27, %5C)"
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https"):
        return "that does not begin with http:// or https://"
    if not parts.hostname or port == 0:
        return "without a host, or with a port that is no number up to 65535"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "that goes on after the port"
    return ""
