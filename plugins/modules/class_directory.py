#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: class_directory
short_description: Write a class file and an ansible.cfg
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Writes C(class.yml), an example of a class file with comments for P(classroom.kubeadm.seats#inventory), and
    C(ansible.cfg) with the settings that the playbooks of this collection require, into a directory on the controller.
  - Never overwrites a file. If the directory has a file of one of these names with another content, for example because
    it was edited, the task fails before anything is written.
  - Fails for a directory in which all users can write, because Ansible ignores an C(ansible.cfg) in it.
  - The playbook C(classroom.kubeadm.init) runs it.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
  - classroom.kubeadm.attributes.controller
options:
  directory:
    description: Directory on the controller. It is created when it is missing.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Write class file and ansible.cfg
  classroom.kubeadm.class_directory:
    directory: ~/my-class
"""

RETURN = r"""
directory:
  description: Absolute path of the directory.
  returned: success
  type: str
  sample: /home/teacher/my-class
files:
  description: Paths of the files that were missing.
  returned: success
  type: list
  elements: str
  sample: [/home/teacher/my-class/class.yml, /home/teacher/my-class/ansible.cfg]
"""
