# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IP networks in the form of Kubernetes: one CIDR, or two of different families separated by a comma."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Union

from .._core.errors import ClassroomError

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# The part of the pod subnet that one node gets: the defaults of kube-controller-manager
NODE_PREFIX = {4: 24, 6: 64}
# kubeadm's limits: the bitmap of nodes has 16 bits, that of services 20
MAX_NODE_BITS = 16
MAX_SERVICE_BITS = 20
MIN_SERVICES = 10


class SubnetError(ClassroomError):
    """A text that is not the expected network or list of networks; the message continues that of the caller."""


def parse_subnet(text: str) -> Network:
    """Return the network of one CIDR.

    Raises SubnetError for any other text, and if the address is not that of the network, which is nearly always a
    mistake.
    """
    if "/" not in text:
        raise SubnetError(f"found '{text}', which has no prefix length; write it like {text}/16")
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        widened = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise SubnetError(f"found '{text}', which is no network; write it like 10.244.0.0/16") from None
    raise SubnetError(f"found '{text}', an address inside of {widened}; write {widened}")


def parse_subnets(text: str) -> list[Network]:
    """Return the networks of one CIDR, or of two of different families (dual-stack); raise SubnetError otherwise."""
    networks: list[Network] = [parse_subnet(part.strip()) for part in text.split(",")]
    if len(networks) > 2:
        raise SubnetError(f"found {len(networks)} networks; write one, or one for IPv4 and one for IPv6")
    if len(networks) == 2 and networks[0].version == networks[1].version:
        raise SubnetError(
            f"found two networks of IPv{networks[0].version}; write one, or one for IPv4 and one for IPv6"
        )
    return networks


def overlaps(left: Network, right: Network) -> bool:
    """Return whether two networks share an address; networks of different families never do."""
    return left.version == right.version and left.overlaps(right)


def contains(network: Network, address: Address) -> bool:
    """Return whether an address, of either family, is in a network."""
    return network.version == address.version and address in network


def pod_subnet_problems(network: Network, nodes: int) -> Iterator[str]:
    """Yield the reasons why a pod subnet cannot give each of so many nodes its part."""
    prefix = NODE_PREFIX[network.version]
    bits = prefix - network.prefixlen
    if bits > MAX_NODE_BITS:
        yield f"found {network}, too wide for parts of /{prefix} a node; write /{prefix - MAX_NODE_BITS} or longer"
    room = 2**bits if bits >= 0 else 0
    if room < nodes:
        yield (f"found {network} with room for {room} of {nodes} nodes (each gets a /{prefix}); write "
               f"/{prefix - max(nodes - 1, 0).bit_length()} or shorter")


def service_subnet_problems(network: Network) -> Iterator[str]:
    """Yield the reasons why kubeadm would reject a service subnet for its size."""
    bits = network.max_prefixlen - network.prefixlen
    if bits > MAX_SERVICE_BITS:
        yield f"found {network}, too wide for kubeadm; write /{network.max_prefixlen - MAX_SERVICE_BITS} or longer"
    if network.num_addresses < MIN_SERVICES:
        yield (f"found {network} with {network.num_addresses} addresses; write a network of at least {MIN_SERVICES}, "
               "like a /16")
