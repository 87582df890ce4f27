# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the inventory and the networks of a cluster before any host is changed."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...module_utils._formats.dns_names import is_dns_subdomain
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

VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Host:
    """A host of the inventory."""

    name: str
    address: str = ""
    fqdn: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def is_node(self) -> bool:
        return bool(self.groups & {CONTROL_PLANE, WORKERS, CLUSTER})


@dataclass(frozen=True)
class Declaration:
    """The desired cluster as the inventory declares it."""

    hosts: tuple[Host, ...]
    pod_subnet: str
    service_subnet: str
    node_subnet: str = ""
    kubernetes_version: str = ""
    bundle_version: str = ""
    missing_bundle: str = ""
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
    """Return a message for every problem: what was expected, what was found and the fix."""
    found: list[str] = []
    for check in (
        _roles, _names, _same_names, _addresses, _same_addresses, _networks, _utility, _version, _bundle, _proxy
    ):
        found.extend(check(declaration))
    return found


def _list(names: Iterable[str]) -> str:
    parts = list(names)
    return parts[0] if len(parts) == 1 else "{} and {}".format(", ".join(parts[:-1]), parts[-1])


def _roles(declaration: Declaration) -> Iterator[str]:
    masters = [host.name for host in declaration.members(CONTROL_PLANE)]
    workers = [host.name for host in declaration.members(WORKERS)]
    for name in masters:
        if name in workers:
            yield (
                f"{name} has two roles: expected one role per host, found it in {CONTROL_PLANE} and in {WORKERS}. "
                "Remove it from one of them."
            )
    for host in declaration.members(CLUSTER):
        if not host.groups & {CONTROL_PLANE, WORKERS}:
            yield (
                f"{host.name} has no role: expected a role for every host in {CLUSTER}, found it in neither "
                f"{CONTROL_PLANE} nor {WORKERS}. Add it to one of them."
            )
    for host in declaration.nodes:
        if CLUSTER not in host.groups:
            yield (
                "{0} is not in {2}: expected every host of {1} in {2} as well, found it in {1} only. Make {1} a child "
                "of {2}."
                .format(host.name, _list(sorted(host.groups & {CONTROL_PLANE, WORKERS})), CLUSTER)
            )
    if not masters:
        orphans = f", so {_list(workers)} would have no cluster to join" if workers else ""
        yield (
            f"The cluster has no control plane: expected one host in the group {CONTROL_PLANE}, found none{orphans}. "
            "Add the control plane to the group."
        )
    if len(masters) > 1:
        yield (
            f"The cluster has several control planes: expected one host in the group {CONTROL_PLANE}, which is all "
            f"that this version supports, found {_list(masters)}. Keep one there and add the others to {WORKERS}."
        )


def _names(declaration: Declaration) -> Iterator[str]:
    for host in declaration.nodes:
        if not is_dns_subdomain(host.name):
            yield (
                f"{host.name}: expected a valid name of a Kubernetes Node, found '{host.name}'. Use lower-case "
                "letters, digits, '-' and '.', with a letter or digit at both ends and at most 63 characters between "
                "two dots."
            )
    for host in declaration.hosts:
        if host.fqdn and not is_dns_subdomain(host.fqdn):
            yield (
                "{}: expected a fully qualified domain name, found '{}'. Write it like {}.example.com in lower case."
                .format(host.name, host.fqdn, host.name.split(".")[0].lower().replace("_", "-"))
            )


def _same_names(declaration: Declaration) -> Iterator[str]:
    # A host has all of its names, so a short name may also collide with the full name of another host. The names of a
    # host that repeats its own name as FQDN are one name.
    claims = [(name, host) for host in declaration.hosts for name in _all_names(host)]
    yield from _doubles(
        claims,
        "Several hosts have the same name: expected every name once, found the name {0} on {1}. Rename all but "
        "one.".format
    )


def _all_names(host: Host) -> list[str]:
    """Return the names of a host in /etc/hosts: of a name with a domain, also the part before the domain."""
    return sorted({host.name, host.fqdn, host.name.split(".")[0]} - {""})


def _same_addresses(declaration: Declaration) -> Iterator[str]:
    claims = [(str(address), host) for host in declaration.hosts for address in [_address(host)] if address]
    yield from _doubles(
        claims, "Several hosts have the same address: expected every address once, found {0} on {1}. Give each its own "
        "address.".format
    )


def _doubles(claims: Sequence[tuple[str, Host]], message: Callable[[str, str], str]) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for value, host in claims:
        owners.setdefault(value, []).append(_described(host))
    for value, names in owners.items():
        if len(names) > 1:
            yield message(value, _list(names))


def _described(host: Host) -> str:
    """Return a host with its address, which distinguishes it from another one of the same name."""
    return f"{host.name} ({host.address})" if host.address else host.name


def _address(host: Host) -> Address | None:
    try:
        return ipaddress.ip_address(host.address)
    except ValueError:
        return None


