#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_certificate
short_description: A server's certificate from a private CA on the same machine
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Makes a certificate authority once, and with it one certificate for a server of this machine.
  - The certificate is made anew before it ends, when names change, or when its key does not fit. The authority is kept
    as long as it can be, because everybody who trusts it would have to be told of another one.
  - Both keys are made on the machine by its C(openssl), are readable by root only, and never leave it; neither results
    nor differences show them.
  - The directory gets C(ca.crt), C(ca.key), C(server.crt) and C(server.key).
requirements:
  - openssl
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  directory:
    description: Where the files are.
    type: path
    required: true
  names:
    description: The host names and addresses for which the certificate stands.
    type: list
    elements: str
    required: true
  authority:
    description: The name of the authority, for people.
    type: str
    default: Private CA
  days:
    description: How many days a new certificate is valid.
    type: int
    default: 397
  authority_days:
    description: How many days a new authority is valid.
    type: int
    default: 3650
  renew_days:
    description:
      - A certificate that ends within so many days is made anew, by a new authority if that has less than twice as many
        left. No certificate outlives its authority.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: The registry has a certificate
  classroom.kubeadm.server_certificate:
    directory: /etc/classroom-registry/tls
    names: [192.168.90.10, utility.example.com, utility]
    authority: Registry of utility.example.com
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["certificate /etc/classroom-registry/tls/server.crt: it ends on 2027-01-02 10:00:00 UTC"]
authority:
  description: The public certificate of the authority as PEM. Empty in check mode when there is none yet.
  returned: success
  type: str
  sample: "-----BEGIN CERTIFICATE-----..."
fingerprint:
  description: The SHA-256 digest of the certificate. Empty in check mode when there is none yet.
  returned: success
  type: str
  sample: sha256:1d6f...
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import server_certificate


def certify(module: AnsibleModule) -> None:
    given = dict(module.params)
    spec = server_certificate.CertificateSpec(**dict(given, names=tuple(given["names"])))
    server_certificate.validate(spec)
    steps = server_certificate.plan(spec, server_certificate.read_state(spec, time.time()))
    if not module.check_mode:
        server_certificate.apply(spec, steps, run)
    found = server_certificate.made(spec)
    module.exit_json(changed=bool(steps), changes=as_changes(steps), diff=as_diff(steps),
                     authority=found.authority, fingerprint=found.fingerprint)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "authority": {"type": "str", "default": "Private CA"},
            "days": {"type": "int", "default": 397},
            "authority_days": {"type": "int", "default": 3650},
            "renew_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        with host_lock.changing(module.check_mode):
            certify(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
