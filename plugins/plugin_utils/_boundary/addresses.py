# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that a host reports of itself, and those that the inventory gives to hosts.

Both are compared as texts in the form of `ipaddress`, with IPv4 in IPv6 as IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Variables = Mapping[str, Any]


def usable(address: str, network: str) -> bool:
    """Whether a reported address is one host address, and inside of the network where that is a network.

    A network may also be declared by the name of an interface; then nothing more is known of it.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local or "%" in address:
        return False
    try:
        declared = ipaddress.ip_network(network)
    except ValueError:
        return True
    if found not in declared:
        return False
    # Networks of one or two addresses have nothing else
    return declared.num_addresses <= 2 or found not in (declared.network_address, declared.broadcast_address)


def claimed(variables: Variables, machine: str, network: str) -> str:
    """Return the address that a host reports, where it counts and is usable; else an empty text.

    An address of the inventory takes precedence: `node_address`, or the one of Ansible's connection if it is in the
    network. Facts may be anything, since other modules return some too.
    """
    if not network or "node_address" in variables or contains(network, str(variables.get("ansible_host", machine))):
        return ""
    found: Any = variables
    for name in ("ansible_facts", "classroom_interfaces", "internal", "address"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) and usable(found, network) else ""


def contains(network: str, address: str) -> bool:
    """Whether both are what they are called, and the address is in the network."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


@dataclass(frozen=True)
class _Owner:
    """Whom the inventory gives an address, and the hosts that may report it as theirs."""

    title: str
    hosts: frozenset[str]


def conflicts(
    hosts: Mapping[str, Variables], play: Collection[str], cluster: Sequence[str], network: str,
) -> dict[str, str]:
    """Return the reasons why addresses that hosts report cannot be used, by the hosts of the play that have to stop.

    `hosts` are the variables of all hosts of the inventory, `cluster` and `network` stand for `cluster_machines` and
    `cluster_internal_network` where a host has none. An address that the inventory gives to another host is believed,
    and the host that reports it is rejected alone: it could otherwise stop another cluster by what it reports. Where
    the inventory gives an address to neither of two hosts that report it, it is unknown which is right, and both
    clusters stop.
    """
    members = {name: _members(name, variables, cluster) for name, variables in hosts.items()}
    owners: dict[str, list[_Owner]] = {}
    for name, variables in hosts.items():
        for address, owner in _owners(name, variables, members[name]):
            if owner not in owners.setdefault(address, []):
                owners[address].append(owner)
    reports: dict[str, list[str]] = {}
    for name, variables in hosts.items():
        # Facts of other clusters may be those of a former run
        if any(member in play for member in members[name]):
            address = _plain(claimed(variables, name, str(variables.get("cluster_internal_network", network))))
            if address and not any(name in owner.hosts for owner in owners.get(address, ())):
                reports.setdefault(address, []).append(name)
    found: dict[str, str] = {}
    for address, names in reports.items():
        for name in names:
            if address in owners:
                # The others of its cluster stop for a host outside of the play, whose address they would use
                concerned, message = {name} if name in play else members[name], _of_another(name, address, owners)
            elif len(names) > 1:
                concerned, message = members[name], _of_several(address, names)
            else:
                continue
            for other in concerned:
                if other in play:
                    found.setdefault(other, message)
    return found


def _members(name: str, variables: Variables, cluster: Sequence[str]) -> frozenset[str]:
    machines = variables.get("cluster_machines", cluster)
    return frozenset(machines) if isinstance(machines, (list, tuple)) and name in machines else frozenset({name})


def _owners(name: str, variables: Variables, members: frozenset[str]) -> Iterator[tuple[str, _Owner]]:
    """The addresses that the inventory gives to a host, and the one of its cluster's endpoint."""
    for text in (variables.get("node_address"), variables.get("ansible_host"), name):
        if _plain(text):
            yield _plain(text), _Owner(name, frozenset({name}))
    endpoint = _plain(str(variables.get("cluster_endpoint") or "").rpartition(":")[0].strip("[]"))
    if endpoint:
        yield endpoint, _Owner(f"the cluster of {min(members)} (cluster_endpoint)", members)


def _plain(text: Any) -> str:
    """Return an IP address in one form; an empty text for anything else."""
    try:
        found = ipaddress.ip_address(str(text))
    except ValueError:
        return ""
    return str(getattr(found, "ipv4_mapped", None) or found)


def _of_another(name: str, address: str, owners: Mapping[str, Sequence[_Owner]]) -> str:
    titles = " and ".join(owner.title for owner in owners[address])
    return (
        f"{name} reports an address of another host: expected one that the inventory gives to no other, found "
        f"{address}, the "
        f"address of {titles}. Correct the address on {name}, or set node_address for it. Nothing was changed."
    )


def _of_several(address: str, names: Sequence[str]) -> str:
    return (
        "Hosts report the same address: expected each address once, found {} on {}, and the inventory gives it to "
        "none of them. Set node_address for the host that has it, and correct the others. Nothing was changed."
    ).format(address, " and ".join(names))
