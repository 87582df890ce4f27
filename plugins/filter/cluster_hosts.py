# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the hosts of a cluster from the inventory, in the same way for every role."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_hosts
short_description: List the hosts of a cluster with their addresses and names
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Turns host variables into the list that the preflight check, C(/etc/hosts) and the addresses in roles are based on.
  - There is no connection to a host. A host outside of the run (C(--limit)) is listed like the others.
positional: machines, domain, network
options:
  _input:
    description: The C(hostvars) of a run.
    type: dict
    required: true
  machines:
    description:
      - Inventory names of the hosts to list.
      - Empty and unknown names are left out; duplicates are listed once.
    type: list
    elements: str
    required: true
  domain:
    description: Domain to append to the name of a host for its C(fqdn). Without it, C(fqdn) is empty.
    type: str
    default: ""
  network:
    description:
      - Internal network of the nodes, or the name of its interface. The address of a host is the one in this network.
      - It comes from the fact C(classroom_interfaces), or from the inventory if that address is in the network. A node
        without either has no address; other hosts may be outside of the network.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the addresses of the cluster
  ansible.builtin.debug:
    msg: "{{ hostvars | classroom.kubeadm.cluster_hosts(groups['k8s_cluster']) | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary for each host with C(name) (the inventory name, which is the host name), C(address) (the variable
      C(node_address), else the one in O(network), else C(ansible_host), else the name), C(fqdn) (may be empty) and
      C(groups).
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.addresses import claimed, contains


def cluster_hosts(
    hostvars: Mapping[str, Any], machines: Sequence[str], domain: str = "", network: str = "",
) -> list[dict[str, Any]]:
    """Return one entry for each host; see DOCUMENTATION."""
    entries = []
    for machine in dict.fromkeys(machines):
        if machine not in hostvars:
            continue
        variables = hostvars[machine]
        entries.append({
            "name": machine,
            "address": _address(variables, machine, network),
            "fqdn": _fqdn(machine, domain),
            "groups": list(variables.get("group_names", [])),
        })
    return entries


def _address(variables: Mapping[str, Any], machine: str, network: str) -> str:
    declared = str(variables.get("ansible_host", machine))
    if "node_address" in variables or not network:
        return str(variables.get("node_address", declared))
    if contains(network, declared):
        return declared
    found = claimed(variables, machine, network)
    if found:
        return found
    is_node = {"k8s_cluster", "control_plane", "workers"} & set(variables.get("group_names", ()))
    return "" if is_node else declared


def _fqdn(machine: str, domain: str) -> str:
    """Return the fully qualified name; a name with a dot is complete already."""
    if "." in machine:
        return machine
    return f"{machine}.{domain}" if domain else ""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"cluster_hosts": cluster_hosts}
