#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_join
short_description: Join a worker to a cluster with kubeadm
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Queries the cluster, with the identity of the kubelet of this host, for whether the host is a member, and does what
    is missing.
  - Needs O(discovery) for a join only. A call without it reads the current state, starts or restarts the kubelet if
    that is sufficient, and returns RV(needs_discovery) if the host has to join. A second call with a token of
    M(classroom.kubeadm.kubeadm_token) joins the host.
  - An interrupted join is recognized, undone and repeated. The module waits for a C(kubeadm join) that a killed
    playbook left running.
  - If the control plane is unreachable, the module changes nothing, and fails unless the kubelet of this host is
    healthy.
extends_documentation_fragment:
  - classroom.kubeadm.kubeadm
  - classroom.kubeadm.attributes
options:
  endpoint:
    description:
      - Address of the cluster's API, with or without a port. The port is V(6443) if none is given.
      - Use the same for M(classroom.kubeadm.kubeadm_token). The kubelet keeps the address with which it joined, and a
        host of another cluster is recognized by it.
    type: str
    required: true
  node_name:
    description:
      - Name of the Node.
      - The default is C(nodeRegistration.name) of O(config), or else the host name.
    type: str
  node_address:
    description: Address that the kubelet uses, passed to it as C(--node-ip) unless O(config) sets one.
    type: str
  config:
    description:
      - A C(JoinConfiguration) of V(kubeadm.k8s.io/v1beta4) without C(discovery), which the module adds.
    type: dict
  discovery:
    description: The value that M(classroom.kubeadm.kubeadm_token) returned under that name.
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
      - CA certificate hash of the cluster to join, as M(classroom.kubeadm.kubeadm_init) returns it.
      - It distinguishes a host of another cluster from one whose cluster was re-created at the same address, even while
        the control plane is down.
    type: str
  allow_reset:
    description:
      - Whether a host that belongs to another cluster, or to this one under another name, may be reset.
      - The rest of an interrupted join, and a membership that the requested cluster does not accept any more, are reset
        in any case.
    type: bool
    default: false
seealso:
  - module: classroom.kubeadm.kubeadm_init
  - module: classroom.kubeadm.kubeadm_token
"""

EXAMPLES = r"""
- name: Check the membership of the host
  classroom.kubeadm.kubeadm_join:
    endpoint: 192.168.90.100:6443
    node_name: node1
    node_address: 192.168.90.101
    ca_hash: "{{ hostvars['master'].control_plane.ca_hash | default(omit) }}"
  register: probe

- name: Join the host to the cluster
  when: probe.needs_discovery
  block:
    - name: Create a token for this join
      classroom.kubeadm.kubeadm_token:
        endpoint: 192.168.90.100:6443
        nodes:
          - name: node1
            address: 192.168.90.101
            machine_id: "{{ probe.machine_id }}"
      delegate_to: master
      register: created
      no_log: true

    - name: Join the host as a worker
      classroom.kubeadm.kubeadm_join:
        endpoint: 192.168.90.100:6443
        node_name: node1
        node_address: 192.168.90.101
        config:
          apiVersion: kubeadm.k8s.io/v1beta4
          kind: JoinConfiguration
          nodeRegistration:
            criSocket: unix:///run/containerd/containerd.sock
        discovery: "{{ (created.tokens | first).discovery }}"
  always:
    - name: Remove the token
      classroom.kubeadm.kubeadm_token:
        state: absent
        token_ids: "{{ created.tokens | selectattr('token_id', 'defined') | map(attribute='token_id') }}"
      delegate_to: master
      when: created.tokens is defined
"""

RETURN = r"""
decision:
  description:
    - The action that the current state of the host requires.
    - V(none) means that it is a member and its kubelet is healthy, V(start) that its kubelet had to be started,
      V(restart) that its kubelet has to register, V(join) that it belongs to no cluster, V(reset and join) that its
      membership is not valid, was not finished, that its Node was deleted, or that the pod network of a former
      cluster is left, V(undecided) that the control plane is unreachable while the kubelet is healthy.
  returned: success
  type: str
  choices: [none, start, restart, join, reset and join, undecided]
  sample: join
reason:
  description: Reason for the decision.
  returned: success
  type: str
  sample: this host belongs to no cluster
actions:
  description: Actions that were taken or have to be taken, in this order.
  returned: success
  type: list
  elements: str
  sample: [join, wait for node]
needs_discovery:
  description: Whether a second call with O(discovery) is needed. If so, this call changed nothing.
  returned: success
  type: bool
  sample: true
node_name:
  description: Name of the Node.
  returned: success
  type: str
  sample: node1
node:
  description:
    - Name, labels, annotation and taints of the Node of this host, in the form of the API.
    - The filter P(classroom.kubeadm.undeclared_nodes#filter) uses it to determine whether
      M(classroom.kubeadm.node_metadata) has anything to do.
    - After a join it is the Node that the kubelet registered. It is missing when this module did something else, or
      would have to act, because the Node may be another one then.
  returned: when this module had nothing to do, or waited for the Node
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
              description: Labels and taints that were declared before, as JSON.
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
  description: Machine ID of the host, which distinguishes its Node from one of the same name of another host.
  returned: success
  type: str
  sample: 5f1b7a0f3a9c4d0c8a1c9c5a3f0f6a52
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.kubeadm_join import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
