# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Return the groups of a play, or raise an error if the inventory has no host in them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: require_hosts
short_description: Fail a play whose groups have no hosts in the inventory
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Returns its input, names of groups for C(hosts) of a play, if the inventory has a host in any of them.
  - For an inventory that is empty, was not found or could not be read, Ansible skips every play and ends with status 0.
    This filter makes it an error, whichever options, callback plugins and inventory plugins the user has.
  - An error in a class file of P(classroom.kubeadm.seats#inventory) is one as well, even if other sources of the
    inventory have hosts.
  - So is a version of ansible-core that the collection does not support, of which Ansible only warns.
  - C(--limit) does not count, Ansible itself rejects one that matches no host. With C(--syntax-check) there need not be
    an inventory.
positional: groups
options:
  _input:
    description: Names of groups, separated by colons.
    type: str
    required: true
  groups:
    description: Ansible's variable C(groups).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Verify
  hosts: "{{ 'k8s_cluster:utility' | classroom.kubeadm.require_hosts(groups) }}"
  gather_facts: false
"""

RETURN = r"""
_value:
  description: The input.
  type: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleFilterError

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.core_version import version_problem
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.errors import recorded

NEW = " To begin a new class, run 'ansible-playbook classroom.kubeadm.init' in an empty directory."


def require_hosts(pattern: str, groups: Mapping[str, Sequence[str]]) -> str:
    """Return `pattern`; see DOCUMENTATION. Raise AnsibleFilterError if no group has a host."""
    if context.CLIARGS.get("syntax"):
        return pattern
    if version_problem():
        raise AnsibleFilterError(version_problem())
    problems = recorded()
    if problems:
        raise AnsibleFilterError("{}\nNothing was changed.".format("\n".join(problems)))
    names = pattern.split(":")
    if not any(groups.get(name) for name in names):
        hosts = len(groups.get("all", ()))
        raise AnsibleFilterError(
            "The inventory has no host for this play: expected hosts in the group {}, found {}. Correct the "
            "inventory, or name another one with -i.{} Nothing was changed.".format(
                " or ".join(names), f"{hosts} in other groups" if hosts else "no hosts at all", "" if hosts else NEW))
    return pattern


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"require_hosts": require_hosts}
