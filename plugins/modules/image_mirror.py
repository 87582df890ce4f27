#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_mirror
short_description: Mirror a list of images by digest
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Copies images from registries, directories, OCI layouts or the storage of podman and CRI-O to a registry, a
    directory or an OCI layout. C(skopeo) copies missing images.
  - Each tag is resolved once, and its digest is stored in O(lock). From then on all images are copied and compared by
    digest.
  - A failed image does not stop the others. The error names all failed images, each with its reason.
  - An interrupted copy is resumed. In a registry, a directory and an OCI layout, existing layers are not copied again,
    and an image gets its name only when it is complete.
  - With a complete lock and a complete destination the source is not contacted, unless O(compare) is set. It may be
    unreachable then.
  - Signatures are not copied. The digests in the lock determine the copied content.
notes:
  - skopeo 1.9 or later is required on the host.
  - Logins of the user such as C(podman login) are not used, only O(authfile).
  - The CAs of registries in skopeo's directories C(/etc/containers/certs.d) and C(/etc/docker/certs.d) are used, too.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  images:
    description:
      - References with tag or digest. A reference without both is rejected; V(latest) must be written explicitly.
      - A reference with a digest is copied with all of its platforms, since otherwise the copy would have another
        digest.
    type: list
    elements: str
    required: true
  source:
    description: The source of the images.
    type: dict
    default: {type: registry}
    suboptions:
      type:
        description:
          - The kind of source.
          - V(registry) is the registries that the references name, or the one at O(source.address).
          - V(dir) is a tree in the format of C(skopeo sync), V(oci) an OCI layout, V(containers_storage) the storage of
            podman, buildah and CRI-O.
        type: str
        choices: [registry, dir, oci, containers_storage]
        default: registry
      path:
        description: The directory. For V(containers_storage) it is a storage other than the default one.
        type: path
      scoped:
        description: Whether a V(dir) has the whole name of each image, as with C(skopeo sync --scoped).
        type: bool
        default: false
      address:
        description: A registry as HOST:PORT or HOST:PORT/PATH that replaces the registries of the references.
        type: str
      names:
        description: The names of images in the registry, see O(destination.names).
        type: str
        choices: [mirror, scoped]
        default: mirror
      tls:
        description: Whether registries use TLS.
        type: bool
        default: true
      ca:
        description: A file (PEM) with the CA of the registry, in addition to those that the system trusts.
        type: path
  destination:
    description: The destination of the images.
    type: dict
    required: true
    suboptions:
      type:
        description: The kind of destination, see O(source.type).
        type: str
        choices: [registry, dir, oci]
        required: true
      path:
        description:
          - The directory of a V(dir) or V(oci). It is created if it is missing.
          - In an OCI layout the name of an image is its full reference.
        type: path
      scoped:
        description:
          - Whether a V(dir) has the whole name of each image, as with C(skopeo sync --scoped). Without it two images
            with the same last part of the name are rejected.
        type: bool
        default: false
      address:
        description: The registry as HOST:PORT or HOST:PORT/PATH.
        type: str
      names:
        description:
          - The names of images in the registry.
          - V(mirror) omits the host as container runtimes do for a mirror, so C(registry.k8s.io/pause:3.10.2) becomes
            C(pause:3.10.2). Two hosts with the same repository are rejected then.
          - V(scoped) keeps the host, so the image is C(registry.k8s.io/pause:3.10.2) below the address.
        type: str
        choices: [mirror, scoped]
        default: mirror
      tls:
        description: Whether the registry uses TLS.
        type: bool
        default: true
      ca:
        description: A file (PEM) with the CA of the registry, in addition to those that the system trusts.
        type: path
  lock:
    description:
      - The file with the digest of each image. It is written when an image is resolved for the first time.
      - A lock of other images or platforms, or a damaged one, is rejected.
    type: path
    required: true
  update:
    description:
      - Locked references that are resolved again. A reference that is not in O(images) is removed from the lock.
      - Other tags keep their locked digest. A tag that has changed is named in RV(moved) and in a warning, and the
        locked digest is copied as long as the source has it.
    type: list
    elements: str
    default: []
  compare:
    description:
      - Whether to query the source for the digest of every tag, to find tags that have changed. Without it only tags of
        images that have to be copied are compared.
    type: bool
    default: false
  platforms:
    description:
      - The platforms to copy of an image for several platforms, as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, or only
        V(all).
      - For one platform the image itself is copied, for several a list of these. An image that is no list is copied
        unchanged.
    type: list
    elements: str
    default: [linux/amd64]
  authfile:
    description:
      - A file with credentials for registries, as C(skopeo login --authfile) writes it. Without it requests are
        anonymous.
    type: path
  retries:
    description: How often an image is retried after a temporary failure, with an increasing delay.
    type: int
    default: 3
  parallel:
    description: How many images are copied at the same time.
    type: int
    default: 4
  timeout:
    description:
      - The timeout for a response of a registry, and for a copy without progress, in seconds. The copy of an image may
        take longer.
    type: int
    default: 120
  wait:
    description:
      - How long to wait for another run on the same lock or directory, in seconds. After that the module fails.
    type: int
    default: 600
  state:
    description:
      - The desired state of the destination.
      - V(present) copies missing images. Existing ones are compared by manifests and the sizes of files.
      - V(verified) changes nothing. It queries every blob in a registry, and reads every blob in a directory or OCI
        layout. It fails and names all images that are missing or different.
    type: str
    choices: [present, verified]
    default: present
  report:
    description: A file for the result as JSON. It is not written in check mode.
    type: path
  progress:
    description: A file that gets a line for each step during the run, for C(tail -f). It is not written in check mode.
    type: path
