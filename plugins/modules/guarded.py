#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guarded
short_description: Run a module of another collection and convert its result to declared types
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs a module, or an action like M(ansible.builtin.raw), on the host and converts what the host returns before it is
    registered, as the modules of this collection do with their own results.
  - Values that O(returns) does not declare are dropped, including facts. C(changed), C(failed), C(msg), warnings, the
    difference, and C(rc) of a failure are always kept.
  - A result of other types fails the task on that host.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    description: As the module supports it. Without support the task is skipped and returns none of the declared values.
    support: partial
    details: As the module supports it.
  diff_mode:
    description: As the module supports it.
    support: partial
    details: As the module supports it.
  idempotent:
    description: As the module is.
    support: partial
    details: As the module is.
options:
  module:
    description: Full name of the module.
    type: str
    required: true
  options:
    description:
      - Options of the module. The free text of M(ansible.builtin.raw) or M(ansible.builtin.command) is C(_raw_params).
    type: dict
    default: {}
  returns:
    description:
      - The values to keep, in the form of a RETURN section with C(type), C(elements), C(contains), C(choices) and
        C(returned).
      - A value that is C(returned) under a condition may be missing. Others are expected of every success.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check whether the host is a member of a cluster
  classroom.kubeadm.guarded:
    module: ansible.builtin.stat
    options:
      path: /etc/kubernetes/kubelet.conf
      get_checksum: false
    returns:
      stat: {type: dict, contains: {exists: {type: bool}}}
  register: member

- name: Show hosts that are no members
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }} is no member of a cluster."
  when: not member.stat.exists
"""

RETURN = r"""
# The values of O(returns)
{}
"""
