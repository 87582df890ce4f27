#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_metadata
short_description: Keep labels and taints of Nodes as declared
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Makes the labels and taints of all given Nodes as declared, in one run on a control plane.
  - What was declared once and no longer is, is removed. It is remembered in the annotation
    C(classroom.kubeadm/declared) of the Node.
  - Labels and taints that others set are left alone, as long as they are not declared too.
  - A Node that is not listed is not looked at. List it without labels and taints to have the formerly declared ones
    removed.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: For a Node that is not there yet, or without an API server, it predicts what will be set.
options:
  kubeconfig:
    description: Kubeconfig of an administrator, on the managed machine.
    type: path
    default: /etc/kubernetes/admin.conf
  nodes:
    description:
      - The Nodes and what is declared for them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Node.
        type: str
        required: true
      labels:
        description: Labels by key. Values are made text, nothing becomes the empty value.
        type: dict
        default: {}
      taints:
        description: Taints, of which each key has every effect once at most.
        type: list
        elements: dict
        default: []
        suboptions:
          key:
            description: Key of the taint.
            type: str
            required: true
          value:
            description: Value of the taint.
            type: str
            default: ""
          effect:
            description: What happens to pods that do not tolerate it.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
"""

EXAMPLES = r"""
- name: Labels and taints are as declared
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
  description: What was, or would be, changed and why, a line each.
  returned: success
  type: list
  elements: str
  sample:
    - "label disk of node1: declared and not there"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
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


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE_SPEC},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        found = converge(module.params["nodes"], NodeContext(), module.params["kubeconfig"], module.check_mode)
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    steps = [step for change in found for step in change.steps]
    module.exit_json(changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps))


if __name__ == "__main__":
    main()
