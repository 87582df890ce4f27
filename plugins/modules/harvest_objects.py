#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: harvest_objects
short_description: Archive the objects of namespaces as manifests
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads every kind that the API serves in namespaces, including custom resources, and writes an archive with a file of
    manifests for each namespace, for C(kubectl apply -f) in this cluster or another. M(classroom.kubeadm.fetch_file)
    writes them as YAML on the controller.
  - A manifest contains only what a user would write. Fields of the API server and of controllers are dropped, such as
    C(status), C(managedFields), C(uid), the address of a Service, the volume of a claim and the node of a Pod.
  - Skips objects that a controller created from others (the Pods of a Deployment, the Jobs of a CronJob), events,
    endpoints, leases, tokens of ServiceAccounts, C(kube-root-ca.crt), the ServiceAccount C(default) unless it was
    changed, and the Service C(kubernetes).
  - Values of Secrets are replaced unless O(secret_values=true). Values in ConfigMaps and in the environment of
    containers stay.
  - An unreachable API server is no error. RV(reason) reports it, and no file is written.
  - A resource that the API server cannot list (it answers 404, 429 or 5xx, the latter two also after a second attempt)
    is named in RV(left_out), and all others are harvested.
notes:
  - Objects outside of namespaces (CustomResourceDefinitions, ClusterRoles, PersistentVolumes) are not harvested, nor is
    the data in volumes.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.harvest
options:
  directory:
    description:
      - Directory for C(objects.tar.gz), which contains a file C(NAMESPACE.json) for each namespace, with one
        manifest in each line. The archive has the mode V(0600) and the owner of the directory.
    type: path
    required: true
  namespaces:
    description: Patterns of the namespaces to harvest, with the wildcards of a shell.
    type: list
    elements: str
    default: ["*"]
  namespaces_except:
    description:
      - Patterns of namespaces to exclude.
      - A namespace that O(namespaces) lists by its exact name is harvested nevertheless.
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
    description: Path of an administrator's kubeconfig on the host.
    type: path
    default: /etc/kubernetes/admin.conf
  timeout:
    description: Timeout for an answer of the API server, in seconds.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Store the objects of the students as manifests
  classroom.kubeadm.harvest_objects:
    directory: /var/tmp/harvest
    namespaces: [student-*]
  register: harvested

- name: Assert that the API server was reachable
  ansible.builtin.assert:
    that: harvested.reason == ''
    fail_msg: "{{ harvested.reason }}"
"""

RETURN = r"""
namespaces:
  description: Namespaces with manifests.
  returned: success
  type: list
  elements: str
  sample: [student]
objects:
  description: Objects in the files, as NAMESPACE/KIND/NAME.
  returned: success
  type: list
  elements: str
  sample: [student/ConfigMap/page, student/Deployment/web]
reason:
  description: Message why nothing was harvested, empty when the API answered.
  returned: success
  type: str
  sample: The objects were not harvested, no answer from 192.168.90.100:6443 (Connection refused).
left_out:
  description: Messages about kinds that could not be read although the API answered.
  returned: success
  type: list
  elements: str
  sample: []
missing:
  description:
    - Messages about objects that the cluster may have and the harvest has not. They are RV(left_out), or RV(reason) on
      a host that has a control plane or the rest of one.
    - It has to be empty before objects are deleted.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import objects as harvest_objects
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest.files import private_file
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext

OPTIONS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "namespaces": {"type": "list", "elements": "str", "default": ["*"]},
    "namespaces_except": {"type": "list", "elements": "str", "default": ["kube-*"]},
    "secret_values": {"type": "bool", "default": False, "no_log": False},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "timeout": {"type": "int", "default": 10},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Read the objects, write the archive unless in check mode, and report."""
    machine = NodeContext(root=Root(), run=run)
    spec = harvest_objects.ObjectsSpec(
        tuple(params["namespaces"]), tuple(params["namespaces_except"]), params["secret_values"])
    try:
        found, reason = harvest_objects.of_cluster(machine, params["kubeconfig"], spec, params["timeout"])
        if found.namespaces and not check_mode:
            # One file with a fixed name, so that the controller builds no path from data of a cluster.
            with private_file(os.path.join(params["directory"], "objects.tar.gz")) as stream:
                harvest_objects.write_archive(found, stream)
    except OSError as problem:
        raise ClassroomError(str(problem)) from problem
    return Outcome({
        "changed": bool(found.namespaces), "namespaces": list(found.namespaces), "objects": found.names(),
        "reason": reason, "left_out": found.left_out,
        "missing": harvest_objects.missing(machine.root, params["kubeconfig"], found, reason)})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
