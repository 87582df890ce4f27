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
# Links whose addresses belong to the cluster: pods' bridges and tunnels, and where IPVS keeps the services' addresses
_CLUSTER_LINKS = ("cni", "flannel", "cilium", "cali", "vxlan", "tunl", "kube-", "nodelocaldns", "docker", "podman")
# What network plugins call the machine's end of a pod's cable
_POD_ENDS = ("veth", "cali", "lxc", "eni", "azv")


def identity(machine: NodeContext) -> dict[str, Any]:
    """Public facts that no other machine may have as well, and whether this one is a container.

    `machine_id` and `product_uuid` are empty where there is none; `mac_addresses` is a mapping from the machine's own
    network interfaces, without those that a runtime, a bridge or a tunnel made; `ssh_host_keys` is a mapping from the
    type of a key to its fingerprint in the form of `ssh-keygen -l`. A container has its host's product_uuid.
    """
    return {
        "container": in_container(machine.root),
        "machine_id": machine_id(machine.root),
        "product_uuid": _word(machine.root, PRODUCT_UUID).lower(),
        "mac_addresses": mac_addresses(machine.root),
        "ssh_host_keys": ssh_host_keys(machine.root),
    }


def ssh_host_keys(root: Root) -> dict[str, str]:
    """Fingerprints of the server's public keys by their type; a file that holds no key is left out."""
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
    """Hardware addresses of the interfaces that the machine was given, by their names."""
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
    """Whether an interface is a card, or in a container the near end of the cable that the container was given.

    A card has a device. A container's cable ends outside of it (another iflink than its own index), as a pod's
    does too, but that one is named by the network plugin.
    """
    if os.path.exists(root(path + "/device")):
        return True
    if not container or os.path.basename(path).startswith(_POD_ENDS):
        return False
    kind = [line for line in (read_text(root(path + "/uevent")) or "").splitlines() if line.startswith("DEVTYPE=")]
    return kind in ([], ["DEVTYPE=macvlan"]) and _word(root, path + "/iflink") != _word(root, path + "/ifindex")


def _word(root: Root, path: str) -> str:
    """A file of one line; some of those in /sys refuse to be read."""
    try:
        return (read_text(root(path)) or "").strip()
    except ClassroomError:
        return ""


def check_machine_id(found: str) -> tuple[Finding, ...]:
    if _ID.match(found) and found.strip("0"):
        return ()
    said = "is missing or empty" if not found else f"holds '{found[:40]}', which is no id"
    return (Finding(
        "machine-id", MACHINE_ID, "cat " + MACHINE_ID,
        f"{MACHINE_ID} {said}, and the kubelet, DHCP and the journal tell machines apart by it; "
        "'systemd-machine-id-setup' makes one"),)
