# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines of a cluster, read from the inventory in one way for every role."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_hosts
short_description: The machines of a cluster as the inventory declares them
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Turns host variables into the list from which the preflight check, C(/etc/hosts) and the roles' addresses are made.
  - No machine is asked; a machine outside of the run (C(--limit)) is listed like the others.
positional: machines, domain, network
options:
  _input:
    description: The C(hostvars) of a run.
    type: dict
    required: true
  machines:
    description:
      - Inventory names of the machines wanted.
      - Empty names and names that the inventory does not have are left out; one given twice is listed once.
    type: list
    elements: str
    required: true
  domain:
    description: Appended to a machine's name for its C(fqdn); none is given when it is empty.
    type: str
    default: ""
  network:
    description:
      - The nodes' internal network, or the name of its interface. Then a machine's address is its one there.
      - The fact C(classroom_interfaces) has it; without that fact it is the inventory's if it is in the network. A node
        of which neither is known has none; another machine may be outside of the network.
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
    - One dictionary a machine with C(name) (the inventory's name, which is the machine's own), C(address) (the variable
      C(node_address), else the one in O(network), else C(ansible_host), else the name), C(fqdn) (empty when there is
      none) and C(groups).
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.addresses import claimed, contains


def cluster_hosts(
    hostvars: Mapping[str, Any], machines: Sequence[str], domain: str = "", network: str = "",
) -> list[dict[str, Any]]:
    """One entry for each machine; see DOCUMENTATION."""
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
    """A name with a dot is complete already; the domain is for the others."""
    if "." in machine:
        return machine
    return f"{machine}.{domain}" if domain else ""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"cluster_hosts": cluster_hosts}
