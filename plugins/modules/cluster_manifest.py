#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_manifest
short_description: Apply a manifest to a cluster
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Applies the objects of a manifest with C(kubectl apply --server-side), but only if C(kubectl diff) shows a
    difference.
  - Can wait until the workloads of the manifest are rolled out.
  - Needs only C(kubectl) and a kubeconfig on the managed host, and no Python library.
  - Objects of a former version of the manifest stay if a newer version no longer contains them.
extends_documentation_fragment:
  - classroom.kubeadm.kubectl
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details:
      - The API server itself computes the difference.
      - Without kubectl, kubeconfig or API server, as before an installation, a change is predicted.
  diff_mode:
    details: Values of Secrets are masked.
options:
  content:
    description:
      - The manifest, as one or more YAML documents.
      - It is not shown in any output, because it may contain Secrets.
    type: str
  path:
    description:
      - The path of the manifest on the managed host, a file or a directory of files.
    type: path
  url:
    description:
      - The URL of the manifest, which the managed host fetches.
      - A URL without TLS (C(http://)), also one to which a server redirects, is rejected unless O(checksum) is given.
    type: str
  checksum:
    description:
      - The SHA-256 digest of the manifest at O(url), as 64 hexadecimal digits, optionally after C(sha256:).
      - A manifest with another digest is rejected.
    type: str
    default: ""
  force_conflicts:
    description:
      - Whether fields of the manifest that another manager set, for example with C(kubectl edit), are overwritten.
      - By default the manifest decides about all fields that it contains, as users of Ansible expect, and check mode
        shows the difference. Other fields keep their managers.
      - With V(false) such a field is an error that names the field and its manager.
    type: bool
    default: true
  wait_for:
    description:
      - The workloads to wait for, even if nothing was changed, so that a run completes an interrupted one.
      - Check mode does not wait.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind of the workload.
        type: str
        choices: [DaemonSet, Deployment, StatefulSet]
        required: true
      name:
        description: The name of the workload.
        type: str
        required: true
      namespace:
        description: The namespace of the workload.
        type: str
        default: default
  timeout:
    description:
      - The timeout for O(wait_for), and for fetching O(url), in seconds.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Apply the pod network and wait for it
  classroom.kubeadm.cluster_manifest:
    content: "{{ lookup('ansible.builtin.template', 'flannel.yml.j2') }}"
    wait_for:
      - kind: DaemonSet
        name: kube-flannel-ds
        namespace: kube-flannel

- name: Apply a manifest of the host
  classroom.kubeadm.cluster_manifest:
    path: /srv/manifests/storage.yml
"""

RETURN = r"""
objects:
  description: The objects that differed, as VERSION.KIND.NAMESPACE.NAME, or as KIND.NAME without an API server.
  returned: success
  type: list
  elements: str
  sample: [v1.ConfigMap.kube-flannel.kube-flannel-cfg]
reason:
  description: The reason for applying the manifest, empty if nothing differed.
  returned: success
  type: str
  sample: namespace kube-flannel is not in the cluster yet
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.cluster_manifest import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
