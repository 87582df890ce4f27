#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: harvest_objects
short_description: The objects of namespaces as manifests
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Asks the API for every kind that it serves in namespaces, custom resources too, and writes an archive with a file of
    manifests for each namespace, which C(kubectl apply -f) takes in this cluster or another.
  - Of an object only that is kept which a person would write. What the API server or a controller added is dropped,
    such as C(status), C(managedFields), C(uid), a Service's address, the volume of a claim, the node of a Pod.
  - Left out are objects that a controller made from others (the Pods of a Deployment, the Jobs of a CronJob), events,
    endpoints, leases, tokens of ServiceAccounts, C(kube-root-ca.crt), the ServiceAccount C(default) unless somebody
    added to it, and the Service C(kubernetes).
  - Values of Secrets are replaced unless asked for. Values in ConfigMaps and in the environment of containers stay.
  - An API server that does not answer is no error. RV(reason) says so, and no file is written.
  - A resource that the API server cannot list (it answers 404, 429 or 5xx, the latter two also when asked again) is
    named in RV(left_out), and all others are harvested.
notes:
  - Objects outside of namespaces (CustomResourceDefinitions, ClusterRoles, PersistentVolumes) are not harvested, nor is
    the data in volumes.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.harvest
options:
  directory:
    description:
      - Where C(objects.tar.gz) is written, with a file C(NAMESPACE.yml) for each namespace. It has the mode V(0600) and
        the owner of the directory.
    type: path
    required: true
  namespaces:
    description: Patterns of the namespaces wanted, with the wildcards of a shell.
    type: list
    elements: str
    default: ["*"]
  namespaces_except:
    description:
      - Patterns of the namespaces among them that are not wanted.
      - A namespace that O(namespaces) calls by its very name is taken all the same.
    type: list
    elements: str
    default: [kube-*]
  secret_values:
    description:
      - Whether Secrets keep their values.
      - Otherwise each value is V(redacted) (an empty JSON object for image pull secrets), and the Secret has the
        annotation C(classroom.kubeadm/redacted).
    type: bool
    default: false
  kubeconfig:
    description: Kubeconfig of an administrator, on the managed machine.
    type: path
    default: /etc/kubernetes/admin.conf
  timeout:
    description: How many seconds the API server may take for an answer.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: The students' objects are in files
  classroom.kubeadm.harvest_objects:
    directory: /var/tmp/harvest
    namespaces: [student-*]
  register: harvested

- name: The control plane was up
  ansible.builtin.assert:
    that: harvested.reason == ''
    fail_msg: "{{ harvested.reason }}"
"""

RETURN = r"""
namespaces:
  description: The namespaces of which there are manifests.
  returned: success
  type: list
  elements: str
  sample: [student]
objects:
  description: What is in the files, as NAMESPACE/KIND/NAME.
  returned: success
  type: list
  elements: str
  sample: [student/ConfigMap/page, student/Deployment/web]
reason:
  description: Why there is nothing, a sentence. Empty when the API answered.
  returned: success
  type: str
  sample: The objects were not harvested, no answer from 192.168.90.100:6443 (Connection refused).
left_out:
  description: Kinds that could not be read although the API answered, a sentence each.
  returned: success
  type: list
  elements: str
  sample: []
missing:
  description:
    - What the cluster may have and the harvest has not, a message each. It is RV(left_out), or RV(reason) on a host
      that has a control plane or what is left of one.
    - Before objects are deleted, it has to be empty.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import objects as harvest_objects
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest.files import private_file
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext


def ask(module: AnsibleModule, machine: NodeContext) -> tuple[harvest_objects.Harvest, str]:
    """What there is, or why that is not known."""
    params = module.params
    spec = harvest_objects.ObjectsSpec(
        tuple(params["namespaces"]), tuple(params["namespaces_except"]), params["secret_values"])
    return harvest_objects.of_cluster(machine, params["kubeconfig"], spec, params["timeout"])


def write(module: AnsibleModule, machine: NodeContext) -> None:
    """Ask, write unless in check mode, report."""
    found, reason = ask(module, machine)
    if found.namespaces and not module.check_mode:
        # One file of a known name, so that the controller makes no path of what a cluster says
        with private_file(os.path.join(module.params["directory"], "objects.tar.gz")) as stream:
            harvest_objects.write_archive(found, stream)
    module.exit_json(
        changed=bool(found.namespaces), namespaces=list(found.namespaces), objects=found.names(), reason=reason,
        left_out=found.left_out,
        missing=harvest_objects.missing(machine.root, module.params["kubeconfig"], found, reason))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "namespaces": {"type": "list", "elements": "str", "default": ["*"]},
            "namespaces_except": {"type": "list", "elements": "str", "default": ["kube-*"]},
            "secret_values": {"type": "bool", "default": False, "no_log": False},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        write(module, NodeContext(root=Root(), run=run))
    except (ClassroomError, OSError) as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
