#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_delete
short_description: Drain and delete Kubernetes nodes
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs on a control plane, before the hosts of the Nodes are reset. It cordons the Nodes, evicts their pods as
    C(kubectl drain) does, and deletes the Nodes. Pods of DaemonSets and static pods stay, data in C(emptyDir) volumes
    is lost, and pods without a controller are not recreated.
  - All Nodes are drained at the same time. The module ends within O(timeout). An unreachable control plane and a pod
    that does not terminate are warnings instead of failures, because the hosts are reset in any case.
  - A Node that another host registered under the same name is not changed.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  nodes:
    description: The Nodes to drain and delete.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the Node.
        type: str
        required: true
      machine_id:
        description:
          - The machine ID of the host that leaves, as M(classroom.kubeadm.kubeadm_reset) returns it.
          - Without it only the name is compared.
        type: str
  drain:
    description: Whether pods are evicted before the Nodes are deleted.
    type: bool
    default: true
  timeout:
    description: The timeout for all evictions together, in seconds.
    type: int
    default: 30
  grace_period:
    description: The maximum termination grace period of each pod in seconds, even if the pod requests more.
    type: int
    default: 10
  kubeconfig:
    description: The kubeconfig of an administrator, on the managed host.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_reset
"""

EXAMPLES = r"""
- name: Drain and delete node1 and node2
  classroom.kubeadm.node_delete:
    nodes:
      - name: node1
        machine_id: "{{ probe.machine_id }}"
      - name: node2
  delegate_to: master
"""

RETURN = r"""
nodes:
  description: An entry for each of O(nodes), in the same order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the Node.
      type: str
    decision:
      description:
        - V(remove) if the Node is drained and deleted, V(none) if there is no such Node, V(undecided) if the control
          plane is unreachable or the Node belongs to another host.
      type: str
      choices: [remove, none, undecided]
    reason:
      description: The reason of the decision.
      type: str
    evicted:
      description: The pods that were evicted (in check mode those that would be), as C(NAMESPACE/NAME).
      type: list
      elements: str
    left:
      description: The pods that remained after the timeout.
      type: list
      elements: str
  sample:
    - name: node1
      decision: remove
      reason: the host of Node node1 leaves the cluster
      evicted: [default/web-5d9c]
      left: []
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample: ["node node1: its host leaves the cluster"]
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_removal import (
    LeavingNode,
    NodeRemovalSpec,
    converge,
)

NODE_OPTIONS: dict[str, Any] = {"name": {"type": "str", "required": True}, "machine_id": {"type": "str"}}
OPTIONS: dict[str, Any] = {
    "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE_OPTIONS},
    "drain": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
    "grace_period": {"type": "int", "default": 10},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Drain and delete the Nodes, and return what was evicted and what is left."""
    spec = NodeRemovalSpec(
        nodes=[LeavingNode(node["name"], node.get("machine_id") or "") for node in params["nodes"]],
        drain=params["drain"],
        timeout=params["timeout"],
        grace_period=params["grace_period"],
    )
    values = converge(spec, NodeContext(), params["kubeconfig"], check_mode)
    return Outcome(values, tuple(values.pop("warnings")))


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
