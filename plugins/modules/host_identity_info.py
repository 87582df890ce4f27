#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_identity_info
short_description: Gather identifiers that must be unique per host
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads the identifiers that distinguish hosts. All of them are public facts. The filter
    P(classroom.kubeadm.enroll_report#filter) compares those of several hosts to find clones.
  - Without root privileges the C(product_uuid) stays empty.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.read_only
seealso:
  - module: classroom.kubeadm.residue_info
"""

EXAMPLES = r"""
- name: Gather the identifiers of the host
  classroom.kubeadm.host_identity_info:
  become: true
  register: who
"""

RETURN = r"""
identity:
  description: Public facts that must be unique per host, as RV(classroom.kubeadm.residue_info#module:identity)
    describes them.
  returned: success
  type: dict
  contains:
    container:
      description: Whether the host is a container, which has the C(product_uuid) of its own host.
      type: bool
    machine_id:
      description: Content of C(/etc/machine-id).
      type: str
    product_uuid:
      description: UUID of the firmware, empty if there is none.
      type: str
    mac_addresses:
      description: MAC addresses of the host's own network interfaces, by interface.
      type: dict
      contains:
        <interface>:
          description: MAC address of the interface.
          type: str
    ssh_host_keys:
      description: Fingerprints of the SSH host keys, by type.
      type: dict
      contains:
        <type>:
          description: Fingerprint of the key.
          type: str
  sample:
    container: false
    machine_id: 0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa
    product_uuid: 6f1d3c1e-40a8-4a53-9a5e-0c9e0f6a2b11
    mac_addresses: {eth0: "52:54:00:12:34:56"}
    ssh_host_keys: {ssh-ed25519: "SHA256:Yc0kZ2nJ0m0m1QnVQ6b7m0X9Xr0vJcX7m8c4Jt1cW1E"}
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._audit import identity
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext

OPTIONS: dict[str, Any] = {}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Return the identity of the host; nothing is changed."""
    return Outcome({"changed": False, "identity": identity.identity(NodeContext())})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
