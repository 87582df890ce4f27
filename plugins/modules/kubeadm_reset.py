#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_reset
short_description: Reset a host to its state before the cluster or before this collection
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Takes the host out of its cluster, whatever state an init, a join or an earlier reset left it in, and removes
    everything that would disturb the next cluster. A host without anything of a cluster is not changed.
  - Starts the container runtime when it is down, stops the kubelet, unmounts what is below C(/var/lib/kubelet) (lazily
    where a mount is busy or does not respond), runs C(kubeadm reset), and then removes the network interfaces, rules,
    tables, directories and containers that this leaves.
  - Removes only rules, tables, links and files of Kubernetes, and flushes nothing. Rules and tables of an
    administrator, and the network path to this host, stay.
  - Does not use the API server. The Node stays in the cluster; M(classroom.kubeadm.node_delete) deletes it.
  - Needs no free disk space. A reset that was killed at any point is finished by the next one.
  - The module waits for a C(kubeadm) that a killed playbook left running.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  level:
    description:
      - V(prepared) removes the cluster. Packages, images, the runtime and its configuration stay, so that the next
        installation needs no network.
      - V(bare) also removes the packages, repositories, holds, configuration and images that this collection brought to
        the host, and restores the original state as far as it is recorded in
        C(/var/lib/classroom-kubeadm/before.json) and was not changed since.
      - A package that other packages need by now stays at V(bare), with its service, its data and its entry in that
        file, and is named in a warning. Nothing is written into home directories as root.
    type: str
    choices: [prepared, bare]
    default: prepared
  endpoint:
    description:
      - Address of the API of the cluster that the host should belong to, with or without a port. The port is V(6443) if
        none is given.
      - With this option, a host of another cluster is not reset unless O(allow_foreign=true). Without it, a host of any
        cluster is.
    type: str
  ca_hash:
    description:
      - CA certificate hash of that cluster, as M(classroom.kubeadm.kubeadm_init) returns it.
      - A host with this CA belongs to the cluster even if it uses another address of it.
    type: str
  allow_foreign:
    description: Whether a host of another cluster than the one at O(endpoint) may be reset.
    type: bool
    default: false
  cri_socket:
    description:
      - Socket of the container runtime, for a host whose kubelet has none in its configuration. The one in the
        configuration takes precedence, because that runtime has the containers.
      - The default is the runtime that is installed. If several answer and none is set, the module fails and changes
        nothing.
    type: str
  timeout:
    description: Timeout for C(kubeadm reset) and for a kubeadm that an earlier run left, in seconds.
    type: int
    default: 120
seealso:
  - module: classroom.kubeadm.kubeadm_join
  - module: classroom.kubeadm.node_delete
"""

EXAMPLES = r"""
- name: Remove the host from its cluster
  classroom.kubeadm.kubeadm_reset:
    endpoint: 192.168.90.100:6443

- name: Remove everything of the collection from the host
  classroom.kubeadm.kubeadm_reset:
    level: bare
    allow_foreign: true
"""

RETURN = r"""
level:
  description: The requested level.
  returned: success
  type: str
  choices: [prepared, bare]
  sample: prepared
decision:
  description: V(none) if the host is in the desired state, otherwise V(reset).
  returned: success
  type: str
  choices: [none, reset]
  sample: reset
reason:
  description: Reason for the decision.
  returned: success
  type: str
  sample: "this host is a worker of the cluster at 192.168.90.100:6443 (CA sha256:...)"
actions:
  description: Actions that were taken or have to be taken, in this order.
  returned: success
  type: list
  elements: str
  sample: [stop the kubelet, unmount, kubeadm reset, remove what is left]
changes:
  description: Changes to what this collection brought (with O(level=bare)), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["package kubelet: this collection installed it"]
membership:
  description: Membership of the host before the reset according to its files.
  returned: success
  type: str
  choices: [none, control plane, worker, unfinished]
  sample: worker
endpoint:
  description: Address of the API of the cluster to which the host belonged, empty if it belonged to none.
  returned: success
  type: str
  sample: 192.168.90.100:6443
ca_hash:
  description: Hash of the CA of that cluster.
  returned: success
  type: str
  sample: sha256:4a7c1a0b2d5f4e
machine_id:
  description: Machine ID of the host, by which M(classroom.kubeadm.node_delete) identifies its Node.
  returned: success
  type: str
  sample: 5f1b7a0f3a9c4d0c8a1c9c5a3f0f6a52
found:
  description: Residue that was found, each with the command that shows it and the reason why it matters.
  returned: success
  type: list
  elements: dict
  contains: &finding
    kind:
      description: Type of the finding, such as V(interface), V(directory), V(mount), V(container) or V(process).
      type: str
    subject:
      description: Name, path or address of the finding.
      type: str
    command:
      description: Command that shows the finding.
      type: str
    reason:
      description: Reason why it matters for the next cluster, or why it could not be removed.
      type: str
    owner:
      description: Program that left it.
      type: str
  sample:
    - kind: interface
      subject: cni0
      command: ip -br link show cni0
      reason: the next pod network gives it another address
      owner: flannel
residue:
  description:
    - Residue that could not be removed, in the same form, with the reason. The module fails unless it is empty.
  returned: always, except when the reset is rejected
  type: list
  elements: dict
  contains: *finding
  sample: []
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.reset import (
    ResetSpec,
    converge,
    failure_of,
    result,
)

OPTIONS: dict[str, Any] = {
    "level": {"type": "str", "choices": ["prepared", "bare"], "default": "prepared"},
    "endpoint": {"type": "str"},
    "ca_hash": {"type": "str"},
    "allow_foreign": {"type": "bool", "default": False},
    "cri_socket": {"type": "str"},
    "timeout": {"type": "int", "default": 120},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Reset the host, or plan it in check mode; what is left makes the operation fail."""
    machine = NodeContext()
    spec = ResetSpec(
        level=params["level"],
        endpoint=params["endpoint"] or "",
        ca_hash=params["ca_hash"] or "",
        cri_socket=params["cri_socket"] or "",
        allow_foreign=params["allow_foreign"],
        timeout=params["timeout"],
    )
    outcome = converge(spec, machine, check_mode)
    values = result(spec, machine, outcome)
    return Outcome(values, tuple(values.pop("warnings")), failure_of(outcome))


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
