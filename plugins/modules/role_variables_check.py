#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables_check
short_description: Check the variables of many roles and machines before any machine is touched
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Judges the variables that an inventory sets by the argument specs of roles of this collection, for all machines in
    one call, and reports everything that is wrong in one failure.
  - Ansible does the same before each role, on each machine, when the roles before it have changed things already. A
    play that follows on this one may import its roles with C(rolespec_validate) set to V(false).
  - A variable that cannot be evaluated yet, because it needs facts, is passed over.
  - Reads the inventory files of the run as well and reports a host with two addresses and keys that occur twice in
    YAML. Ansible merges these before any task runs, and the last one wins. Files of inventory plugins and scripts are
    left out.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes.read_only
options:
  roles:
    description: Names of roles of this collection, without its own name.
    type: list
    elements: str
    required: true
  machines:
    description: Inventory names of the machines whose variables are judged.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: The variables are what the roles take them for
  classroom.kubeadm.role_variables_check:
    roles: [host, containerd, kubernetes]
    machines: "{{ ansible_play_hosts }}"
  run_once: true
"""

RETURN = r"""
problems:
  description: Everything that is wrong, a sentence each that begins with the machine or the inventory file.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      node1: argument 'host_swap' is of type str and we were unable to convert to bool:
      The value 'maybe' is not a valid boolean.
"""
