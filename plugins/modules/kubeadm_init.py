#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Make this machine the first control plane of a cluster
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs C(kubeadm init) with a complete configuration, if and as far as that is necessary.
  - Decides from the truth. It reads the static pods' manifests, the certificates, the kubelet's health and what the API
    itself has, and never from the existence of a single file.
  - An interrupted C(kubeadm init) is recognised. If the API answers, the phases that are missing are run. If nothing
    was ever stored, the rest of the attempt is removed and C(kubeadm init) is run again. A C(kubeadm init) that a
    killed playbook left running is waited for.
  - Data of etcd is never thrown away, unless it is proven to stem from an attempt of this module that did not come to
    its end. Where that cannot be told, the module fails and says what it found.
  - Before it runs C(kubeadm init), the module notes that in C(/var/lib/classroom-kubeadm/init.json), and removes the
    note once the control plane is complete.
extends_documentation_fragment:
  - classroom.kubeadm.kubeadm
  - classroom.kubeadm.attributes
options:
  config:
    description:
      - The configuration documents, as C(kubeadm init --config) takes them.
      - An C(InitConfiguration) and a C(ClusterConfiguration) of V(kubeadm.k8s.io/v1beta4) are needed; a
        C(KubeletConfiguration) and a C(KubeProxyConfiguration) may be given. Each kind may be there once.
      - A control plane that runs already is not changed when the configuration changes. The differences are returned in
        RV(drift) and shown as warnings.
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
- name: The control plane runs
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
        # Every join makes a token of its own; the one that kubeadm makes need not live for a day.
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

- name: What was done, and why
  ansible.builtin.debug:
    msg: "{{ control_plane.decision }}: {{ control_plane.reason }}"
"""

RETURN = r"""
decision:
  description:
    - What the state of the machine called for.
    - V(none) means that the control plane is complete and answers, V(start) that its kubelet had to be started, V(init)
      that there was no control plane, V(resume) that an unfinished or damaged one was completed or begun again.
  returned: success
  type: str
  choices: [none, start, init, resume]
  sample: init
reason:
  description: Why.
  returned: success
  type: str
  sample: there is no control plane on this machine
actions:
  description: What was done, or in check mode what would be done first, in this order.
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
      name: master
      labels: {kubernetes.io/hostname: master}
      annotations: {}
    spec:
      taints: []
drift:
  description: One sentence for every value of O(config) that the running cluster has otherwise.
  returned: success
  type: list
  elements: str
  sample:
    - "ClusterConfiguration: clusterName is wished to be 'seat2', the running cluster has 'seat1'."
ca_hash:
  description: The hash of the cluster's CA, as C(kubeadm join) knows it, empty when there is none yet.
  returned: success
  type: str
  sample: sha256:78381d9f44130e862526b7300dd3ae702d93ed987191b2be3a08905020cd6984
admin_conf_sha256:
  description: The checksum of O(kubeconfig), so that a copy elsewhere can be compared without reading the file.
  returned: success
  type: str
  sample: 5d4eb76ee7d4ab0a0d323a5eea52aafef37510078fae7866ac88b5b429f027bc
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.init import converge, result
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.init_facts import secrets_of, spec_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "list", "elements": "dict", "required": True},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
            "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    given, machine = module.params, NodeContext()
    module.no_log_values.update(secrets_of(given["config"]))
    try:
        spec = spec_of(given["config"], given["ignore_preflight_errors"], given["timeout"], given["kubeconfig"])
        answer = result(spec, machine, converge(spec, machine, module.check_mode))
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))
    for warning in answer.pop("warnings"):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
