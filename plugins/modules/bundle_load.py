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
  - Copies the images of the bundle into a registry that serves as a mirror, unless it has them already. Only what is
    not there is sent, and layers that several images share are sent once.
  - An image gets the name that container runtimes ask a mirror for, its repository without the host of the upstream
    registry, C(registry.k8s.io/pause:3.10.2) becomes C(pause:3.10.2). Two upstream registries with the same repository
    in one bundle are refused.
  - Images of a former bundle stay in the registry.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: Without a registry or bundle, as on a machine that is still bare, it predicts that images will be copied.
options:
  bundle:
    description:
      - Directory of the bundle. It is only read.
    type: path
    required: true
  state:
    description:
      - V(loaded) verifies the bundle and copies its images, V(verified) only verifies it. With O(registry) it also
        finds out whether the images are there, in RV(served).
    type: str
    choices: [loaded, verified]
    default: loaded
  registry:
    description:
      - Address of the registry as HOST:PORT. It is spoken to without TLS and login.
      - Required for O(state=loaded).
    type: str
  storage:
    description:
      - The directory of this machine in which the registry keeps its images.
      - With it a disk that has no room for the images that are missing is an error, before any of them is copied.
    type: path
  endpoint:
    description:
      - Where a web server of this machine passes the registry on in TLS, and with which certificate it should.
      - What it shows is in RV(certificate). It is looked at and never changed.
    type: dict
    suboptions:
      port:
        description: The TCP port.
        type: int
        required: true
      directory:
        description: The directory of M(classroom.kubeadm.server_certificate), whose authority is trusted.
        type: path
        required: true
      names:
        description: The host names and addresses for which the certificate should stand.
        type: list
        elements: str
        required: true
      renew_days:
        description: A certificate that ends within so many days will not do.
        type: int
        default: 30
  stamp:
    description:
      - Where to remember that the bundle was found good. As long as its lock and the size and time of every file are
        the same, the files are not read again. Remove it to have them read.
    type: path
    default: /var/lib/classroom-kubeadm/bundle-verified.json
"""

EXAMPLES = r"""
- name: The mirror has the images of the bundle
  classroom.kubeadm.bundle_load:
    bundle: /srv/bundle
    registry: 127.0.0.1:5000

- name: It is known whether the bundle is whole, and whether the mirror has its images
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
  description: Number of images in the bundle.
  returned: success
  type: int
  sample: 10
copied:
  description: References of the images that were, or would be, copied.
  returned: success
  type: list
  elements: str
  sample: [registry.k8s.io/pause:3.10.2]
read:
  description: Whether the files were read, or known to be good.
  returned: success
  type: bool
  sample: false
served:
  description: Whether the registry answers and has all images. Always false without O(registry).
  returned: success
  type: bool
  sample: true
certificate:
  description: What O(endpoint) shows.
  returned: success and O(endpoint) is given
  type: dict
  contains:
    problem:
      description: Why it will not do, empty when it does.
      type: str
    fingerprint:
      description: The SHA-256 digest of the certificate, empty when none was shown.
      type: str
    authority:
      description: The public certificate of its authority as PEM, empty when there is none.
      type: str
  sample:
    problem: ""
    fingerprint: sha256:1d6f...
    authority: "-----BEGIN CERTIFICATE-----..."
"""

import time
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import registry_load
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space, host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import server_certificate
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry import Registry, RegistryUnreachable

ENDPOINT_SPEC = {
    "port": {"type": "int", "required": True},
    "directory": {"type": "path", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "renew_days": {"type": "int", "default": 30},
}


def verify(module: AnsibleModule, lock: bundle_lock.Lock) -> bool:
    """Make sure that the bundle is as locked; whether its files had to be read for that."""
    bundle, stamp = module.params["bundle"], module.params["stamp"]
    found = bundle_lock.traits(bundle, lock)
    if bundle_lock.is_stamped(stamp, bundle, lock, found):
        return False
    problems = bundle_lock.problems(bundle, lock)
    if problems:
        raise ClassroomError("\n".join(problems))
    if not module.check_mode:
        bundle_lock.write_stamp(stamp, bundle, lock, found)
    return True


def load(module: AnsibleModule, lock: bundle_lock.Lock, copies: bool) -> list[Change]:
    """Have the images in the registry, if they are to be copied, and return what was not there."""
    desired = registry_load.images(lock.images)
    registry = Registry(module.params["registry"])
    silent = False
    try:
        steps = registry_load.steps(desired, registry)
    except RegistryUnreachable:
        if copies and not module.check_mode:
            raise
        silent = True
        steps = registry_load.predicted(desired, f"nothing answers at {registry.address} yet")
    lacking = [image for image in desired if image.reference in {step.target for step in steps}]
    layout = "{}/oci".format(module.params["bundle"])
    if lacking and module.params["storage"]:
        disk_space.require(module.params["storage"], registry_load.weight(layout, lacking), "the bundle's images")
    if lacking and copies and not silent and not module.check_mode:
        registry_load.fill(layout, lacking, registry)
    return steps


def look(endpoint: dict[str, Any] | None) -> dict[str, Any]:
    """What the web server shows, as a part of the module's result."""
    if endpoint is None:
        return {}
    given = dict(endpoint)
    port = given.pop("port")
    spec = server_certificate.CertificateSpec(**dict(given, names=tuple(given["names"])))
    return {"certificate": asdict(server_certificate.presented(spec, port, time.time()))}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["loaded", "verified"], "default": "loaded"},
            "registry": {"type": "str"},
            "storage": {"type": "path"},
            "endpoint": {"type": "dict", "options": ENDPOINT_SPEC},
            "stamp": {"type": "path", "default": bundle_lock.STAMP},
        },
        required_if=[("state", "loaded", ["registry"])],
        supports_check_mode=True,
    )
    loads = module.params["state"] == "loaded"
    try:
        with host_lock.changing(module.check_mode):
            lock = bundle_lock.read(module.params["bundle"])
            read = verify(module, lock)
            steps = load(module, lock, loads) if module.params["registry"] else []
        shown = look(module.params["endpoint"])
    except bundle_lock.BundleMissing as error:
        if not module.check_mode:
            module.fail_json(msg=str(error))
        lock, read = bundle_lock.Lock("", {}, {}), False
        shown = look(module.params["endpoint"])
        steps = [Change("bundle", module.params["bundle"], "absent", "in the registry", str(error))]
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    served = bool(module.params["registry"]) and not steps
    if not loads:
        steps = []
    copied = [step.target for step in steps if step.target in lock.images]
    module.exit_json(
        changed=bool(steps), images=len(lock.images), copied=copied, read=read, served=served, diff=as_diff(steps),
        **shown)


if __name__ == "__main__":
    main()
