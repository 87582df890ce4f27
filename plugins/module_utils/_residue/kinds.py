# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove what a cluster left on a host: the table of all kinds.

The order of the table is the order of removal: first what would create the rest again (the kubelet, containers), then
what holds other objects (processes hold mounts, mounts hold trees, namespaces hold interfaces), and files last, because
some of them tell the owner of the rest.

Not in the table because they are harmless and their former state is unknown: kernel settings of the kubelet, empty
cgroups, empty tables and chains of iptables, the CNI programs in /opt/cni/bin. Images, packages, the runtime and its
configuration are not residue: the next cluster uses them.
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

__all__ = ["KINDS", "NAMES", "Finding", "find", "foreign", "remove"]

KINDS: tuple[Kind, ...] = (
    *residue_runtime.KINDS,
    *residue_network.KINDS,
    *residue_firewall.KINDS,
    *kubeconfigs.KINDS,
    *residue_files.KINDS,
)
NAMES = tuple(kind.name for kind in KINDS)


def find(machine: NodeContext, ca_hashes: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return everything on the host that has to be removed before the next cluster. Changes nothing.

    Does not check whether the cluster still runs. A copy of an administrator's kubeconfig is recognized by the
    cluster's CA, which `kubeadm reset` deletes: call this before it, or pass the hashes of former CAs as `ca_hashes`
    (see x509.discovery_hash). A missing tool raises no error; objects that need it are not found then. Every command
    has a timeout.
    """
    scan = Scan(machine, ca_hashes)
    return tuple(finding for kind in KINDS for finding in _unique(kind.find(scan)))


def remove(machine: NodeContext, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Remove exactly these findings, in the right order. Return what could not be removed, each with the reason.

    Objects that are gone already count as removed, so the next call completes an interrupted removal.
    """
    left: list[Finding] = []
    for kind in KINDS:
        wanted = [finding for finding in findings if finding.kind == kind.name]
        if wanted:
            # A new scan for each kind, because the removal of the kinds before changed the host.
            left.extend(kind.remove(Scan(machine), wanted))
    return tuple(left)


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def foreign(machine: NodeContext, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings on a cluster member that cannot belong to its present cluster.

    These are objects of another network plugin or runtime than the one in use, and copies of a former cluster's
    kubeconfig. Residue that looks like an object of the present cluster cannot be distinguished from it.
    """
    scan = Scan(machine)
    network, runtime = residue_files.present_network(scan), residue_runtime.present_runtime(scan)
    hashes = kubeconfigs.known_hashes(scan)

    def is_foreign(finding: Finding) -> bool:
        if finding.owner in NETWORK_PLUGINS:
            return bool(network) and finding.owner != network
        if finding.owner in (CONTAINERD, CRIO) and finding.kind in (
            residue_runtime.CONTAINER, residue_runtime.SHIM, residue_runtime.MOUNT
        ):
            return bool(runtime) and finding.owner != runtime
        if finding.kind == kubeconfigs.KUBECONFIG:
            copy = kubeconfigs.read_copy(scan, finding.subject)
            return not copy.ca_hashes & hashes
        return False

    return tuple(finding for finding in findings if is_foreign(finding))
