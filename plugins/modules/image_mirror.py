#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_mirror
short_description: Copy a list of images, by digest, as a whole and verifiably
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Copies images from registries, directories, OCI layouts or the storage of podman and CRI-O to a registry, a
    directory or an OCI layout. C(skopeo) moves what is missing.
  - What each tag stands for is asked once and kept in O(lock). From then on everything is copied and compared by
    digest.
  - An image that fails does not stop the others. The error names all that failed, with the reason of each.
  - A copy that was interrupted is resumed. In a registry, a directory and an OCI layout alike, layers that are there
    are not moved again, and an image has its name only when all of it is there.
  - With a complete lock and a complete destination the source is not asked at all, unless O(compare) is set. It may be
    switched off then.
  - Signatures are not copied. What is copied is what the digests in the lock say.
notes:
  - Needs skopeo, 1.9 or later, on the machine on which it runs.
  - C(podman login) and the like of the user who runs this are not used, only O(authfile).
  - The places of registries' certificate authorities that skopeo knows, C(/etc/containers/certs.d) and
    C(/etc/docker/certs.d), are used as well.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  images:
    description:
      - References with tag or digest. One without either is refused, since V(latest) is to be written where it is
        meant.
      - A reference with a digest is copied with all of its platforms, otherwise nothing would have that digest.
    type: list
    elements: str
    required: true
  source:
    description: Where the images are.
    type: dict
    default: {type: registry}
    suboptions:
      type:
        description:
          - V(registry) is the registries that the references name, or the one at O(source.address).
          - V(dir) is a tree as C(skopeo sync) writes it, V(oci) an OCI layout, V(containers_storage) what podman,
            buildah and CRI-O have.
        type: str
        choices: [registry, dir, oci, containers_storage]
        default: registry
      path:
        description: The directory; for V(containers_storage) a storage that is not the default one.
        type: path
      scoped:
        description: Whether a V(dir) has the whole name of each image, as by C(skopeo sync --scoped).
        type: bool
        default: false
      address:
        description: A registry as HOST:PORT or HOST:PORT/PATH that has the images in place of those they come from.
        type: str
      names:
        description: As for O(destination.names).
        type: str
        choices: [mirror, scoped]
        default: mirror
      tls:
        description: Whether registries are spoken to with TLS.
        type: bool
        default: true
      ca:
        description: A file (PEM) with the certificate authority of the registry, beside those that the system trusts.
        type: path
  destination:
    description: Where the images are to be.
    type: dict
    required: true
    suboptions:
      type:
        description: As for O(source.type).
        type: str
        choices: [registry, dir, oci]
        required: true
      path:
        description:
          - The directory of a V(dir) or V(oci), made if it is not there.
          - In an OCI layout the name of an image is its full reference.
        type: path
      scoped:
        description:
          - Whether a V(dir) has the whole name of each image, as by C(skopeo sync --scoped). Without it two images with
            the same last part of the name are refused.
        type: bool
        default: false
      address:
        description: The registry as HOST:PORT or HOST:PORT/PATH.
        type: str
      names:
        description:
          - V(mirror) leaves the host away, C(registry.k8s.io/pause:3.10.2) becomes C(pause:3.10.2), as a container
            runtime asks a mirror. Two hosts with the same repository are refused then.
          - V(scoped) keeps it, C(registry.k8s.io/pause:3.10.2) below the address.
        type: str
        choices: [mirror, scoped]
        default: mirror
      tls:
        description: Whether the registry is spoken to with TLS.
        type: bool
        default: true
      ca:
        description: A file (PEM) with the certificate authority of the registry, beside those that the system trusts.
        type: path
  lock:
    description:
      - The file that has the digest of each image, written when an image is resolved for the first time.
      - A lock of other images or platforms, or a damaged one, is refused.
    type: path
    required: true
  update:
    description:
      - References that are resolved anew although they are locked. One that is not in O(images) leaves the lock.
      - Nothing else takes over a tag that stands for something else now. It is named in RV(moved) and in a warning, and
        the locked digest is copied as long as the source has it.
    type: list
    elements: str
    default: []
  compare:
    description:
      - Ask the source for the digest of every tag, to find those that moved. Without it only tags of images that have
        to be copied are compared.
    type: bool
    default: false
  platforms:
    description:
      - Which images of a list for several platforms are wanted, as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, or
        V(all) alone.
      - Of one platform the image itself is copied, of several a list of these. An image that is no list is copied as
        it is.
    type: list
    elements: str
    default: [linux/amd64]
  authfile:
    description:
      - Credentials for registries, a file as C(skopeo login --authfile) writes it. Without it registries are asked
        anonymously.
    type: path
  retries:
    description: How often an image is tried again after a failure that may pass, with a longer pause each time.
    type: int
    default: 3
  parallel:
    description: How many images are copied at the same time.
    type: int
    default: 4
  timeout:
    description:
      - Seconds for an answer of a registry, and seconds in which a copy must move something. An image may take longer.
    type: int
    default: 120
  wait:
    description: Seconds to wait for another run that works on the same lock or directory. Then this one is refused.
    type: int
    default: 600
  state:
    description:
      - V(present) copies what is missing. What is there is compared by manifests and the sizes of files.
      - V(verified) only looks, thoroughly. Every blob is asked for in a registry, and read in a directory or OCI
        layout. It fails with all that is missing or different.
    type: str
    choices: [present, verified]
    default: present
  report:
    description: Where to write the result as JSON. Not written in check mode.
    type: path
  progress:
    description: A file that gets a line for each step while this runs, for C(tail -f). Not written in check mode.
    type: path
