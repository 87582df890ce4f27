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
  - Writes C(report.html), one page that needs nothing but itself, and C(report.json) into a directory on the
    controller - each seat, its machines and versions, ready or stuck and why, the times of its last run, what an audit
    found, and what changed since the last report.
  - Builds on the C(report.json) that is there. Machines that were not part of this run keep what is known of them. A
    C(report.json) that cannot be read is put aside with a warning.
  - Reads what the roles C(audit) and C(verify) registered on the machines earlier in the same run. The callback plugin
    P(classroom.kubeadm.seats#callback) writes the same files at the end of any run.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
attributes:
  check_mode:
    description: Writes in check mode too, as no machine is changed.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
  idempotent:
    description: Writes anew what is there at the time.
    support: none
options:
  directory:
    description: Directory on the controller. It is made when it is missing.
    type: str
    required: true
  title:
    description: Title of the page.
    type: str
    default: class
  machines:
    description: Inventory names of the machines. Those that this run did not look at are passed over.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: The report is written
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
  description: Number of the seats that this run looked at, by state.
  returned: success
  type: dict
  contains:
    <state>:
      description: Number of seats in this state.
      type: int
  sample: {stuck: 1, ready: 19}
"""
