# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of a hosts file for the hosts of a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts_entries
short_description: Turn the hosts of a cluster into entries of a hosts file
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Takes the result of P(classroom.kubeadm.cluster_hosts#filter).
options:
  _input:
    description: One dictionary per host with at least C(name), C(address) and C(fqdn).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the entries of a hosts file
  ansible.builtin.debug:
    msg: "{{ hostvars | classroom.kubeadm.cluster_hosts(groups['k8s_cluster']) | classroom.kubeadm.hosts_entries }}"
"""

RETURN = r"""
_value:
  description: One dictionary per host with C(address) and C(names), the full name before the short one.
  type: list
  elements: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any


def hosts_entries(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return an address with the full name and the short name of each host; see DOCUMENTATION."""
    entries = []
    for host in hosts:
        names = dict.fromkeys([host["fqdn"], host["name"].split(".")[0]])
        entries.append({"address": host["address"], "names": [name for name in names if name]})
    return entries


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"hosts_entries": hosts_entries}
