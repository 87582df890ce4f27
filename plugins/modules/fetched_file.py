#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fetched_file
short_description: Have a small file of a machine on the controller, with a mode
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Copies a file of the machine to one path on the controller, in one step and with its mode from the beginning.
    M(ansible.builtin.fetch) has no mode, so a secret fetched with it may be read by everybody for a moment.
  - The content is never part of the result, nor of a difference.
  - Directories that are missing on the controller are made, for nobody but their owner.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  diff_mode:
    description: The content may be secret, and is not shown.
    support: none
options:
  src:
    description: Path of the file on the machine. Required when O(state=present).
    type: path
  dest:
    description: Path of the file on the controller, absolute or relative to the working directory.
    type: path
    required: true
  mode:
    description: Mode of the file on the controller, in octal digits.
    type: str
    default: "0600"
  state:
    description: With V(absent) the file is removed from the controller, and the machine is not asked.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: The administrator's kubeconfig is on the controller, for nobody else
  classroom.kubeadm.fetched_file:
    src: /etc/kubernetes/admin.conf
    dest: kubeconfig/lab.conf
"""

RETURN = r"""
dest:
  description: The file on the controller.
  returned: success
  type: str
  sample: kubeconfig/lab.conf
reason:
  description: Why the file was, or would be, written. Empty when it is as on the machine.
  returned: success
  type: str
  sample: its content is another
"""
