# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merge the results of an enrollment of several hosts into one table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: enroll_report
short_description: Merge the results of an enrollment of several hosts into a table
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Merges the results that the tasks of the role C(enroll) registered on each host, and adds what a comparison shows.
  - The machine-id, the product_uuid, the MAC addresses of network cards and the SSH host keys must be unique per host.
    Host keys are compared even if no login was possible.
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
    description: Inventory names of the hosts to enroll.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the table
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
        - One row for each host. Each has C(host), C(state) (V(ready) or V(not ready)), C(login), C(sudo),
          C(python) and C(reason).
        - Sorted by name, numbers in names by their value.
      type: list
      elements: dict
    problems:
      description: Error messages by name, for hosts that are not ready.
      type: dict
      sample: {node2: "Its machine-id is the same as that of node1."}
    lines:
      description: The rows as aligned lines of text, with a summary at the end.
      type: list
      elements: str
"""

from typing import Any

from ..plugin_utils._report.enroll import enroll_report


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"enroll_report": enroll_report}