"""

EXAMPLES = r"""
- name: Mirror images from upstream to an OCI layout, with the locked digests
  classroom.kubeadm.image_mirror:
    images:
      - registry.k8s.io/pause:3.10.2
      - quay.io/centos7/nginx-116-centos7:latest
    destination:
      type: oci
      path: /srv/images
    lock: /srv/images.lock.yml
    progress: /srv/images.log

- name: Copy images from the OCI layout to the registry of the school
  classroom.kubeadm.image_mirror:
    images:
      - registry.k8s.io/pause:3.10.2
      - quay.io/centos7/nginx-116-centos7:latest
    source:
      type: oci
      path: /srv/images
    destination:
      type: registry
      address: registry.example.com:5000
      ca: /etc/classroom/ca.crt
    authfile: /etc/classroom/auth.json
    lock: /srv/images.lock.yml

- name: Verify the images in the registry
  classroom.kubeadm.image_mirror:
    images:
      - registry.k8s.io/pause:3.10.2
      - quay.io/centos7/nginx-116-centos7:latest
    destination:
      type: registry
      address: registry.example.com:5000
      ca: /etc/classroom/ca.crt
    lock: /srv/images.lock.yml
    state: verified

- name: Update one image to the current digest of its tag
  classroom.kubeadm.image_mirror:
    images:
      - registry.k8s.io/pause:3.10.2
      - quay.io/centos7/nginx-116-centos7:latest
    destination:
      type: oci
      path: /srv/images
    lock: /srv/images.lock.yml
    update:
      - quay.io/centos7/nginx-116-centos7:latest
"""

RETURN = r"""
images:
  description: The result for each image.
  returned: unless the options, the lock or the disk space were rejected
  type: list
  elements: dict
  contains:
    reference:
      description: The full name of the image.
      type: str
    source:
      description: The name of the image at the source.
      type: str
    digest:
      description: The actual or desired digest in the destination, empty if the image could not be resolved.
      type: str
    size:
      description: The size of the whole image in bytes, 0 if it is not known.
      type: int
    seconds:
      description: The duration of the copy, in seconds.
      type: float
    state:
      description:
        - The state is V(present) if the image existed before, V(copied) if it was copied (in check mode, if it would
          be), or V(failed).
        - With O(state=verified) it may be V(missing), or V(different) for another or an incomplete image.
      type: str
    error:
      description: The reason why the image is not present, otherwise empty.
      type: str
  sample:
    - reference: registry.k8s.io/pause:3.10.2
      source: docker://registry.k8s.io/pause
      digest: sha256:9f2e69784e1a8f5687191a89ea261d1c7cdbfea02d806d7b328c50b07c90d1ce
      size: 321654
      seconds: 0.4
      state: copied
      error: ""
moved:
  description: Tags with another digest at the source than in the lock. The lock was not changed.
  returned: as RV(images)
  type: list
  elements: dict
  contains:
    reference:
      description: The full name of the image.
      type: str
    locked:
      description: The digest in the lock.
      type: str
    upstream:
      description: The digest at the source.
      type: str
  sample: []