def _addresses(declaration: Declaration) -> Iterator[str]:
    for host in declaration.hosts:
        address = _address(host)
        if not host.address:
            yield f"{host.name} has no address: expected its IP address, found none. Add it to the inventory."
        elif address is None:
            yield f"{host.name}: expected an IP address, found '{host.address}'. Write it like 192.168.90.100."
        elif address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
            yield (
                f"{host.name}: expected an address that other hosts can reach, found {address}. Use the address of its "
                "network card."
            )


def _utility(declaration: Declaration) -> Iterator[str]:
    """Check that a requested utility exists; otherwise the first task that is delegated to it would fail."""
    if declaration.utility in {host.name for host in declaration.hosts} - {""}:
        return
    named = (f"cluster_utility names '{declaration.utility}', which the inventory does not "
             "have") if declaration.utility else "the group utility has no host"
    for variable, source in (
        ("cluster_packages_from", declaration.packages_from), ("cluster_images_from", declaration.images_from)
    ):
        if source == "utility":
            yield (
                f"{variable} is utility: expected a host in the group utility, found that {named}. Add the host to the "
                f"inventory, or set {variable} to upstream."
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
            yield f"{title}: expected one network, or one of each family, {error}."
    yield from _sizes(declaration, pods.values(), services.values())
    yield from _family(declaration, services)
    yield from _overlapping(pods, services, nodes)
    yield from _inside(declaration, pods, services, nodes)


def _sizes(declaration: Declaration, pods: Iterable[Network], services: Iterable[Network]) -> Iterator[str]:
    for network in pods:
        for problem in pod_subnet_problems(network, len(declaration.nodes)):
            yield f"pod subnet: expected a part for every node, {problem}."
    for network in services:
        for problem in service_subnet_problems(network):
            yield f"service subnet: expected a size that kubeadm accepts, {problem}."


def _family(declaration: Declaration, services: dict[int, Network]) -> Iterator[str]:
    """Check the first service network: the API server's service takes an address of it, in the family of the host."""
    first = next(iter(services.values()), None)
    for host in declaration.members(CONTROL_PLANE):
        address = _address(host)
        if first and address and address.version != first.version:
            yield (
                f"{host.name}: expected its address {address} and the first service subnet in one family, found "
                f"{first}. List the network of IPv{address.version} first."
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
                        f"The networks of the cluster overlap: expected separate networks, found that the {left} {one} "
                        f"overlaps the {right} {other}. Choose another {left}."
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
                    f"{host.name}: expected its address outside of the cluster's own networks, found {address} inside "
                    f"of the {title} {network}. Choose another {title}."
                )
        network = nodes.get(address.version)
        if host.is_node and network and not contains(network, address):
            yield (
                f"{host.name}: expected an address of the nodes' network {network}, found {address}. Use the address "
                "of the right network card."
            )


def _version(declaration: Declaration) -> Iterator[str]:
    version = declaration.kubernetes_version
    if version and not VERSION.fullmatch(version):
        yield (
            f"Kubernetes version: expected three numbers like 1.36.3, found '{version}'. Write all three, without a "
            "'v' and in quotes."
        )


def _bundle(declaration: Declaration) -> Iterator[str]:
    if declaration.missing_bundle and declaration.packages_from == "utility":
        yield (
            "The bundle of the utility is missing on this controller: expected the public key of its packages, found "
            f"no {declaration.missing_bundle}. Create a bundle with the playbook bundle.yml, name the directory of one "
            "in cluster_bundle, or set cluster_packages_from to upstream."
        )
    if declaration.bundle_version not in ("", declaration.kubernetes_version):
        yield (
            f"The bundle has another version: expected Kubernetes {declaration.kubernetes_version}, found "
            f"{declaration.bundle_version} in the bundle. Choose that version (cluster_version), or build a bundle "
            "with the other one."
        )


_PROXY_KEYS = ("http", "https", "no_proxy")


def _proxy(declaration: Declaration) -> Iterator[str]:
    """Check the proxy settings. URLs are not shown, because they may contain a password."""
    proxy = declaration.proxy
    for key in sorted(set(proxy) - set(_PROXY_KEYS)):
        yield f"cluster_proxy: expected the keys {_list(_PROXY_KEYS)}, found '{key}'. Correct or remove it."
    if proxy and not (proxy.get("http") or proxy.get("https")):
        yield "cluster_proxy: expected the URL of a proxy as http or https, found neither. Add one, or remove all keys."
    for key in ("http", "https"):
        wrong = _url_problem(str(proxy.get(key) or ""))
        if wrong:
            yield (
                f"cluster_proxy.{key}: expected a URL like http://proxy.school.example:3128, found one {wrong}. "
                "Correct it."
            )
    further = proxy.get("no_proxy", [])
    if not isinstance(further, (list, tuple)) or any(re.search(r"[\s,]", str(entry)) or not entry for entry in further):
        yield (
            f"cluster_proxy.no_proxy: expected a list of names, domains, addresses and networks, found '{further}'. "
            "Write each as a separate entry."
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
        return "that does not start with http:// or https://"
    if not parts.hostname or port == 0:
        return "without a host, or with a port that is not a number up to 65535"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "with a path, a query or a fragment after the port"
    return ""