"""

EXAMPLES = r"""
- name: An OCI layout has upstream's images, as they were when they were locked
  classroom.kubeadm.image_mirror:
    images:
      - registry.k8s.io/pause:3.10.2
      - quay.io/centos7/nginx-116-centos7:latest
    destination:
      type: oci
      path: /srv/images
    lock: /srv/images.lock.yml
    progress: /srv/images.log

- name: The school's registry has them
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

- name: Nothing is missing there
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

- name: The course's own image is taken as its tag stands today
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
  description: What became of each image.
  returned: unless the options, the lock or the space on the disk were refused
  type: list
  elements: dict
  contains:
    reference:
      description: The full name.
      type: str
    source:
      description: Where it comes from.
      type: str
    digest:
      description: The digest that it has, or should have, in the destination. Empty if it could not be resolved.
      type: str
    size:
      description: Bytes of all that belongs to it, 0 if that is not known.
      type: int
    seconds:
      description: How long copying it took.
      type: float
    state:
      description:
        - V(present) was there, V(copied) was copied or would be in check mode, V(failed) could not be.
        - With O(state=verified) V(missing) is not there, and V(different) is another image or not whole.
      type: str
    error:
      description: Why it is not there, empty if it is.
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
  description: Tags that stand for something else at the source than in the lock. The lock was kept.
  returned: as RV(images)
  type: list
  elements: dict
  contains:
    reference:
      description: The full name.
      type: str
    locked:
      description: The digest in the lock.
      type: str
    upstream:
      description: The digest at the source.
      type: str
  sample: []
seconds:
  description: How long it took.
  returned: as RV(images)
  type: float
  sample: 12.3
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
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
ARGUMENTS = {
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


def spec_of(module: AnsibleModule) -> image_mirror.MirrorSpec:
    """The module's options, judged."""
    params = module.params
    platforms = params["platforms"]
    if platforms != [ALL] and not (platforms and all(PLATFORM.fullmatch(platform) for platform in platforms)):
        raise ClassroomError(
            "Wanted platforms like linux/amd64, or '{}' alone, found {}; correct the option platforms.".format(
                ALL, ", ".join(platforms) or "none"))
    for option in ("parallel", "timeout"):
        if params[option] < 1:
            raise ClassroomError(f"Wanted {option} to be at least 1, found {params[option]}.")
    return image_mirror.MirrorSpec(
        images=image_mirror.asked(params["images"]),
        source=endpoints.parsed(params["source"]),
        destination=endpoints.parsed(params["destination"]),
        lock=params["lock"],
        platforms=tuple(dict.fromkeys(platforms)),
        update=frozenset(image_mirror.asked(params["update"])),
        compare=params["compare"],
        verified=params["state"] == "verified",
        check=module.check_mode,
        parallel=params["parallel"],
        wait=params["wait"],
    )


def run(module: AnsibleModule) -> None:
    """Mirror or look, and end the module with what became of each image."""
    params = module.params
    spec = spec_of(module)
    means = endpoints.TransferOptions(
        module.tmpdir, params["authfile"] or "", registry_auth.read(params["authfile"] or ""), params["timeout"],
        max(params["retries"], 0))
    progress = image_mirror.Progress("" if module.check_mode else params["progress"] or "")
    outcome = image_mirror.mirror(spec, means, progress)
    report = image_mirror.report(spec, outcome)
    if params["report"] and not module.check_mode:
        image_mirror.write_report(params["report"], report)
    for moved in outcome.moved:
        module.warn(image_mirror.moved_sentence(moved))
    result = {
        "changed": bool(outcome.steps), "images": report["images"], "moved": report["moved"],
        "seconds": report["seconds"], "diff": as_diff(outcome.steps),
    }
    problem = image_mirror.sentences(spec, outcome)
    if problem:
        module.fail_json(msg=problem, **result)
    module.exit_json(**result)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        run(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
