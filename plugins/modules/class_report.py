#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: class_report
short_description: Write the report of a class
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Writes C(report.html), a self-contained page, and C(report.json) into a directory on the controller. Both list each
    seat with its hosts and versions, its state and the reason for it, the times of its last run, the findings of an
    audit, and the changes since the last report.
  - Updates the existing C(report.json). Hosts that were not part of this run keep their entries. A C(report.json) that
    cannot be read is renamed with a warning.
  - Reads the results of the roles C(audit) and C(verify) on the hosts from earlier in the same run. The callback plugin
    P(classroom.kubeadm.seats#callback) writes the same files at the end of any run.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
attributes:
  check_mode:
    description: Writes in check mode too, because no host is changed.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Writes the current state each time.
    support: none
options:
  directory:
    description: Directory on the controller. It is created when it is missing.
    type: str
    required: true
  title:
    description: Title of the page.
    type: str
    default: class
  machines:
    description: Inventory names of the hosts. Hosts that were not part of this run are skipped.
    type: list
    elements: str
    required: true
  names:
    description: Whether the report has the names of the students. In messages the name of the seat replaces them.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Store the report on the controller
  classroom.kubeadm.class_report:
    directory: "{{ lookup('ansible.builtin.env', 'PWD') }}/report"
    machines: "{{ ansible_play_hosts_all }}"
  run_once: true
"""

RETURN = r"""
page:
  description: Path of the page.
  returned: success
  type: str
  sample: /home/teacher/course/report/report.html
counts:
  description: Number of the seats that were part of this run, by state.
  returned: success
  type: dict
  contains:
    <state>:
      description: Number of seats in this state.
      type: int
  sample: {stuck: 1, ready: 19}
"""
