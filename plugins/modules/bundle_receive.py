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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import transfer as bundle_transfer
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff


def perform(module: AnsibleModule) -> None:
    """Perform one of the three parts on the host: list missing files, store received files, or finish."""
    given = module.params
    spec = bundle_transfer.TransferSpec(given["dest"], given["lock"], given["sizes"], given["signature"])
    if given["arrived"]:
        bundle_transfer.receive(spec, given["arrived"])
        module.exit_json(changed=True)
    if given["finish"]:
        bundle_transfer.finish(spec, given["stamp"])
        module.exit_json(changed=True)
    if bundle_transfer.is_there(spec, given["stamp"]):
        module.exit_json(changed=False, sent=[], diff=as_diff([]))
    names = bundle_transfer.missing(spec)
    reason = "it differs from the controller's, or it is damaged"
    step = Change("bundle", spec.dest, "another or none", "\n".join(names), reason)
    module.exit_json(changed=True, sent=names, diff=as_diff([step]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "lock": {"type": "str", "required": True},
            "signature": {"type": "str", "default": ""},
            "sizes": {"type": "dict", "required": True},
            "arrived": {"type": "dict", "default": {}},
            "finish": {"type": "bool", "default": False},
            "stamp": {"type": "path", "default": bundle_lock.STAMP},
        },
        supports_check_mode=True,
    )
    try:
        # Listing missing files changes nothing
        with host_lock.changing(module.check_mode or not (module.params["arrived"] or module.params["finish"])):
            perform(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))
    except OSError as problem:
        module.fail_json(msg="The bundle cannot be stored: expected {} to be writable, found: {}. Correct that and run "
                         "this again. The bundle that is served stays.".format(module.params["dest"], problem))


if __name__ == "__main__":
    main()
