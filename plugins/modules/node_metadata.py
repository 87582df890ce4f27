#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_metadata
short_description: Apply declared labels and taints of nodes
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Applies the declared labels and taints of all given Nodes, in one run on a control plane.
  - Labels and taints that are no longer declared are removed. The declared ones are recorded in the annotation
    C(classroom.kubeadm/declared) of the Node.
  - Labels and taints that others set are not changed, unless they are declared too.
  - A Node that is not listed is not changed. List it without labels and taints to remove formerly declared ones.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: For a Node that does not exist yet, or without an API server, the module predicts what will be set.
options:
  kubeconfig:
    description: The kubeconfig of an administrator, on the managed host.
    type: path
    default: /etc/kubernetes/admin.conf
  nodes:
    description:
      - The Nodes with their declared labels and taints.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the Node.
        type: str
        required: true
      labels:
        description: The labels by key. Values are converted to text, null to an empty value.
        type: dict
        default: {}
      taints:
        description: The taints. Each key may have every effect only once.
        type: list
        elements: dict
        default: []
        suboptions:
          key:
            description: The key of the taint.
            type: str
            required: true
          value:
            description: The value of the taint.
            type: str
            default: ""
          effect:
            description: The effect on pods that do not tolerate the taint.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
"""

EXAMPLES = r"""
- name: Apply labels and taints
  classroom.kubeadm.node_metadata:
    nodes:
      - name: node1
        labels:
          disk: ssd
          node-role.kubernetes.io/worker:
      - name: node2
        taints:
          - key: dedicated
            value: storage
            effect: NoSchedule
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample:
    - "label disk of node1: declared and missing"
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata import converge

TAINT_SPEC = {
    "key": {"type": "str", "required": True, "no_log": False},
    "value": {"type": "str", "default": ""},
    "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"], "required": True},
}
NODE_SPEC = {
    "name": {"type": "str", "required": True},
    "labels": {"type": "dict", "default": {}},
    "taints": {"type": "list", "elements": "dict", "default": [], "options": TAINT_SPEC},
}
OPTIONS: dict[str, Any] = {
    "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE_SPEC},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Set labels and taints of Nodes, and return the changes."""
    found = converge(params["nodes"], NodeContext(), params["kubeconfig"], check_mode)
    steps = [step for change in found for step in change.steps]
    return Outcome({"changed": bool(steps), "changes": as_changes(steps), "diff": as_diff(steps)})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
