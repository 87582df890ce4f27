#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_certificate
short_description: Issue a server certificate from a private CA on the same host
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Creates a certificate authority once, and issues one certificate for a server of this host.
  - The certificate is replaced before it expires, when names change, or when its key does not match. The authority is
    kept as long as possible, because every client has to trust a new one.
  - Both keys are generated on the host by C(openssl), are readable by root only, and never leave the host; neither
    results nor differences show them.
  - The directory gets the files C(ca.crt), C(ca.key), C(server.crt) and C(server.key).
requirements:
  - openssl
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  directory:
    description: The directory of the files.
    type: path
    required: true
  names:
    description: The host names and addresses for which the certificate is valid.
    type: list
    elements: str
    required: true
  exclusive:
    description:
      - Whether the certificate may have no other names than O(names). With V(false), a new certificate also has the
        names of the former one, for a server that several inventories know by different names.
    type: bool
    default: true
  authority:
    description: The name of the authority, for display.
    type: str
    default: Private CA
  days:
    description: The number of days for which a new certificate is valid.
    type: int
    default: 397
  authority_days:
    description: The number of days for which a new authority is valid.
    type: int
    default: 3650
  renew_days:
    description:
      - A certificate that expires within this number of days is replaced. If the authority expires within twice this
        number of days, it is replaced first. No certificate is valid for longer than its authority.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Issue the certificate of the registry
  classroom.kubeadm.server_certificate:
    directory: /etc/classroom-registry/tls
    names: [192.168.90.10, utility.example.com, utility]
    authority: Registry of utility.example.com
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample: ["certificate /etc/classroom-registry/tls/server.crt: it ends on 2027-01-02 10:00:00 UTC"]
authority:
  description: The public certificate of the authority as PEM, empty in check mode if there is none yet.
  returned: success
  type: str
  sample: "-----BEGIN CERTIFICATE-----..."
fingerprint:
  description: The SHA-256 digest of the certificate, empty in check mode if there is none yet.
  returned: success
  type: str
  sample: sha256:1d6f...
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import server_certificate

OPTIONS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "authority": {"type": "str", "default": "Private CA"},
    "days": {"type": "int", "default": 397},
    "authority_days": {"type": "int", "default": 3650},
    "renew_days": {"type": "int", "default": 30},
    "exclusive": {"type": "bool", "default": True},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Plan the changes, apply them unless in check mode, and return them with the certificates."""
    spec = server_certificate.CertificateSpec(**dict(params, names=tuple(params["names"])))
    with host_lock.changing(check_mode):
        server_certificate.validate(spec)
        state = server_certificate.read_state(spec, time.time())
        spec = server_certificate.with_found_names(spec, state)
        steps = server_certificate.plan(spec, state)
        if not check_mode:
            server_certificate.apply(spec, steps, run)
        found = server_certificate.made(spec)
    return Outcome({
        "changed": bool(steps), "changes": as_changes(steps), "diff": as_diff(steps), "authority": found.authority,
        "fingerprint": found.fingerprint})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
