#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_delete
short_description: Let a Node go before its machine is reset
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs on a control plane. Keeps new pods from the Node, evicts the ones that are there as C(kubectl drain) does
    (those of DaemonSets and of the machine itself stay; data in C(emptyDir) volumes is lost; pods that nothing keeps
    are ended for good), and deletes the Node.
  - Ends within its time. A control plane that does not answer, and a pod that does not leave, are warnings and no
    failure, because the machine is reset in any case.
  - A Node of that name which another machine registered is left alone.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  name:
    description: Name of the Node.
    type: str
    required: true
  machine_id:
    description:
      - The identity of the machine that leaves, as M(classroom.kubeadm.kubeadm_reset) returns it.
      - Without it the name alone decides.
    type: str
  drain:
    description: Whether pods are evicted first.
    type: bool
    default: true
  timeout:
    description: How many seconds all evictions together may take.
    type: int
    default: 30
  grace_period:
    description: How many seconds at most each pod has from the signal to its end, even if it claims more for itself.
    type: int
    default: 10
  kubeconfig:
    description: Kubeconfig of an administrator, on the machine where this runs.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_reset
"""

EXAMPLES = r"""
- name: The cluster has let node1 go
  classroom.kubeadm.node_delete:
    name: node1
    machine_id: "{{ probe.machine_id }}"
  delegate_to: master
"""

RETURN = r"""
decision:
  description:
    - V(remove), or V(none) where there is no such Node, or V(undecided) where the control plane does not answer or the
      Node is another machine's.
  returned: success
  type: str
  choices: [remove, none, undecided]
  sample: remove
reason:
  description: Why.
  returned: success
  type: str
  sample: the machine of Node node1 leaves the cluster
evicted:
  description: The pods that were evicted (in check mode - would be), as C(NAMESPACE/NAME).
  returned: success
  type: list
  elements: str
  sample: [default/web-5d9c]
left:
  description: Those that were still there when the time was over.
  returned: success
  type: list
  elements: str
  sample: []
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["node node1: its machine leaves the cluster"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_removal import NodeRemovalSpec, converge


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "machine_id": {"type": "str"},
            "drain": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 30},
            "grace_period": {"type": "int", "default": 10},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    given = module.params
    spec = NodeRemovalSpec(
        name=given["name"],
        machine_id=given["machine_id"] or "",
        drain=given["drain"],
        timeout=given["timeout"],
        grace_period=given["grace_period"],
    )
    try:
        answer = converge(spec, NodeContext(), given["kubeconfig"], module.check_mode)
    except ClassroomError as exc:
        module.fail_json(msg=str(exc))
    for warning in answer.pop("warnings"):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
