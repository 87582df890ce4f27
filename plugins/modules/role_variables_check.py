#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables_check
short_description: Check the variables of roles before any host is changed
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Validates the variables that an inventory sets against the argument specs of roles of this collection, for all hosts
    in one call, and reports everything that is wrong in one failure.
  - Ansible does the same before each role, on each host, when the roles before it have already changed the host. Plays
    after this one may import their roles with C(rolespec_validate) set to V(false).
  - A variable that cannot be evaluated yet, because it needs facts, is skipped.
  - Reads the inventory files of the run as well and reports hosts with two addresses and keys that occur twice in
    YAML. Ansible merges these before any task runs, and the last one wins. Files of inventory plugins and scripts are
    skipped.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes.read_only
options:
  roles:
    description: Names of roles of this collection, without the name of the collection.
    type: list
    elements: str
    required: true
  machines:
    description: Inventory names of the hosts whose variables are validated.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Check the variables of the roles
  classroom.kubeadm.role_variables_check:
    roles: [host, containerd, kubernetes]
    machines: "{{ ansible_play_hosts }}"
  run_once: true
"""

RETURN = r"""
problems:
  description: Messages about everything that is wrong. Each starts with the host or the inventory file.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      node1: argument 'host_swap' is of type str and we were unable to convert to bool:
      The value 'maybe' is not a valid boolean.
roles:
  description: The roles whose variables were validated.
  returned: always
  type: list
  elements: str
  sample: [host, containerd, kubernetes]
"""
