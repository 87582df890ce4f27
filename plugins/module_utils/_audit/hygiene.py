# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find what is wrong on a member of a cluster, or will be soon.

These are certificates that expire soon, an address that changed since `kubeadm init` or `kubeadm join`, an invalid
machine ID and a kubelet with the identity of another Node. The host is only read.
"""

from __future__ import annotations

from .._core.errors import ClassroomError
from .._core.files import Root
from .._formats import x509
from .._kube.context import NodeContext
from .._kube.node import machine_id, own_name
from .._kube.node_paths import KUBELET_CERTIFICATE, KUBELET_CONF
from .._residue.model import KUBERNETES as OWNER
from .._residue.model import Finding
from .addresses import KUBELET_FLAGS, _flags, check_addresses, own_addresses, recorded_addresses
from .certificates import _content, _embedded, certificate_sources, check_certificate
from .identity import check_machine_id

KINDS = ("certificate", "address", "machine-id", "node name")


def find(machine: NodeContext, address: str, days: int) -> tuple[Finding, ...]:
    """Return what is wrong, or will be within `days`.

    `address` is the address of the host in the inventory, empty if unknown; a name instead of an address is not
    compared. On a host without a cluster only an invalid machine ID is found.
    """
    now = machine.now()
    checked = [check_certificate(source, now, days) for source in certificate_sources(machine.root)]
    return (
        *check_machine_id(machine_id(machine.root)),
        *(finding for finding in checked if finding),
        *check_addresses(recorded_addresses(machine.root), own_addresses(machine), address),
        *check_node_name(*node_names(machine.root)),
    )


def node_names(root: Root) -> tuple[str, str]:
    """Return the Node in the kubelet's certificate and the expected name of this host's Node, empty if unknown."""
    text = _content(root, KUBELET_CERTIFICATE) or _embedded(root, KUBELET_CONF)
    try:
        subject = x509.read(text).common_name
    except ClassroomError:
        return "", ""
    prefix = "system:node:"
    given = _flags(_content(root, KUBELET_FLAGS)).get("hostname-override", "")
    return subject[len(prefix):] if subject.startswith(prefix) else "", (given or own_name()).lower()


def check_node_name(certified: str, wanted: str) -> tuple[Finding, ...]:
    """Return a finding for a certificate of another Node, as on a host that was renamed or cloned after its join."""
    if not certified or certified == wanted:
        return ()
    return (Finding(
        "node name", KUBELET_CERTIFICATE, "openssl x509 -noout -subject -in " + KUBELET_CERTIFICATE,
        f"the kubelet has the identity of the Node '{certified}' on a host named '{wanted}': the host was renamed or "
        "cloned after its join, and its kubelet may act on that Node only", OWNER),)
