# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find clones: hosts with the same value of an identifier that must be unique per host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Unique(NamedTuple):
    """An identifier that must be unique per host, with the command that shows it and the reason why it matters."""

    kind: str
    command: str
    reason: str


MACHINE_ID = Unique(
    "machine-id", "cat /etc/machine-id",
    "DHCP may give both the same address, and the journal and the cluster treat them as one host: create a new one "
    "with 'rm -f /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup'")
PRODUCT_UUID = Unique(
    "product_uuid", "cat /sys/class/dmi/id/product_uuid",
    "kubeadm requires every node to have its own, and some network plugins and storage drivers identify nodes by it: "
    "give the clone another UUID in the hypervisor")
MAC_ADDRESS = Unique(
    "MAC address", "ip -br link",
    "frames for one host reach the other: give the clone another address in the hypervisor")
SSH_HOST_KEY = Unique(
    "ssh host key", "ssh-keygen -lf /etc/ssh/ssh_host_{0}_key.pub",
    "either can pass for the other, and a login cannot distinguish them: "
    "create new ones with 'rm /etc/ssh/ssh_host_*; ssh-keygen -A' and restart ssh")


class Shared(NamedTuple):
    """An identifier that a host shares with others, with the command that shows it and the reason why it matters."""

    host: str
    kind: str
    subject: str
    command: str
    reason: str
    others: tuple[str, ...]


def shared(identities: Mapping[str, Mapping[str, Any]]) -> Iterator[Shared]:
    """Yield for every host what it shares with others, once for each kind and group of hosts.

    An identity is what the modules residue_info and host_identity_info return. The product_uuid of a container is its
    host's, so containers are not compared by it.
    """
    owners: dict[tuple[Unique, str], dict[str, str]] = {}
    for name, identity in identities.items():
        for unique, value, label in _claims(identity):
            owners.setdefault((unique, value), {})[name] = label
    groups: dict[tuple[Unique, tuple[str, ...]], dict[str, list[str]]] = {}
    for (unique, _value), labels in owners.items():
        if len(labels) > 1:
            group = groups.setdefault((unique, tuple(labels)), {})
            for name, label in labels.items():
                group.setdefault(name, []).append(label)
    for (unique, names), group in groups.items():
        for name in names:
            yield Shared(name, unique.kind, ", ".join(group[name]), _shown(unique, group[name]), unique.reason,
                         tuple(other for other in names if other != name))


def _claims(identity: Mapping[str, Any]) -> Iterator[tuple[Unique, str, str]]:
    """Yield the identifiers of a host that must be unique, each with its label in a table."""
    if identity.get("machine_id"):
        yield MACHINE_ID, identity["machine_id"], identity["machine_id"]
    if identity.get("product_uuid") and not identity.get("container"):
        yield PRODUCT_UUID, identity["product_uuid"], identity["product_uuid"]
    for interface, address in (identity.get("mac_addresses") or {}).items():
        yield MAC_ADDRESS, address, f"{address} of {interface}"
    for kind, fingerprint in (identity.get("ssh_host_keys") or {}).items():
        yield SSH_HOST_KEY, fingerprint, kind


def _shown(unique: Unique, labels: Sequence[str]) -> str:
    """Return the command; the file of an ssh key is named after its type, such as ssh-ed25519."""
    return unique.command.format(labels[0].replace("ssh-", "", 1).split("-")[0])
