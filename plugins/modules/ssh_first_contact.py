#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_first_contact
short_description: Record the SSH host keys of a new host and check how to log in
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Runs ssh with all settings of the inventory, of C(ansible.cfg) and of the user's own configuration for the host.
  - The host keys of a host without a recorded one are scanned and written into the first C(UserKnownHostsFile) of ssh.
    They are trusted on first use, like an answer of V(yes) to ssh's question. Compare their fingerprints, or record
    them beforehand, to be sure.
  - A host with other host keys than the recorded ones is not logged in to.
  - Then the module checks over a separate connection whether a login with the key works. No password is sent.
  - A host that cannot be logged in to is no failure of the task, so that all hosts can be reported together.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes
attributes:
  connection:
    support: full
  check_mode:
    support: partial
    details: A host without a recorded host key is not logged in to in check mode.
  diff_mode:
    description: Shows the fingerprints that are recorded.
options:
  timeout:
    description: Timeout for a connection in seconds. A host that does not respond takes this time once.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Record the host keys of the host
  classroom.kubeadm.ssh_first_contact:
  register: contact

- name: Assert that the login with the key works
  ansible.builtin.assert:
    that: contact.state == 'key'
    fail_msg: "{{ contact.problem }}"
"""

RETURN = r"""
state:
  description:
    - Result of the login. V(key) means that the host accepts the key, V(password) that it asks for a password,
      V(no answer) that it does not respond, V(another host key) that its host keys differ from the recorded ones.
    - V(not recorded) means that no host key is recorded, because of check mode or because the host is behind a jump
      host. V(no way in) means that the host accepts neither the key nor a password.
  returned: always
  type: str
  sample: password
problem:
  description: Message about what blocks the login and how to fix it. Empty for V(key) and V(password).
  returned: always
  type: str
recorded:
  description: Types and fingerprints of the host keys that this task recorded.
  returned: always
  type: list
  elements: str
  sample: ["ssh-ed25519 SHA256:Yc0kZ2nJ0m0m1QnVQ6b7m0X9Xr0vJcX7m8c4Jt1cW1E"]
known_hosts:
  description: Path of the file in which they are recorded.
  returned: always
  type: str
  sample: /home/instructor/.ssh/known_hosts
host_keys:
  description: Fingerprints of all recorded host keys of the host, by type.
  returned: always
  type: dict
  contains:
    <type>:
      description: Fingerprint of the key.
      type: str
user:
  description: Name of the login user.
  returned: always
  type: str
  sample: student
method:
  description: The ssh method by which the host accepts a password, V(password) if it offers several.
  returned: always
  type: str
  sample: password
public_key:
  description: Path on the controller of the public key that belongs to the first key that ssh would offer, or empty.
  returned: always
  type: str
  sample: /home/instructor/.ssh/id_ed25519.pub
password_given:
  description: Whether Ansible already has a password for the host, from C(--ask-pass) or from the inventory.
  returned: always
  type: bool
become_password_given:
  description: Whether Ansible already has a password for C(sudo), from C(--ask-become-pass) or from the inventory.
  returned: always
  type: bool
ssh_args:
  description: Value for C(ansible_ssh_args) with which ssh tries a password only once.
  returned: always
  type: str
"""
