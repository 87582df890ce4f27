#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_receive
short_description: Receive the files of a bundle on a host (used by bundle_copy)
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Used by M(classroom.kubeadm.bundle_copy), which sends the files. It is not meant to be used directly.
  - Without O(arrived) and O(finish) it returns the files of a bundle that a directory lacks, and checks the disk space.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  dest:
    description: The directory of the bundle.
    type: path
    required: true
  lock:
    description: The text of the bundle's C(bundle.lock.yml).
    type: str
    required: true
  signature:
    description: The text of the lock's signature, empty if it has none.
    type: str
    default: ""
  sizes:
    description: The size in bytes of each file that the lock names.
    type: dict
    required: true
  storage:
    description:
      - The directory in which a registry of the host stores its images. The disk space for the images of the bundle
        that it lacks is checked, too.
    type: path
  arrived:
    description: Paths of received files, by their path in the bundle. Each file is compared with the lock and stored.
    type: dict
    default: {}
  finish:
    description: Whether all files have arrived, so that the bundle replaces the one in O(dest).
    type: bool
    default: false
  stamp:
    description:
      - The file in which a verification of the bundle is recorded, for M(classroom.kubeadm.bundle_load).
      - Files that have changed since are read and compared with the lock.
    type: path
    default: /var/lib/classroom-kubeadm/bundle-verified.json
"""

EXAMPLES = r"""
- name: Check which files of a bundle a host lacks
  classroom.kubeadm.bundle_receive:
    dest: /srv/bundle
    lock: |
      schema: 1
      images:
      files:
        oci/index.json: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
    sizes: {oci/index.json: 2}
  check_mode: true
"""

RETURN = r"""
sent:
  description: The files that have to be sent.
  returned: without O(arrived) and O(finish)
  type: list
  elements: str
  sample: [apt/InRelease, apt/pool/kubelet_1.36.3-1.1_amd64.deb]
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import transfer as bundle_transfer
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff

OPTIONS: dict[str, Any] = {
    "dest": {"type": "path", "required": True},
    "lock": {"type": "str", "required": True},
    "signature": {"type": "str", "default": ""},
    "sizes": {"type": "dict", "required": True},
    "storage": {"type": "path"},
    "arrived": {"type": "dict", "default": {}},
    "finish": {"type": "bool", "default": False},
    "stamp": {"type": "path", "default": bundle_lock.STAMP},
}


def receive(params: Mapping[str, Any]) -> dict[str, Any]:
    """List missing files, store received files, or finish."""
    spec = bundle_transfer.TransferSpec(
        params["dest"], params["lock"], params["sizes"], params["signature"], params["storage"] or "")
    if params["arrived"]:
        bundle_transfer.receive(spec, params["arrived"])
        return {"changed": True}
    if params["finish"]:
        bundle_transfer.finish(spec, params["stamp"])
        return {"changed": True}
    if bundle_transfer.is_there(spec, params["stamp"]):
        return {"changed": False, "sent": [], "diff": as_diff([])}
    names = bundle_transfer.missing(spec)
    reason = "it differs from the controller's, or it is damaged"
    step = Change("bundle", spec.dest, "another or none", "\n".join(names), reason)
    return {"changed": True, "sent": names, "diff": as_diff([step])}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Do one of the three parts on the host, under the lock unless it changes nothing."""
    try:
        # Listing missing files changes nothing
        with host_lock.changing(check_mode or not (params["arrived"] or params["finish"])):
            return Outcome(receive(params))
    except OSError as problem:
        raise ClassroomError("The bundle cannot be stored: expected {} to be writable, found: {}. Correct that and run "
                             "this again. The bundle that is served stays.".format(params["dest"], problem)
                             ) from problem


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
