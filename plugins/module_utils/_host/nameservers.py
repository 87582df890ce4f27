# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the nameservers that a pod on this host uses with the dnsPolicy Default."""

from __future__ import annotations

import ipaddress

from .._core.files import Root, read_text

RESOLV_CONF = "/etc/resolv.conf"
# Where systemd-resolved lists the servers behind its local one; kubeadm gives it to the kubelet (resolvConf)
RESOLVED = "/run/systemd/resolve/resolv.conf"


def usable(root: Root) -> tuple[str, ...]:
    """Return the nameservers that can be reached from inside of a pod, without loopback addresses (resolv.conf(5))."""
    found = _nameservers(read_text(root(RESOLV_CONF)) or "")
    return _reachable(found) or _reachable(_nameservers(read_text(root(RESOLVED)) or ""))


def _nameservers(text: str) -> list[str]:
    words = [line.split() for line in text.splitlines()]
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]


def _reachable(addresses: list[str]) -> tuple[str, ...]:
    """Leave out invalid addresses and loopback addresses, which would be the pod's own inside a pod."""
    found = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified):
            found.append(text)
    return tuple(found)
