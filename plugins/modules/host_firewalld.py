#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_firewalld
short_description: Configure firewalld for the traffic of a node
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Opens the ports that a host's role needs, and allows the traffic of pods, in the permanent and in the live
    configuration of firewalld. It can also stop firewalld.
  - Existing entries stay. Entries that this module added and that are no longer requested are removed.
  - All errors are found before any change. firewalld is not started if its zone would block the SSH connection of
    Ansible.
  - The original state is recorded in C(/var/lib/classroom-kubeadm/before.json), so that a reset closes only what this
    module opened.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  state:
    description:
      - V(auto) opens the ports if firewalld runs, and changes nothing otherwise.
      - V(running) starts firewalld now and at boot. It must be installed.
      - V(stopped) stops firewalld now and at boot. Its configuration is kept.
      - V(unchanged) changes nothing.
    type: str
    choices: [auto, running, stopped, unchanged]
    default: auto
  ports:
    description: The ports that the host's role needs, such as V(6443/tcp) or V(30000-32767/udp).
    type: list
    elements: str
    default: []
  zone:
    description:
      - The zone of firewalld in which the ports are opened. It must exist.
      - The default is the zone of the interface with O(address), or firewalld's default zone if that interface is in
        none.
    type: str
    default: ""
  address:
    description: The address of the node, which identifies its interface.
    type: str
    default: ""
  sources:
    description:
      - The networks from which the ports are reachable, such as V(192.168.90.0/24). They become rich rules of the zone.
      - Without any, the ports are open to the whole zone.
    type: list
    elements: str
    default: []
  cluster_ports:
    description: The ports that only hosts of the cluster use, such as V(10250/tcp) of the kubelet.
    type: list
    elements: str
    default: []
  cluster_sources:
    description:
      - The networks or addresses from which O(cluster_ports) are reachable. They become rich rules of the zone.
      - Without any, these ports are open to the whole zone.
    type: list
    elements: str
    default: []
  trusted:
    description:
      - The networks of pods. They become sources of the zone C(trusted), so that the traffic of pods is forwarded.
      - A source address can be forged on every interface, so this option is used only without O(interfaces).
    type: list
    elements: str
    default: []
  interfaces:
    description:
      - The interfaces on which packets of pods arrive, those of the bridge and of the tunnel to other nodes, such as
        V(cni0).
      - They become interfaces of the zone C(trusted), and need not exist yet.
    type: list
    elements: str
    default: []
  exclusive:
    description: Whether to close what this module opened earlier and what these options do not include.
    type: bool
    default: true
  owners:
    description:
      - Names of those who need these ports, for a host that several inventories configure, such as the names of the
        clusters of an inventory.
      - What other owners need stays open. An owner that has got or lost names is recognized by the others.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Configure firewalld for a worker
  classroom.kubeadm.host_firewalld:
    state: running
    ports: [30000-32767/tcp, 30000-32767/udp]
    cluster_ports: [10250/tcp, 8472/udp]
    cluster_sources: [192.168.90.100, 192.168.90.101]
    interfaces: [cni0, flannel.1]

- name: Open the ports of a control plane to one network
  classroom.kubeadm.host_firewalld:
    ports: [6443/tcp, 10250/tcp, 8472/udp]
    zone: internal
    sources: [192.168.90.0/24]
    trusted: [10.244.0.0/16]

- name: Open ports of a host that serves several clusters
  classroom.kubeadm.host_firewalld:
    ports: [8080/tcp, 5000/tcp]
    sources: [192.168.90.0/24]
    owners: [monday, tuesday]
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample:
    - "firewalld port 6443/tcp in zone public: the host's role needs it"
zone:
  description: The zone in which the ports are open, empty if firewalld is not configured.
  returned: success
  type: str
  sample: public
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_firewalld import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
