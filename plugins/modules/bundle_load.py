#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_load
short_description: Verify a bundle and load its images into a registry
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Compares every file of a bundle with the checksums in its C(bundle.lock.yml).
  - Copies the images of the bundle into a registry that serves as a mirror, unless it has them already. Only missing
    layers are sent, and layers that several images share are sent once.
  - An image gets the name that container runtimes request from a mirror, which is its repository without the host of
    the upstream registry. So C(registry.k8s.io/pause:3.10.2) becomes C(pause:3.10.2). Two upstream registries with the
    same repository in one bundle are rejected.
  - Images of a former bundle stay in the registry.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: Without a registry or bundle, as on a new host, it predicts that images will be copied.
options:
  bundle:
    description:
      - The directory of the bundle. It is only read.
    type: path
    required: true
  state:
    description:
      - The desired state.
      - V(loaded) verifies the bundle and copies its images.
      - V(verified) only verifies it. With O(registry) it also checks whether the registry has the images, see
        RV(served).
    type: str
    choices: [loaded, verified]
    default: loaded
  registry:
    description:
      - The address of the registry as HOST:PORT. It is used without TLS and login.
      - It is required for O(state=loaded).
    type: str
  storage:
    description:
      - The directory of the host in which the registry stores its images.
      - With it, insufficient disk space for the missing images is an error before any of them is copied.
    type: path
  endpoint:
    description:
      - The TLS endpoint of a web server of the host that forwards requests to the registry, and its expected
        certificate.
      - The certificate is returned in RV(certificate) and never changed.
    type: dict
    suboptions:
      port:
        description: The TCP port.
        type: int
        required: true
      directory:
        description: The directory of M(classroom.kubeadm.server_certificate), whose CA is trusted.
        type: path
        required: true
      names:
        description: The host names and addresses that the certificate must have.
        type: list
        elements: str
        required: true
      exclusive:
        description: Whether a certificate with additional names is rejected.
        type: bool
        default: true
      renew_days:
        description: The number of days before its expiry from which a certificate is rejected.
        type: int
        default: 30
  stamp:
    description:
      - The file in which a successful verification of the bundle is recorded. While its lock and the size and time of
        every file are the same, the files are not read again. Remove the file to read them again.
    type: path
    default: /var/lib/classroom-kubeadm/bundle-verified.json
"""

EXAMPLES = r"""
- name: Load the images of the bundle into the mirror
  classroom.kubeadm.bundle_load:
    bundle: /srv/bundle
    registry: 127.0.0.1:5000

- name: Verify the bundle, and check whether the mirror has its images
  classroom.kubeadm.bundle_load:
    bundle: /srv/bundle
    state: verified
    registry: 127.0.0.1:5000
    endpoint:
      port: 443
      directory: /etc/classroom-registry/tls
      names: [192.168.90.10, utility.example.com]
"""

RETURN = r"""
images:
  description: The number of images in the bundle.
  returned: success
  type: int
  sample: 10
copied:
  description: References of the images that were copied (in check mode, that would be copied).
  returned: success
  type: list
  elements: str
  sample: [registry.k8s.io/pause:3.10.2]
read:
  description: Whether the files of the bundle were read. They are not read if their verification is recorded.
  returned: success
  type: bool
  sample: false
served:
  description: Whether the registry is reachable and has all images. It is always false without O(registry).
  returned: success
  type: bool
  sample: true
certificate:
  description: The certificate of O(endpoint).
  returned: success and O(endpoint) is given
  type: dict
  contains:
    problem:
      description: The reason why the certificate is rejected, empty if it is not.
      type: str
    fingerprint:
      description: The SHA-256 digest of the certificate, empty if there was none.
      type: str
    authority:
      description: The certificate of its CA as PEM, empty if there is none.
      type: str
  sample:
    problem: ""
    fingerprint: sha256:1d6f...
    authority: "-----BEGIN CERTIFICATE-----..."
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.bundle_load import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
