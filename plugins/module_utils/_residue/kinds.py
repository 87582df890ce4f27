# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster leaves on a machine: the table of kinds, finding, removing.

The order of the table is the order of removal: first what would make the rest anew (the kubelet, containers), then what
holds other things (processes hold mounts, mounts hold trees, namespaces hold interfaces), and files last, because some
of them say whose the rest is.

Not in the table because they do no harm and their former state is unknown: kernel settings that the kubelet made, empty
cgroups, iptables' own empty tables and chains, the CNI programs in /opt/cni/bin. Images, packages, the runtime and its
configuration are no residue: the next cluster is made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from .._kube.context import NodeContext
from . import files as residue_files
from . import firewall as residue_firewall
from . import kubeconfigs
from . import network as residue_network
from . import runtime as residue_runtime
from .model import CONTAINERD, CRIO, NETWORK_PLUGINS, Finding, Kind, Scan

__all__ = ["KINDS", "NAMES", "Finding", "find", "remove", "strange"]

KINDS: tuple[Kind, ...] = (
    *residue_runtime.KINDS,
    *residue_network.KINDS,
    *residue_firewall.KINDS,
    *kubeconfigs.KINDS,
    *residue_files.KINDS,
)
NAMES = tuple(kind.name for kind in KINDS)


def find(machine: NodeContext, ca_hashes: Collection[str] = ()) -> tuple[Finding, ...]:
    """Everything of Kubernetes on the machine that is to be gone before the next cluster; changes nothing.

    Does not ask whether a cluster lives here. A copy of an administrator's kubeconfig is told by the cluster's CA,
    which `kubeadm reset` deletes: look before it, or give the hashes of CAs that were here as `ca_hashes` (as
    certificates.discovery_hash makes them). Never raises for a tool that is missing; nothing that needs it is seen
    then. Every command has a timeout.
    """
    look = Scan(machine, ca_hashes)
    return tuple(finding for kind in KINDS for finding in _unique(kind.see(look)))


def remove(machine: NodeContext, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Remove these and nothing else, in the right order; returns what is still there, with the reason.

    What is gone already counts as removed, so a removal that was killed is finished by the next one.
    """
    left: list[Finding] = []
    for kind in KINDS:
        wanted = [finding for finding in findings if finding.kind == kind.name]
        if wanted:
            # A new look for each kind: the ones before it have changed the machine.
            left.extend(kind.take(Scan(machine), wanted))
    return tuple(left)


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def strange(machine: NodeContext, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of the findings on a living part of a cluster, those that cannot be this cluster's.

    That is what another network plugin or another runtime than the one in use left, and copies of a former cluster's
    kubeconfig. A leftover that looks like what the present cluster makes cannot be told from it.
    """
    look = Scan(machine)
    network, runtime = residue_files.present_network(look), residue_runtime.present_runtime(look)
    hashes = kubeconfigs.known_hashes(look)

    def is_strange(finding: Finding) -> bool:
        if finding.owner in NETWORK_PLUGINS:
            return bool(network) and finding.owner != network
        if finding.owner in (CONTAINERD, CRIO) and finding.kind in (
            residue_runtime.CONTAINER, residue_runtime.SHIM, residue_runtime.MOUNT
        ):
            return bool(runtime) and finding.owner != runtime
        if finding.kind == kubeconfigs.KUBECONFIG:
            copy = kubeconfigs.read_copy(look, finding.subject)
            return not copy.ca_hashes & hashes
        return False

    return tuple(finding for finding in findings if is_strange(finding))
