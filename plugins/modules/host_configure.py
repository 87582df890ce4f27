#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_configure
short_description: Apply the desired state of a host in one call
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs several modules of this collection in one call. A call costs a connection, a Python process and the compilation
    of the module, which is most of the time of a run that changes nothing.
  - The results are those of the modules. When a later task of the same run calls one of these modules with the same
    options, it takes the result from there, without a call on the host, and reports the change. This task itself
    reports none.
  - Nothing of its invocation is logged on the host, because options of sections may be secrets.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  shared_variables:
    description:
      - Names of variables that several sections use, in an order in which each uses only those before it.
      - They are evaluated once. Without it, ansible-core evaluates them for every use.
    type: list
    elements: str
    default: []
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
      state:
        description:
          - V(present) applies the section.
          - V(planned) changes nothing. The section is left out if the module fails or, outside of check mode, has
            something to change, and when a section before it was changed, because the plan may depend on it. The task
            of its role then runs the module.
        type: str
        choices: [planned, present]
        default: present
      options:
        description: The options of the module.
        type: dict
      variable:
        description:
          - The name of a variable with the options of the module, instead of O(sections[].options).
          - The section is left out if the value is empty. If it cannot be evaluated, this section and those after it
            are left out, and the tasks of their roles run the modules.
        type: str
      tags:
        description: The section is left out when one of these tags is skipped in the run.
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Apply the settings of the host
  classroom.kubeadm.host_configure:
    sections:
      - name: host
        module: host_settings
        options: {hostname: node1}
  register: configure_result

# Without a further call on the host, because module and options are those of the section
- name: Report the settings of the host
  classroom.kubeadm.host_settings:
    hostname: node1
"""

RETURN = r"""
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
  returned: always
  type: bool
  sample: true
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_configure import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
