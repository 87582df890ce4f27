# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that a host reports of itself."""

from __future__ import annotations

import ipaddress


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
