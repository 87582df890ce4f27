# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a machine is, and what on it will be wrong soon or has become wrong since its cluster was made.

`identity` returns what has to be different on every machine; only a comparison of several machines can judge it.
`find` returns what one machine shows alone: certificates near their end, an address that changed since `kubeadm init`
or `kubeadm join`, a machine-id that is none, a kubelet's identity that is another machine's. Both read only.
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
from .addresses import KUBELET_FLAGS, _flags, own_addresses, recorded_addresses
from .addresses import check_addresses as judge_addresses
from .certificates import _content, _embedded, certificate_sources
from .certificates import check_certificate as judge_certificate
from .identity import check_machine_id as judge_machine_id

KINDS = ("certificate", "address", "machine-id", "node name")


def find(machine: NodeContext, address: str, days: int) -> tuple[Finding, ...]:
    """What is wrong, or will be within so many days.

    `address` is the machine's own as the inventory has it, empty when nobody knows; a name instead of an address is
    not compared. Nothing is found on a machine without a cluster but a missing machine-id.
    """
    now = machine.now()
    judged = [judge_certificate(source, now, days) for source in certificate_sources(machine.root)]
    return (
        *judge_machine_id(machine_id(machine.root)),
        *(finding for finding in judged if finding),
        *judge_addresses(recorded_addresses(machine.root), own_addresses(machine), address),
        *check_node_name(*node_names(machine.root)),
    )


# Who a machine is


# Certificates


# Addresses


# The kubelet's identity


def node_names(root: Root) -> tuple[str, str]:
    """Of which Node the kubelet has the certificate, and what this machine's Node has to be called; empty: unknown."""
    text = _content(root, KUBELET_CERTIFICATE) or _embedded(root, KUBELET_CONF)
    try:
        subject = x509.read(text).common_name
    except ClassroomError:
        return "", ""
    prefix = "system:node:"
    given = _flags(_content(root, KUBELET_FLAGS)).get("hostname-override", "")
    return subject[len(prefix):] if subject.startswith(prefix) else "", (given or own_name()).lower()


def check_node_name(certified: str, wanted: str) -> tuple[Finding, ...]:
    """A machine that was renamed, or cloned from a member of a cluster, has a certificate for another Node."""
    if not certified or certified == wanted:
        return ()
    return (Finding(
        "node name", KUBELET_CERTIFICATE, "openssl x509 -noout -subject -in " + KUBELET_CERTIFICATE,
        f"the kubelet has the identity of the Node '{certified}' on a machine named '{wanted}': it was renamed or "
        "cloned after its "
        "join, and may act on that Node only", OWNER),)
