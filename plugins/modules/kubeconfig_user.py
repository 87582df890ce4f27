#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig_user
short_description: A kubeconfig of one's own for an ordinary user
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Gives a user of a control plane a kubeconfig with a client certificate of the user's own, which the cluster signs,
    and binds a role to the user's name.
  - The key is made on the machine by its C(openssl). It is in the kubeconfig only, which belongs to the user and which
    nobody else may read; neither results nor differences show it.
  - The certificate is made anew when it ends soon or the cluster does not take it, when the cluster is a new one or
    has another address, or when the kubeconfig is of another user or of other groups. The namespace that the user
    has chosen stays.
  - A file in its place that leads to no cluster is renamed, with C(.before-classroom) behind its name, as the user.
  - A kubeconfig that leads to another cluster is never replaced. Where it leads to this one as well, as the right user,
    all is as wished; otherwise the module says so and fails.
  - Certificates cannot be revoked. What a user may do ends with the binding, which O(state=absent) takes away.
  - A reset of the machine removes the kubeconfig, as it does copies of F(/etc/kubernetes/admin.conf).
requirements:
  - openssl
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  name:
    description: The user, on the machine and in the cluster.
    type: str
    required: true
  groups:
    description:
      - Groups of the user in the cluster. V(system:masters) is refused, as the cluster does.
    type: list
    elements: str
    default: []
  cluster_role:
    description:
      - The ClusterRole that the user gets. Without it no role is bound, and an earlier binding is left as it is.
      - What an earlier run bound for the user in another namespace, or everywhere, is taken away.
    type: str
    default: ""
  namespace:
    description: The namespace in which it counts. Everywhere when empty.
    type: str
    default: ""
  make_namespace:
    description: Whether the namespace is made when the cluster has none of that name. It is never removed.
    type: bool
    default: false
  pod_security:
    description:
      - The Pod Security Standard that a namespace made by O(make_namespace) enforces. With V(baseline) its pods get no
        path, network or device of the host, so that whoever may create pods there does not become root on the nodes.
      - A namespace that an earlier run has made gets it as well. One that another has made is left as it is, and a
        warning names it.
    type: str
    choices: [privileged, baseline, restricted]
    default: baseline
  state:
    description: With V(absent) kubeconfig and bindings of the user are gone. The namespace and its objects stay.
    type: str
    choices: [present, absent]
    default: present
  cluster:
    description: What the cluster is called in the kubeconfig.
    type: str
    default: kubernetes
  days:
    description: How many days the certificate is valid, 365 at most.
    type: int
    default: 365
  renew_days:
    description: A certificate that ends within so many days is made anew.
    type: int
    default: 30
  until:
    description:
      - The last day of the certificate, such as V(2026-12-18), by UTC. It goes before O(days) and O(renew_days).
      - A day that is over, and one that the cluster cannot sign for, are refused.
    type: str
    default: ""
  account:
    description: The user of the machine to whom the kubeconfig belongs, where that is not O(name).
    type: str
    default: ""
  path:
    description: Where the kubeconfig is. C(.kube/config) in the user's home when it is not given.
    type: path
  kubeconfig:
    description: Kubeconfig of an administrator, on the managed machine.
    type: path
    default: /etc/kubernetes/admin.conf
"""

EXAMPLES = r"""
- name: The student works in the whole cluster
  classroom.kubeadm.kubeconfig_user:
    name: student
    cluster_role: edit

- name: The guest looks on in one namespace, for a week
  classroom.kubeadm.kubeconfig_user:
    name: guest
    cluster_role: view
    namespace: lessons
    days: 7
    renew_days: 1

- name: Somebody who is no user of the machine works in a namespace of their own until the course ends
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
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["kubeconfig /home/student/.kube/config: there is none"]
path:
  description: Where the kubeconfig is.
  returned: success
  type: str
  sample: /home/student/.kube/config
"""

import pwd

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.user import (
    POD_SECURITY,
    UserSpec,
    converge,
    remove,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
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
        },
        supports_check_mode=True,
    )
    given = module.params
    spec = UserSpec(
        user=given["name"], groups=tuple(given["groups"]), cluster_role=given["cluster_role"],
        namespace=given["namespace"], cluster=given["cluster"], days=given["days"], renew_days=given["renew_days"],
        until=given["until"], account=given["account"], make_namespace=given["make_namespace"],
        pod_security=given["pod_security"],
    )
    try:
        with host_lock.changing(module.check_mode):
            steps, path, warnings = (converge if given["state"] == "present" else remove)(
                spec, NodeContext(), given["kubeconfig"], given["path"], module.check_mode, pwd.getpwnam)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps), path=path)


if __name__ == "__main__":
    main()
