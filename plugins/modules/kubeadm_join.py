#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_join
short_description: Make this machine a worker of a cluster
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Asks the cluster itself, with the identity that the kubelet of this machine has, whether the machine is a member,
    and does what is missing.
  - Needs O(discovery) for a join only. A call without it finds out, starts or restarts a kubelet where that is enough,
    and returns RV(needs_discovery) where the machine has to join. A second call with what
    M(classroom.kubeadm.kubeadm_token) made joins.
  - An interrupted join is recognised, taken back and done again. A C(kubeadm join) that a killed playbook left running
    is waited for.
  - A control plane that does not answer is no reason for anything. The module changes nothing then, and fails unless
    the kubelet of this machine is healthy.
extends_documentation_fragment:
  - classroom.kubeadm.kubeadm
  - classroom.kubeadm.attributes
options:
  endpoint:
    description:
      - Address of the cluster's API, with or without a port. The port is V(6443) if none is given.
      - Give M(classroom.kubeadm.kubeadm_token) the same. The kubelet keeps the address with which it joined, and a
        machine of another cluster is known by it.
    type: str
    required: true
  node_name:
    description:
      - Name of the Node.
      - The default is C(nodeRegistration.name) of O(config), or else the machine's host name.
    type: str
  node_address:
    description: The address that the kubelet is to use, given to it as C(--node-ip) unless O(config) has one.
    type: str
  config:
    description:
      - A C(JoinConfiguration) of V(kubeadm.k8s.io/v1beta4), without C(discovery), which the module adds.
    type: dict
  discovery:
    description: What M(classroom.kubeadm.kubeadm_token) returned under that name.
    type: dict
    suboptions:
      kubeconfig:
        description: A kubeconfig with the address and the CA of the cluster.
        type: str
        required: true
      token:
        description: The bootstrap token.
        type: str
        required: true
  ca_hash:
    description:
      - The hash of the CA of the cluster that is wished, as M(classroom.kubeadm.kubeadm_init) returns it.
      - With it a machine of another cluster is told from one whose cluster was made anew at the same address, even
        while the control plane is down.
    type: str
  allow_reset:
    description:
      - Whether a machine that belongs to another cluster, or to this one under another name, may be taken from there.
      - What an interrupted join left, and a membership that the wished cluster itself does not accept any more, is
        reset in any case.
    type: bool
    default: false
seealso:
  - module: classroom.kubeadm.kubeadm_init
  - module: classroom.kubeadm.kubeadm_token
"""

EXAMPLES = r"""
- name: The machine's membership is known
  classroom.kubeadm.kubeadm_join:
    endpoint: 192.168.90.100:6443
    node_name: node1
    node_address: 192.168.90.101
    ca_hash: "{{ hostvars['master'].control_plane.ca_hash | default(omit) }}"
  register: probe

- name: The machine joins
  when: probe.needs_discovery
  block:
    - name: There is a token for this join
      classroom.kubeadm.kubeadm_token:
        endpoint: 192.168.90.100:6443
        node_name: node1
        node_address: 192.168.90.101
        machine_id: "{{ probe.machine_id }}"
      delegate_to: master
      register: token
      no_log: true

    - name: The machine is a worker
      classroom.kubeadm.kubeadm_join:
        endpoint: 192.168.90.100:6443
        node_name: node1
        node_address: 192.168.90.101
        config:
          apiVersion: kubeadm.k8s.io/v1beta4
          kind: JoinConfiguration
          nodeRegistration:
            criSocket: unix:///run/containerd/containerd.sock
        discovery: "{{ token.discovery | default(omit) }}"
  always:
    - name: The token is revoked
      classroom.kubeadm.kubeadm_token:
        state: absent
        token_id: "{{ token.token_id }}"
      delegate_to: master
      when: token.token_id is defined
"""

RETURN = r"""
decision:
  description:
    - What the state of the machine called for.
    - V(none) means that it is a member and its kubelet is healthy, V(start) that its kubelet had to be started,
      V(restart) that its kubelet has to register, V(join) that it belongs to no cluster, V(reset and join) that its
      membership is not valid, was not finished, or that its Node was deleted, V(undecided) that the control plane
      does not answer while the kubelet is healthy.
  returned: success
  type: str
  choices: [none, start, restart, join, reset and join, undecided]
  sample: join
reason:
  description: Why.
  returned: success
  type: str
  sample: this machine belongs to no cluster
actions:
  description: What was done or has to be done, in this order.
  returned: success
  type: list
  elements: str
  sample: [join, wait for node]
needs_discovery:
  description: Whether a second call with O(discovery) is needed. Such a call without it changed nothing.
  returned: success
  type: bool
  sample: true
node_name:
  description: The name of the Node.
  returned: success
  type: str
  sample: node1
node:
  description:
    - The Node of this machine as far as labels and taints are judged by it, in the form of the API.
    - With the filter P(classroom.kubeadm.undeclared_nodes#filter) it tells whether
      M(classroom.kubeadm.node_metadata) has anything to do.
    - Nothing when this module had to act, or would have to, because the Node may be another one then.
  returned: when this module had nothing to do
  type: dict
  contains:
    metadata:
      description: Its metadata.
      type: dict
      contains:
        name:
          description: Name of the Node.
          type: str
        labels:
          description: All labels.
          type: dict
          contains:
            <label>:
              description: Value of the label.
              type: str
        annotations:
          description: The annotation of this collection.
          type: dict
          contains:
            classroom.kubeadm/declared:
              description: What was declared before, as JSON.
              returned: when something was declared
              type: str
    spec:
      description: Its specification.
      type: dict
      contains:
        taints:
          description: All taints.
          type: list
          elements: dict
          contains:
            key:
              description: Key of the taint.
              type: str
            value:
              description: Value of the taint.
              returned: when it has one
              type: str
            effect:
              description: Effect of the taint.
              type: str
            timeAdded:
              description: When the taint was added.
              returned: when the API recorded it
              type: str
  sample:
    metadata:
      name: node1
      labels: {kubernetes.io/hostname: node1}
      annotations: {}
    spec:
      taints: []
machine_id:
  description: The identity of the machine, by which a Node of the same name is told from another machine's.
  returned: success
  type: str
  sample: 5f1b7a0f3a9c4d0c8a1c9c5a3f0f6a52
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.join import converge, result
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.join_facts import JoinSpec, validate


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "endpoint": {"type": "str", "required": True},
            "node_name": {"type": "str"},
            "node_address": {"type": "str"},
            "config": {"type": "dict"},
            "discovery": {
                "type": "dict",
                "no_log": True,
                "options": {
                    "kubeconfig": {"type": "str", "required": True},
                    "token": {"type": "str", "required": True, "no_log": True},
                },
            },
            "ca_hash": {"type": "str"},
            "allow_reset": {"type": "bool", "default": False},
            "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    given, machine = module.params, NodeContext()
    spec = JoinSpec(
        endpoint=given["endpoint"],
        node_name=given["node_name"] or "",
        node_address=given["node_address"] or "",
        config=given["config"],
        ca_hash=given["ca_hash"] or "",
        allow_reset=given["allow_reset"],
        ignored=tuple(given["ignore_preflight_errors"]),
        timeout=given["timeout"],
    )
    try:
        validate(spec)
        answer = result(spec, machine, converge(spec, machine, given["discovery"], module.check_mode))
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))
    for warning in answer.pop("warnings"):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
