#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_copy
short_description: Copy a bundle from the controller to a host that serves it
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Sends the files of a bundle that the host lacks, and replaces the served bundle only when all files have arrived and
    match its C(bundle.lock.yml). Until then the former bundle is served.
  - An interrupted copy is resumed, file by file. Files that both bundles have are neither sent nor stored twice.
  - The disk space is checked before anything is sent.
  - The host needs only Python, in particular no C(rsync), which is not available in an air-gapped environment.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  action:
    description: Has a corresponding action plugin, which sends the files.
    support: full
  check_mode:
    details: Nothing is sent, so only a real run finds a damaged file on the controller.
options:
  src:
    description: The directory of the bundle on the controller.
    type: path
    required: true
  dest:
    description: The directory of the bundle on the host.
    type: path
    required: true
  storage:
    description:
      - The directory of the host in which a registry stores its images.
      - With it, insufficient disk space for the images of the bundle that the registry lacks is an error before
        anything is sent.
    type: path
  signed_by:
    description:
      - Fingerprints of keys that may have signed the bundle. The signature is verified on the controller, by gpg.
      - If it is empty, the key must be the one that P(classroom.kubeadm.bundle#role) has written into a file next to
        O(src) when it created or unpacked the first bundle there. A bundle of an unknown signer is rejected.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Copy the bundle to the host
  classroom.kubeadm.bundle_copy:
    src: .cache/bundle/current
    dest: /srv/bundle
"""

RETURN = r"""
sent:
  description: The files that were sent (in check mode, that would be sent).
  returned: success
  type: list
  elements: str
  sample: [apt/InRelease, apt/pool/kubelet_1.36.3-1.1_amd64.deb]
"""