seconds:
  description: The duration of the run, in seconds.
  returned: as RV(images)
  type: float
  sample: 12.3
"""

import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import endpoints, registry_auth
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import mirror as image_mirror
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.manifest import ALL, PLATFORM

PLACE = {
    "path": {"type": "path"},
    "scoped": {"type": "bool", "default": False},
    "address": {"type": "str"},
    "names": {"type": "str", "choices": ["mirror", "scoped"], "default": "mirror"},
    "tls": {"type": "bool", "default": True},
    "ca": {"type": "path"},
}
OPTIONS: dict[str, Any] = {
    "images": {"type": "list", "elements": "str", "required": True},
    "source": {
        "type": "dict",
        "default": {"type": "registry"},
        "options": {
            "type": {
                "type": "str", "choices": ["registry", "dir", "oci", "containers_storage"], "default": "registry"},
            **PLACE,
        },
        "required_if": [("type", "dir", ["path"]), ("type", "oci", ["path"])],
    },
    "destination": {
        "type": "dict",
        "required": True,
        "options": {"type": {"type": "str", "choices": ["registry", "dir", "oci"], "required": True}, **PLACE},
        "required_if": [
            ("type", "registry", ["address"]), ("type", "dir", ["path"]), ("type", "oci", ["path"])],
    },
    "lock": {"type": "path", "required": True},
    "update": {"type": "list", "elements": "str", "default": []},
    "compare": {"type": "bool", "default": False},
    "platforms": {"type": "list", "elements": "str", "default": ["linux/amd64"]},
    "authfile": {"type": "path"},
    "retries": {"type": "int", "default": 3},
    "parallel": {"type": "int", "default": 4},
    "timeout": {"type": "int", "default": 120},
    "wait": {"type": "int", "default": 600},
    "state": {"type": "str", "choices": ["present", "verified"], "default": "present"},
    "report": {"type": "path"},
    "progress": {"type": "path"},
}


def spec_of(params: Mapping[str, Any], check_mode: bool) -> image_mirror.MirrorSpec:
    """Return the validated options of the module; raise ClassroomError for invalid ones."""
    platforms = params["platforms"]
    if platforms != [ALL] and not (platforms and all(PLATFORM.fullmatch(platform) for platform in platforms)):
        raise ClassroomError(
            "The option platforms is invalid: expected platforms like linux/amd64, or '{}' alone, found {}. Correct "
            "it.".format(
                ALL, ", ".join(platforms) or "none"))
    for option in ("parallel", "timeout"):
        if params[option] < 1:
            raise ClassroomError(
                f"The option {option} is invalid: expected a number of at least 1, found {params[option]}. Correct it.")
    return image_mirror.MirrorSpec(
        images=image_mirror.asked(params["images"]),
        source=endpoints.parsed(params["source"]),
        destination=endpoints.parsed(params["destination"]),
        lock=params["lock"],
        platforms=tuple(dict.fromkeys(platforms)),
        update=frozenset(image_mirror.asked(params["update"])),
        compare=params["compare"],
        verified=params["state"] == "verified",
        check=check_mode,
        parallel=params["parallel"],
        wait=params["wait"],
    )


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Mirror or verify the images, and return the result for each image."""
    spec = spec_of(params, check_mode)
    # Where skopeo stores large files, too: /tmp may be in memory
    directory = None if "TMPDIR" in os.environ else "/var/tmp"
    with tempfile.TemporaryDirectory(prefix="classroom-mirror-", dir=directory) as work:
        means = endpoints.TransferOptions(
            work, params["authfile"] or "", registry_auth.read(params["authfile"] or ""), params["timeout"],
            max(params["retries"], 0))
        progress = image_mirror.Progress("" if check_mode else params["progress"] or "")
        outcome = image_mirror.mirror(spec, means, progress)
    report = image_mirror.report(spec, outcome)
    if params["report"] and not check_mode:
        image_mirror.write_report(params["report"], report)
    values = {
        "changed": bool(outcome.steps), "images": report["images"], "moved": report["moved"],
        "seconds": report["seconds"], "diff": as_diff(outcome.steps),
    }
    warnings = tuple(image_mirror.moved_message(moved) for moved in outcome.moved)
    return Outcome(values, warnings, image_mirror.failure_message(spec, outcome))


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
