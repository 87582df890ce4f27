#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_interfaces
short_description: Find a node's interfaces by their networks and configure NetworkManager
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Finds the interfaces of the internal and the external network, and returns them with their addresses as the fact
    C(classroom_interfaces).
  - If NetworkManager runs, the interfaces of Kubernetes become unmanaged, and the given options of the profiles of the
    two interfaces are set, now and for the next boot. Other options of the profiles are kept, unlike with
    M(community.general.nmcli), which sets every option that is not given to its own default.
  - All errors are found before any change. A change that would cut the SSH connection of Ansible is an error.
  - The original state, including the former values of the profiles, is recorded in
    C(/var/lib/classroom-kubeadm/before.json), so that a reset can restore it.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  internal_network:
    description:
      - The network in which the nodes reach each other, such as V(192.168.90.0/24), or the name of the interface.
      - Exactly one interface of the host must be in it.
    type: str
    default: ""
  external_network:
    description: The network by which the host reaches other networks, in the same form as O(internal_network).
    type: str
    default: ""
  address:
    description: The address of the host in the inventory. It decides if several addresses are in the network.
    type: str
    default: ""
  optional:
    description: Whether a host without an interface in the networks is accepted.
    type: bool
    default: false
  unmanaged:
    description:
      - The names of interfaces that NetworkManager does not manage, such as V(cni*).
      - They are written to C(/etc/NetworkManager/conf.d/90-classroom-kubeadm.conf). An empty list writes nothing.
    type: list
    elements: str
    default: []
  profiles:
    description:
      - The desired options of the profiles of the interfaces V(internal) and V(external), named as in
        M(community.general.nmcli). They are C(autoconnect), C(zone), and C(method), C(ip), C(gw), C(dns),
        C(never_default) and C(route_metric), each followed by V(4) or V(6).
      - An interface without a stored profile is not changed, with a warning.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Gather the internal interface
  classroom.kubeadm.host_interfaces:
    internal_network: 192.168.90.0/24

- name: Set interfaces of Kubernetes unmanaged, and leave the default route to the external network
  classroom.kubeadm.host_interfaces:
    internal_network: 192.168.90.0/24
    external_network: 10.0.2.0/24
    unmanaged: [cni*, flannel*, veth*]
    profiles:
      internal: {never_default4: true}
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample:
    - "profile internal of eth1: it is not as declared"
ansible_facts:
  description: The facts of this module.
  returned: success
  type: dict
  contains:
    classroom_interfaces:
      description: The interfaces that were found.
      returned: success
      type: dict
      contains:
        internal:
          description: The internal interface, empty if none was requested or found.
          type: dict
          contains: &interface
            interface:
              description: The name of the interface.
              returned: when there is one
              type: str
            address:
              description: The address of the interface in the network.
              returned: when there is one
              type: str
            prefix:
              description: The length of the prefix of the address.
              returned: when there is one
              type: int
        external:
          description: The external interface, in the same form.
          type: dict
          contains: *interface
      sample:
        internal: {interface: eth1, address: 192.168.90.101, prefix: 24}
        external: {}
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_interfaces import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
