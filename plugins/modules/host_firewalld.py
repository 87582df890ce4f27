#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_firewalld
short_description: A firewall that lets a node's traffic through
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Has firewalld let in exactly the ports that a machine's role needs, and the traffic of pods, in the permanent and in
    the live configuration alike. Or it has firewalld stopped.
  - What was open before stays open. What this module opened and is not wanted any more is closed.
  - Everything that cannot be done is found before anything is changed. firewalld is not started when its zone would not
    let in the connection by which Ansible is on the machine.
  - What was there before is kept in C(/var/lib/classroom-kubeadm/before.json), so that a reset closes only what was
    opened here.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  state:
    description:
      - V(auto) opens the ports where firewalld runs, and leaves a machine alone where it does not.
      - V(running) wants firewalld running, now and at boot. It has to be installed.
      - V(stopped) stops it, now and at boot; what is in its configuration stays there.
      - V(unchanged) does nothing.
    type: str
    choices: [auto, running, stopped, unchanged]
    default: auto
  ports:
    description: What the machine's role needs, such as V(6443/tcp) or V(30000-32767/udp).
    type: list
    elements: str
    default: []
  zone:
    description:
      - The zone of firewalld in which the ports are opened. It has to exist.
      - Without it the one of the interface with O(address), and firewalld's default zone where that one is in none.
    type: str
    default: ""
  address:
    description: The node's address, by which the interface is known.
    type: str
    default: ""
  sources:
    description:
      - Networks from which the ports may be reached, such as V(192.168.90.0/24). They become rich rules of the zone.
      - Without any, everybody in the zone may reach them.
    type: list
    elements: str
    default: []
  cluster_ports:
    description: What only the hosts of the cluster have to reach, such as V(10250/tcp) of the kubelet.
    type: list
    elements: str
    default: []
  cluster_sources:
    description:
      - Networks or addresses from which O(cluster_ports) may be reached, as rich rules of the zone.
      - Without any, everybody in the zone may reach them.
    type: list
    elements: str
    default: []
  trusted:
    description:
      - The pods' networks. They become sources of the zone C(trusted), so that pods' traffic is forwarded.
      - A source can be forged on every interface, so this counts only where there are no O(interfaces).
    type: list
    elements: str
    default: []
  interfaces:
    description:
      - The interfaces by which pods' packets come, of the bridge and of the tunnel to other nodes, such as V(cni0).
      - They become interfaces of the zone C(trusted), and need not exist yet.
    type: list
    elements: str
    default: []
  exclusive:
    description: Whether what this module opened earlier, and these options do not name, is closed.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: A worker behind firewalld
  classroom.kubeadm.host_firewalld:
    state: running
    ports: [30000-32767/tcp, 30000-32767/udp]
    cluster_ports: [10250/tcp, 8472/udp]
    cluster_sources: [192.168.90.100, 192.168.90.101]
    interfaces: [cni0, flannel.1]

- name: A control plane that only one network may reach
  classroom.kubeadm.host_firewalld:
    ports: [6443/tcp, 10250/tcp, 8472/udp]
    zone: internal
    sources: [192.168.90.0/24]
    trusted: [10.244.0.0/16]
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "firewalld port 6443/tcp in zone public: the machine's role needs it"
zone:
  description: The zone in which the ports are open. Empty when firewalld was not asked.
  returned: success
  type: str
  sample: public
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.firewalld import (
    FirewalldSpec,
    apply,
    plan,
    read_state,
)


def filter_traffic(module: AnsibleModule) -> None:
    """Plan, perform unless in check mode, report."""
    given = module.params
    spec = FirewalldSpec(given["state"], tuple(given["ports"]), given["zone"], given["address"],
                         tuple(given["sources"]),
                tuple(given["trusted"]), tuple(given["cluster_ports"]), tuple(given["cluster_sources"]),
                tuple(given["interfaces"]), given["exclusive"])
    root = Root()
    state = read_state(root, run, spec)
    planned = plan(spec, state)
    if planned.steps and not module.check_mode:
        apply(root, run, planned, state)
    module.exit_json(changed=bool(planned.steps), changes=as_changes(planned.steps), diff=as_diff(planned.steps),
                     zone=planned.zone)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["auto", "running", "stopped", "unchanged"], "default": "auto"},
            "ports": {"type": "list", "elements": "str", "default": []},
            "zone": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "sources": {"type": "list", "elements": "str", "default": []},
            "trusted": {"type": "list", "elements": "str", "default": []},
            "cluster_ports": {"type": "list", "elements": "str", "default": []},
            "cluster_sources": {"type": "list", "elements": "str", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "exclusive": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        with host_lock.changing(module.check_mode):
            filter_traffic(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
