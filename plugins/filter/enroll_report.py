# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an enrolment found on each machine, as one table: who is ready, who is not and why, and who is whose clone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: enroll_report
short_description: The table of an enrolment of several machines
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Puts together what the tasks of the role C(enroll) registered on each machine, and adds what a comparison shows.
  - What must differ on any two machines is the machine-id, the product_uuid, the hardware addresses of network cards
    and the ssh host keys. Host keys are compared also of machines to which nobody could log in.
positional: machines
options:
  _input:
    description:
      - The C(hostvars) of a run, or a dictionary like it.
      - Read are the results that the role registers, C(__enroll_contact), C(__enroll_probe), C(__enroll_sudo),
        C(__enroll_sudoers), C(__enroll_identity) and C(__enroll_key_login), and the fact C(_enroll_result).
    type: dict
    required: true
  machines:
    description: Inventory names of the machines that were to be enrolled.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: The table is shown
  ansible.builtin.debug:
    msg: "{{ (hostvars | classroom.kubeadm.enroll_report(ansible_play_hosts_all)).lines }}"
"""

RETURN = r"""
_value:
  description: The table.
  type: dict
  contains:
    rows:
      description:
        - One a machine. Each has C(host), C(state) (V(ready) or V(not ready)), C(login), C(sudo),
          C(python) and C(reason).
        - Sorted by name, numbers in names by their value.
      type: list
      elements: dict
    problems:
      description: By name, why a machine is not ready and what to do. Those that are ready are left out.
      type: dict
      sample: {node2: "Its machine-id is the same as that of node1."}
    lines:
      description: The same for a person, aligned, a machine a line, and closing lines.
      type: list
      elements: str
"""

from typing import Any

from ..plugin_utils._report.enroll import enroll_report


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"enroll_report": enroll_report}
