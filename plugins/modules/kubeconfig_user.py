#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig_user
short_description: Create a kubeconfig for an ordinary user
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Creates a kubeconfig with a client certificate that the cluster signs, for a user of a control plane, and binds a
    role to the name of the user.
  - The key is created on the host with C(openssl). It is in the kubeconfig only, which belongs to the user and has the
    mode V(0600); neither results nor differences show it.
  - The certificate is renewed when it expires soon or the cluster does not accept it, when the cluster was re-created
    or has another address, or when the kubeconfig is of another user or of other groups. The namespace that the user
    has set in it stays.
  - A file in its place without a cluster is renamed with the rights of the user, with C(.before-classroom) added to its
    name.
  - A kubeconfig for another cluster is never replaced. If it contains this cluster as well, with the right user, the
    module changes nothing; otherwise it fails.
  - Certificates cannot be revoked. The rights of a user end with the binding, which O(state=absent) removes.
  - A reset of the host removes the kubeconfig, as it does with copies of F(/etc/kubernetes/admin.conf).
requirements:
  - openssl
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  name:
    description: Name of the user on the host and in the cluster.
    type: str
    required: true
  groups:
    description:
      - Groups of the user in the cluster. V(system:masters) is rejected, because the API server does not sign such
        certificates.
    type: list
    elements: str
    default: []
  cluster_role:
    description:
      - ClusterRole of the user. Without it no role is bound, and an earlier binding is not changed.
      - Bindings that an earlier run created for the user in another namespace, or for the whole cluster, are removed.
    type: str
    default: ""
  namespace:
    description: Namespace in which the role applies. If it is empty, the role applies to the whole cluster.
    type: str
    default: ""
  make_namespace:
    description: Whether to create the namespace if it does not exist. It is never removed.
    type: bool
    default: false
  pod_security:
    description:
      - Pod Security Standard that a namespace created by O(make_namespace) enforces. With V(baseline) its pods get no
        path, network or device of the host, so that users who may create pods there do not become root on the nodes.
      - It is also set for a namespace that an earlier run created. Any other namespace is not changed and is named in a
        warning.
    type: str
    choices: [privileged, baseline, restricted]
    default: baseline
  state:
    description: Whether the user exists. V(absent) removes kubeconfig and bindings; the namespace and its objects stay.
    type: str
    choices: [present, absent]
    default: present
  cluster:
    description: Name of the cluster in the kubeconfig.
    type: str
    default: kubernetes
  days:
    description: Validity of the certificate in days, 365 at most.
    type: int
    default: 365
  renew_days:
    description: Days before its expiry at which a certificate is renewed.
    type: int
    default: 30
  until:
    description:
      - Last day of the certificate in UTC, such as V(2026-12-18). It takes precedence over O(days) and O(renew_days).
      - A day that is over, and one that the cluster cannot sign for, are rejected.
    type: str
    default: ""
  account:
    description: User of the host who owns the kubeconfig. The default is O(name).
    type: str
    default: ""
  path:
    description: Path of the kubeconfig. The default is C(.kube/config) in the home of the user.
    type: path
  kubeconfig:
    description: Path of an administrator's kubeconfig on the host.
    type: path
    default: /etc/kubernetes/admin.conf
"""

EXAMPLES = r"""
- name: Create a kubeconfig for a student of the whole cluster
  classroom.kubeadm.kubeconfig_user:
    name: student
    cluster_role: edit

- name: Create a kubeconfig for a guest of one namespace, for a week
  classroom.kubeadm.kubeconfig_user:
    name: guest
    cluster_role: view
    namespace: lessons
    days: 7
    renew_days: 1

- name: Create a kubeconfig for a student without an account on the host, in an own namespace until the course ends
  classroom.kubeadm.kubeconfig_user:
    name: anna
    account: root
    path: /etc/kubernetes/students/anna.conf
    cluster_role: admin
    namespace: anna
    make_namespace: true
    until: "2026-12-18"
"""

RETURN = r"""
changes:
  description: Changes that were made (in check mode would be made), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["kubeconfig /home/student/.kube/config: there is none"]
path:
  description: Path of the kubeconfig.
  returned: success
  type: str
  sample: /home/student/.kube/config
"""

import pwd
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.user import (
    POD_SECURITY,
    UserSpec,
    converge,
    remove,
)

OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
    "cluster_role": {"type": "str", "default": ""},
    "namespace": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": "kubernetes"},
    "days": {"type": "int", "default": 365},
    "renew_days": {"type": "int", "default": 30},
    "until": {"type": "str", "default": ""},
    "account": {"type": "str", "default": ""},
    "make_namespace": {"type": "bool", "default": False},
    "pod_security": {"type": "str", "choices": list(POD_SECURITY), "default": "baseline"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "path": {"type": "path"},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Create, renew or remove the user's kubeconfig and rights, and return the changes."""
    spec = UserSpec(
        user=params["name"], groups=tuple(params["groups"]), cluster_role=params["cluster_role"],
        namespace=params["namespace"], cluster=params["cluster"], days=params["days"], renew_days=params["renew_days"],
        until=params["until"], account=params["account"], make_namespace=params["make_namespace"],
        pod_security=params["pod_security"],
    )
    with host_lock.changing(check_mode):
        steps, path, warnings = (converge if params["state"] == "present" else remove)(
            spec, NodeContext(), params["kubeconfig"], params["path"], check_mode, pwd.getpwnam)
    values = {"changed": bool(steps), "changes": as_changes(steps), "diff": as_diff(steps), "path": path}
    return Outcome(values, tuple(warnings))


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
