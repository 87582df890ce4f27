# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers of a host that no other host may have."""

from __future__ import annotations

import base64
import binascii
import glob
import hashlib
import os
import re
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._host.container import in_container
from .._kube.context import NodeContext
from .._kube.node import machine_id
from .._residue.model import Finding

SSH_KEYS = "/etc/ssh/ssh_host_*_key.pub"
PRODUCT_UUID = "/sys/class/dmi/id/product_uuid"
MACHINE_ID = "/etc/machine-id"
_IP_TIMEOUT = 10.0
_ID = re.compile(r"[0-9a-f]{32}$")
# Links whose addresses belong to the cluster: bridges and tunnels of pods, and the link with IPVS service addresses.
_CLUSTER_LINKS = ("cni", "flannel", "cilium", "cali", "vxlan", "tunl", "kube-", "nodelocaldns", "docker", "podman")
# Prefixes of the host's end of a pod's veth pair, by network plugin.
_POD_ENDS = ("veth", "cali", "lxc", "eni", "azv")


def identity(machine: NodeContext) -> dict[str, Any]:
    """Return public facts that must be unique per host, and whether this host is a container.

    `machine_id` and `product_uuid` are empty if there is none; `mac_addresses` maps the host's own network interfaces,
    without those of a runtime, a bridge or a tunnel, to their addresses; `ssh_host_keys` maps the type of a key to its
    fingerprint in the form of `ssh-keygen -l`. A container has the product_uuid of its host.
    """
    return {
        "container": in_container(machine.root),
        "machine_id": machine_id(machine.root),
        "product_uuid": _word(machine.root, PRODUCT_UUID).lower(),
        "mac_addresses": mac_addresses(machine.root),
        "ssh_host_keys": ssh_host_keys(machine.root),
    }


def ssh_host_keys(root: Root) -> dict[str, str]:
    """Return the fingerprints of the server's public keys by type; a file without a valid key is skipped."""
    found = {}
    for path in sorted(glob.glob(root(SSH_KEYS))):
        words = (read_text(path) or "").split()
        try:
            blob = base64.b64decode(words[1], validate=True)
        except (IndexError, binascii.Error):
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
        found[words[0]] = "SHA256:" + digest
    return found


def mac_addresses(root: Root) -> dict[str, str]:
    """Return the MAC addresses of the host's own interfaces by name."""
    base = "/sys/class/net"
    try:
        names = sorted(os.listdir(root(base)))
    except OSError:
        return {}
    container = in_container(root)
    macs = {name: _word(root, f"{base}/{name}/address") for name in names
            if _is_own(root, f"{base}/{name}", container)}
    return {name: mac for name, mac in macs.items() if mac.strip("0:")}


def _is_own(root: Root, path: str, container: bool) -> bool:
    """Return whether an interface is a network card, or in a container its end of the veth pair to the outside.

    A card has a device. A container's veth pair ends outside of it (its iflink differs from its own index). So does
    that of a pod, which is recognized by the name that the network plugin gave it.
    """
    if os.path.exists(root(path + "/device")):
        return True
    if not container or os.path.basename(path).startswith(_POD_ENDS):
        return False
    kind = [line for line in (read_text(root(path + "/uevent")) or "").splitlines() if line.startswith("DEVTYPE=")]
    return kind in ([], ["DEVTYPE=macvlan"]) and _word(root, path + "/iflink") != _word(root, path + "/ifindex")


def _word(root: Root, path: str) -> str:
    """Return the content of a file with one line, empty if it cannot be read, as some in /sys."""
    try:
        return (read_text(root(path)) or "").strip()
    except ClassroomError:
        return ""


def check_machine_id(found: str) -> tuple[Finding, ...]:
    """Return a finding for a missing or invalid machine ID."""
    if _ID.match(found) and found.strip("0"):
        return ()
    said = "is missing or empty" if not found else f"contains '{found[:40]}', which is not a machine ID"
    return (Finding(
        "machine-id", MACHINE_ID, "cat " + MACHINE_ID,
        f"{MACHINE_ID} {said}, and the kubelet, DHCP and the journal distinguish hosts by it; "
        "create one with 'systemd-machine-id-setup'"),)
