#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Initialize a control plane with kubeadm
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Makes a host the first control plane of a cluster. Runs C(kubeadm init) with a complete configuration, or those of
    its phases that are missing.
  - Decides from the current state, never from the existence of a single file. It reads the manifests of the static
    pods, the certificates, the health of the kubelet and the objects in the API.
  - An interrupted C(kubeadm init) is recognized. If the API answers, the missing phases are run. If nothing was ever
    stored, the rest of the attempt is removed and C(kubeadm init) is run again. The module waits for a C(kubeadm init)
    that a killed playbook left running.
  - Data of etcd is discarded only if it is verified to come from an attempt of this module that did not complete.
    Otherwise the module fails and reports what it found.
  - Before it runs C(kubeadm init), the module writes C(/var/lib/classroom-kubeadm/init.json), and removes that file
    once the control plane is complete.
extends_documentation_fragment:
  - classroom.kubeadm.kubeadm
  - classroom.kubeadm.attributes
options:
  config:
    description:
      - The configuration documents, as C(kubeadm init --config) takes them.
      - An C(InitConfiguration) and a C(ClusterConfiguration) of V(kubeadm.k8s.io/v1beta4) are required; a
        C(KubeletConfiguration) and a C(KubeProxyConfiguration) are optional. Each kind may occur once.
      - A running control plane is not changed when the configuration changes. The differences are returned in RV(drift)
        and shown as warnings.
    type: list
    elements: dict
    required: true
  kubeconfig:
    description: The administrator's kubeconfig that C(kubeadm init) writes.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_join
  - module: classroom.kubeadm.kubeadm_token
"""

EXAMPLES = r"""
- name: Initialize the control plane
  classroom.kubeadm.kubeadm_init:
    config:
      - apiVersion: kubeadm.k8s.io/v1beta4
        kind: InitConfiguration
        localAPIEndpoint:
          advertiseAddress: 192.168.90.100
        nodeRegistration:
          name: master
          criSocket: unix:///run/containerd/containerd.sock
          kubeletExtraArgs:
            - name: node-ip
              value: 192.168.90.100
        # Each join creates its own token, so the one of kubeadm init may expire soon.
        bootstrapTokens:
          - ttl: 1m0s
      - apiVersion: kubeadm.k8s.io/v1beta4
        kind: ClusterConfiguration
        kubernetesVersion: v1.36.3
        controlPlaneEndpoint: 192.168.90.100:6443
        networking:
          podSubnet: 10.244.0.0/16
          serviceSubnet: 10.96.0.0/12
      - apiVersion: kubelet.config.k8s.io/v1beta1
        kind: KubeletConfiguration
        cgroupDriver: systemd
      - apiVersion: kubeproxy.config.k8s.io/v1alpha1
        kind: KubeProxyConfiguration
        mode: nftables
  register: control_plane

- name: Show what was done, and why
  ansible.builtin.debug:
    msg: "{{ control_plane.decision }}: {{ control_plane.reason }}"
"""

RETURN = r"""
decision:
  description:
    - The action that the current state of the host requires.
    - V(none) means that the control plane is complete and answers, V(start) that its kubelet had to be started, V(init)
      that there was no control plane, V(resume) that an unfinished or damaged one was completed or created again.
  returned: success
  type: str
  choices: [none, start, init, resume]
  sample: init
reason:
  description: Reason for the decision.
  returned: success
  type: str
  sample: there is no control plane on this host
actions:
  description: Actions that were taken, or in check mode would be taken first, in this order.
  returned: success
  type: list
  elements: str
  sample: [init]
version:
  description: The version of the API server, empty when there is none yet.
  returned: success
  type: str
  sample: v1.36.3
node:
  description:
    - Name, labels, annotation and taints of the Node of this host, in the form of the API.
    - The filter P(classroom.kubeadm.undeclared_nodes#filter) uses it to determine whether
      M(classroom.kubeadm.node_metadata) has anything to do.
    - It is missing when this module had to act, or would have to, because the Node may be another one then.
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
      name: master
      labels: {kubernetes.io/hostname: master}
      annotations: {}
    spec:
      taints: []
drift:
  description: A message for every value of O(config) that differs in the running cluster.
  returned: success
  type: list
  elements: str
  sample:
    - "ClusterConfiguration: clusterName differs: expected 'seat2', found 'seat1' in the running cluster."
ca_hash:
  description: Hash of the cluster's CA in the form of C(kubeadm join), empty when there is none yet.
  returned: success
  type: str
  sample: sha256:78381d9f44130e862526b7300dd3ae702d93ed987191b2be3a08905020cd6984
admin_conf_sha256:
  description: Checksum of O(kubeconfig), with which a copy elsewhere can be compared without reading the file.
  returned: success
  type: str
  sample: 5d4eb76ee7d4ab0a0d323a5eea52aafef37510078fae7866ac88b5b429f027bc
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.kubeadm_init import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
