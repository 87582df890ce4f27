#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_first_contact
short_description: Record the host keys of a machine that was never seen, and see by what it lets us in
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Asks ssh, with everything that inventory, C(ansible.cfg) and a person's own configuration say of the machine.
  - The host keys of a machine of which none is recorded are scanned and written into the first of ssh's
    C(UserKnownHostsFile). They are believed as they come, as by everybody who answers V(yes) to ssh's question. To
    compare them, or to record them beforehand, is the only way to be sure.
  - A machine with other host keys than those that are recorded gets no login.
  - Then it is seen whether a login with the key works, by itself and over a connection of its own. No password is sent.
  - A machine that cannot be entered is no failure of the task, so that all of them can be told of side by side.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes
attributes:
  connection:
    support: full
  check_mode:
    support: partial
    details: A machine whose host key is not recorded is not logged in to in check mode.
  diff_mode:
    description: Shows the fingerprints that are recorded.
options:
  timeout:
    description: Seconds for a connection to be there. A machine that does not answer costs this time once.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: The machine is known by its host keys
  classroom.kubeadm.ssh_first_contact:
  register: contact

- name: It lets the key in
  ansible.builtin.assert:
    that: contact.state == 'key'
    fail_msg: "{{ contact.problem }}"
"""

RETURN = r"""
state:
  description:
    - What the machine does. V(key) is that it lets the key in, V(password) that it asks for a password, V(no answer)
      that it does not answer, V(another host key) that its host keys are not those that are recorded.
    - With V(not recorded) they are not, and are not to be (in check mode) or cannot be (behind a jump host); with V(no
      way in) it takes neither the key nor a password.
  returned: always
  type: str
  sample: password
problem:
  description: What is in the way and what to do, a sentence. Empty for V(key) and V(password).
  returned: always
  type: str
recorded:
  description: Types and fingerprints of the host keys that were recorded just now.
  returned: always
  type: list
  elements: str
  sample: ["ssh-ed25519 SHA256:Yc0kZ2nJ0m0m1QnVQ6b7m0X9Xr0vJcX7m8c4Jt1cW1E"]
known_hosts:
  description: The file in which they are recorded.
  returned: always
  type: str
  sample: /home/instructor/.ssh/known_hosts
host_keys:
  description: Fingerprints of all host keys that are recorded of the machine, by type.
  returned: always
  type: dict
  contains:
    <type>:
      description: Fingerprint of the key.
      type: str
user:
  description: Who logs in there.
  returned: always
  type: str
  sample: student
method:
  description: The one method of ssh by which a password is taken, V(password) where there is a choice.
  returned: always
  type: str
  sample: password
public_key:
  description: The file on the controller with the public half of the first key that ssh would offer. Empty without any.
  returned: always
  type: str
  sample: /home/instructor/.ssh/id_ed25519.pub
password_given:
  description: Whether Ansible has a password for the machine already, by C(--ask-pass) or by the inventory.
  returned: always
  type: bool
become_password_given:
  description: The same of a password for C(sudo), by C(--ask-become-pass) or by the inventory.
  returned: always
  type: bool
ssh_args:
  description: What C(ansible_ssh_args) has to be so that a password is tried once only.
  returned: always
  type: str
"""
