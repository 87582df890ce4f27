#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_configure
short_description: Plan or apply the desired state of a host in one call
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs several modules of this collection in one call. A call costs a connection, a Python process and the compilation
    of the module, which is most of the time of a run that changes nothing.
  - The results are those of the modules. When a later task of the same run calls one of these modules with the same
    options, it takes the result from there, without a call on the host.
  - The role P(classroom.kubeadm.preflight#role) registers a plan with it, the role P(classroom.kubeadm.configure#role)
    applies it. A section whose options are the same as in the plan, and that needs no change, is not sent again.
  - Nothing of its invocation is logged on the host, because options of sections may be secrets.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  state:
    description:
      - V(planned) changes nothing, reports no change, and returns what each section would change.
      - V(present) applies the sections in their order.
    type: str
    choices: [planned, present]
    default: present
  requirements:
    description:
      - The options of M(classroom.kubeadm.host_preflight), whose requirements are checked first.
      - Without it nothing is checked.
    type: dict
  sections:
    description: The desired state, one section for each call of a module. An error ends the work.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the section in the result.
        type: str
        required: true
      module:
        description: The module, without the name of the collection.
        type: str
        required: true
        choices:
          - bundle_load
          - cluster_manifest
          - host_firewalld
          - host_interfaces
          - host_settings
          - kubeadm_init
          - kubeadm_join
          - package_service
      options:
        description: The options of the module.
        type: dict
      variable:
        description:
          - The name of a variable with the options of the module, instead of O(sections[].options).
          - The section is left out while the variable has no value, for example because it uses facts that this task is
            about to read, and if its value is empty. The task of its role then runs the module.
        type: str
      combined:
        description:
          - Whether O(state=present) applies the section in the common call. Without it the section is only planned, and
            its role applies it.
        type: bool
        default: true
      tags:
        description: The section is left out when one of these tags is skipped in the run.
        type: list
        elements: str
        default: []
  stop_at_change:
    description:
      - Whether planning ends with the first section that has changes, because the others then depend on it.
      - It is set by the task itself, and is off in check mode.
    type: bool
    default: false
  planning_time:
    description: After so many seconds no further section is planned.
    type: float
    default: 15
"""

EXAMPLES = r"""
- name: Check the requirements and plan the settings of the host
  classroom.kubeadm.host_configure:
    state: planned
    requirements:
      role: worker
      address: 192.168.90.101
    sections:
      - name: host
        module: host_settings
        options: {hostname: node1}
  register: preflight_result

- name: Apply the settings, without a call where the plan has no change
  classroom.kubeadm.host_configure:
    sections:
      - name: host
        module: host_settings
        options: {hostname: node1}
  register: configure_result
"""

RETURN = r"""
failures:
  description: A message for each unmet requirement, empty if the module succeeds.
  returned: always
  type: list
  elements: str
  sample: []
sections:
  description: The results of the sections that were planned or applied, by name.
  returned: success
  type: dict
  contains:
    <section>:
      description: A section.
      type: dict
      contains:
        module:
          description: The module.
          type: str
        digest:
          description: Identifies module and options within the run of a playbook.
          type: str
        result:
          description: The values that the module returns, with C(failed) and C(msg) for an error.
          type: dict
          contains:
            changed:
              description: Whether something was changed, or would be.
              type: bool
  sample: {}
complete:
  description: Whether no section has anything to change, so that no other role has to run.
  returned: when the state is present
  type: bool
  sample: true
ansible_facts:
  description: The facts of M(classroom.kubeadm.host_preflight), all of them.
  returned: when requirements are given
  type: dict
  contains:
    classroom_machine:
      description: The facts of the host, for example its operating system.
      type: dict
      contains:
        os_family:
          description: The family of the operating system.
          type: str
          choices: [debian, redhat, other]
      sample: {os_family: debian}
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_configure import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
