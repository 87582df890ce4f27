#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_copy
short_description: Copy a bundle from the controller to a machine that serves one
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Sends what the machine does not have of a bundle, and lets the new one take the place of the served one only when
    all of it has arrived as its C(bundle.lock.yml) says. Until then the former one is served.
  - An interrupted copy is picked up, file by file. Files that both bundles have are neither sent nor stored twice.
  - The room on the disk is judged before anything is sent.
  - Needs nothing on the machine but Python, in particular no C(rsync), which a machine without a line could not get.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  action:
    description: Has a corresponding action plugin, which sends the files.
    support: full
  check_mode:
    details: Nothing is sent, so a damaged bundle on the controller is found by the real run only.
options:
  src:
    description: Directory of the bundle on the controller.
    type: path
    required: true
  dest:
    description: Directory of the bundle on the machine.
    type: path
    required: true
  signed_by:
    description:
      - Fingerprints of keys that may have signed the bundle. The signature is verified on the controller, by gpg.
      - When it is empty the key must be the one that P(classroom.kubeadm.bundle#role) wrote into a file next to O(src)
        when it made or unpacked the first bundle there. A bundle of an unknown signer is rejected.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The bundle is on the machine
  classroom.kubeadm.bundle_copy:
    src: .cache/bundle/current
    dest: /srv/bundle
"""

RETURN = r"""
sent:
  description: The files that were, or would be, sent.
  returned: success
  type: list
  elements: str
  sample: [apt/InRelease, apt/pool/kubelet_1.36.3-1.1_amd64.deb]
"""
