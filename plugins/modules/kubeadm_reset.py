#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_reset
short_description: Put this machine back to before its cluster, or to before this collection
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Takes the machine out of its cluster, whatever state an init, a join or an earlier reset left it in, and removes
    everything that would disturb the next cluster. On a machine without anything of a cluster it changes nothing.
  - Starts the container runtime when it is down, stops the kubelet, unmounts what is below C(/var/lib/kubelet) (lazily
    where a mount is busy or does not answer), runs C(kubeadm reset), and then removes what that leaves - network
    interfaces, rules, tables, directories, containers - until nothing is left.
  - Removes Kubernetes' own rules, tables, links and files only, and flushes nothing. Rules and tables of an
    administrator, and the way by which this machine is reached, stay.
  - Asks no API server and waits for none. The Node is left in the cluster; M(classroom.kubeadm.node_delete) deletes
    it.
  - Writes nothing that needs room on a disk. A reset that was ended at any point is finished by the next one.
  - A C(kubeadm) that a killed playbook left running is waited for.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  level:
    description:
      - V(prepared) removes the cluster. Packages, images, the runtime and its configuration stay, so that the next
        installation needs no network.
      - V(bare) also removes what this collection brought to the machine - packages that it installed, repositories,
        holds, configuration, images - and brings back what was there before, as far as it has been kept in
        C(/var/lib/classroom-kubeadm/before.json) and nobody has changed it since.
      - A package that others need by now stays at V(bare), with its service, its data and its entry in that file, and
        is named in a warning. Nothing is written into home directories as root.
    type: str
    choices: [prepared, bare]
    default: prepared
  endpoint:
    description:
      - Address of the API of the cluster whose machine this should be, with or without a port. The port is V(6443) if
        none is given.
      - A machine of another cluster is not reset then, unless O(allow_foreign=true). Without it a machine of any
        cluster is.
    type: str
  ca_hash:
    description:
      - The hash of that cluster's CA, as M(classroom.kubeadm.kubeadm_init) returns it.
      - A machine with this CA is the cluster's also when it knows it by another address.
    type: str
  allow_foreign:
    description: Whether a machine of another cluster than the one at O(endpoint) may be reset.
    type: bool
    default: false
  cri_socket:
    description:
      - Socket of the container runtime, for a machine whose kubelet has none in its configuration. That one counts
        also when another runtime is wished for by now, because it has the containers.
      - Without it, the runtime that is installed. Where several answer and nobody chose, nothing is changed.
    type: str
  timeout:
    description: How many seconds C(kubeadm reset), or a kubeadm that an earlier run left, may take.
    type: int
    default: 120
seealso:
  - module: classroom.kubeadm.kubeadm_join
  - module: classroom.kubeadm.node_delete
"""

EXAMPLES = r"""
- name: The machine is out of its cluster
  classroom.kubeadm.kubeadm_reset:
    endpoint: 192.168.90.100:6443

- name: Nothing of the collection is left
  classroom.kubeadm.kubeadm_reset:
    level: bare
    allow_foreign: true
"""

RETURN = r"""
level:
  description: The level that was asked for.
  returned: success
  type: str
  choices: [prepared, bare]
  sample: prepared
decision:
  description: V(none) on a machine that is as wished, else V(reset).
  returned: success
  type: str
  choices: [none, reset]
  sample: reset
reason:
  description: Why.
  returned: success
  type: str
  sample: "this machine is a worker of the cluster at 192.168.90.100:6443 (CA sha256:...)"
actions:
  description: What was done or has to be done, in this order.
  returned: success
  type: list
  elements: str
  sample: [stop the kubelet, unmount, kubeadm reset, remove what is left]
changes:
  description: What was changed of what this collection brought (with O(level=bare)), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["package kubelet: this collection installed it"]
membership:
  description: What the machine was - V(none), V(control plane), V(worker) or V(unfinished) - by its files.
  returned: success
  type: str
  choices: [none, control plane, worker, unfinished]
  sample: worker
endpoint:
  description: Address of the API of the cluster in which the machine was, empty if it was in none.
  returned: success
  type: str
  sample: 192.168.90.100:6443
ca_hash:
  description: Hash of the CA of that cluster.
  returned: success
  type: str
  sample: sha256:4a7c1a0b2d5f4e
machine_id:
  description: The identity of the machine, by which M(classroom.kubeadm.node_delete) knows its Node.
  returned: success
  type: str
  sample: 5f1b7a0f3a9c4d0c8a1c9c5a3f0f6a52
found:
  description: What was there to remove, each with the command that shows it and the reason why it matters.
  returned: success
  type: list
  elements: dict
  contains: &finding
    kind:
      description: What sort of thing it is, such as V(interface), V(directory), V(mount), V(container) or V(process).
      type: str
    subject:
      description: Which one.
      type: str
    command:
      description: Command that shows it.
      type: str
    reason:
      description: Why it matters for the next cluster, or why it could not be removed.
      type: str
    owner:
      description: Which program left it.
      type: str
  sample:
    - kind: interface
      subject: cni0
      command: ip -br link show cni0
      reason: the next pod network gives it another address
      owner: flannel
residue:
  description:
    - What could not be removed, in the same form, with the reason why not. The module fails unless it is empty.
  returned: always, but not after a refusal
  type: list
  elements: dict
  contains: *finding
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.reset import (
    ResetSpec,
    converge,
    failure_of,
    result,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "level": {"type": "str", "choices": ["prepared", "bare"], "default": "prepared"},
            "endpoint": {"type": "str"},
            "ca_hash": {"type": "str"},
            "allow_foreign": {"type": "bool", "default": False},
            "cri_socket": {"type": "str"},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    given, machine = module.params, NodeContext()
    spec = ResetSpec(
        level=given["level"],
        endpoint=given["endpoint"] or "",
        ca_hash=given["ca_hash"] or "",
        cri_socket=given["cri_socket"] or "",
        allow_foreign=given["allow_foreign"],
        timeout=given["timeout"],
    )
    try:
        outcome = converge(spec, machine, module.check_mode)
        answer = result(spec, machine, outcome)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))
    for warning in answer.pop("warnings"):
        module.warn(warning)
    if failure_of(outcome):
        module.fail_json(msg=failure_of(outcome), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
