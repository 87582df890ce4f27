#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_seal
short_description: Create a signed bundle of packages and images, or verify one
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Stores package files, images of an OCI layout and optionally the content of another bundle in a directory, creates
    signed repositories for apt and dnf, and writes C(bundle.lock.yml) with its signature.
  - The bundle is created under a temporary name and renamed when it is complete. An intact bundle with equal inputs is
    not changed.
  - The module is meant for the controller, which has PyYAML with Ansible. It needs gpg, for deb packages apt-ftparchive
    and dpkg-deb, for rpm packages createrepo_c and rpm.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: If packages or images have not been downloaded yet, it predicts that the bundle will change.
options:
  path:
    description:
      - The directory of the bundle, or a link to one. A link is moved to the new bundle next to it, and the former one
        is kept.
    type: path
    required: true
  state:
    description:
      - The desired state.
      - V(sealed) creates the bundle.
      - V(verified) compares the bundle in O(path) with its lock and the lock with its signature, and changes nothing.
    type: str
    choices: [sealed, verified]
    default: sealed
  existing:
    description:
      - The directory of another bundle. Its packages, images and programs become part of this one. It is only read.
    type: path
  packages:
    description:
      - Paths of deb and rpm packages. A package with the same name and version as in O(existing) must be identical.
    type: list
    elements: path
    default: []
  images:
    description:
      - Full references of images to add. They replace those of O(existing) with the same names.
    type: list
    elements: str
    default: []
  layout:
    description:
      - The directory of the OCI layout that has O(images), as M(classroom.kubeadm.image_mirror) creates it.
    type: path
  image_lock:
    description:
      - The lock that M(classroom.kubeadm.image_mirror) has written for O(images). The bundle gets these digests.
    type: path
  kubectl:
    description:
      - The path of a kubectl for the controller.
    type: path
  versions:
    description:
      - Versions of components by name, for the lock. Other roles compare C(kubernetes) with the version of the cluster.
    type: dict
    default: {}
  architecture:
    description:
      - The architecture of the bundle, V(amd64) or V(arm64). The default is that of O(existing), otherwise that of the
        host.
    type: str
  signing_key:
    description:
      - A file with an armored OpenPGP secret key without passphrase. It is created if it is missing.
      - It is required for O(state=sealed).
    type: path
  signed_by:
    description:
      - For O(state=verified), fingerprints of keys that may have signed the bundle. If it is empty, every key is
        accepted.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Add an image of the class to the bundle
  classroom.kubeadm.bundle_seal:
    path: /srv/course
    existing: /srv/bundle
    images: [quay.io/centos7/nginx-116-centos7:latest]
    layout: /var/cache/course/oci
    image_lock: /var/cache/course/images.lock.yml
    signing_key: /srv/signing/secret.asc

- name: Verify that the bundle is as it was sealed
  classroom.kubeadm.bundle_seal:
    path: /srv/course
    state: verified
"""

RETURN = r"""
key:
  description: A key of the bundle, which is equal for bundles with equal inputs. It may be unknown in check mode.
  returned: success
  type: str
  sample: 0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b
signer:
  description:
    - The fingerprint of the key that signed, or will sign, the bundle. In check mode it is unknown if the key would be
      created.
  returned: success
  type: str
  sample: 7770268912225C222B2324E316B2F93287DCE5A0
images:
  description: Digests of the images by reference.
  returned: success
  type: dict
  contains:
    <reference>:
      description: Digest of the image.
      type: str
  sample: {"registry.k8s.io/pause:3.10.2": "sha256:9f2e69784e1a8f5687191a89ea261d1c7cdbfea02d806d7b328c50b07c90d1ce"}
packages:
  description: Paths of the packages in the bundle.
  returned: success
  type: list
  elements: str
  sample: [apt/pool/kubeadm_1.36.3-1.1_amd64.deb]
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import assemble, gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.destination import BundleDestination
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import programs
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import lock as image_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file

OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["sealed", "verified"], "default": "sealed"},
    "existing": {"type": "path"},
    "packages": {"type": "list", "elements": "path", "default": []},
    "images": {"type": "list", "elements": "str", "default": []},
    "layout": {"type": "path"},
    "image_lock": {"type": "path"},
    "kubectl": {"type": "path"},
    "versions": {"type": "dict", "default": {}},
    "architecture": {"type": "str"},
    # The name of the file is no secret, and its content is never printed
    "signing_key": {"type": "path", "no_log": False},
    "signed_by": {"type": "list", "elements": "str", "default": []},
}
RULES: dict[str, Any] = {"required_if": [("state", "sealed", ["signing_key"])]}


def verify(params: Mapping[str, Any]) -> dict[str, object]:
    """Verify the bundle and its signature, and return its description; raise ClassroomError."""
    path = params["path"]
    programs.require(gpg.TOOLS)
    contents = bundle_contents.read(path)
    signer = bundle_signature.require_signer(path, bundle_signature.fingerprints(params["signed_by"]))
    problems = bundle_lock.all_problems(path, bundle_lock.read(path))
    if problems:
        raise ClassroomError("\n".join(problems))
    wanted = params["architecture"]
    if wanted and wanted != contents.architecture:
        raise ClassroomError(
            f"The bundle has another architecture: expected a bundle for {wanted}, found one for "
            f"{contents.architecture} in {path}. Use a bundle for the architecture of the hosts.")
    return answer(contents, signer)


def answer(contents: bundle_contents.Contents, signer: str) -> dict[str, object]:
    """Return the description of a bundle for the module's result."""
    return {
        "key": contents.key, "signer": signer, "images": dict(contents.images),
        "packages": [package.file for package in contents.packages],
    }


def digests(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the images in the lock; images that it does not have are omitted."""
    path = params["image_lock"]
    lock = image_lock.read(path) if path else None
    known = lock.entries if lock else {}
    return {name: known[name].copied for name in params["images"] if name in known}


def lacking(params: Mapping[str, Any], images: dict[str, str]) -> list[str]:
    """Return the images and files that have not been downloaded yet, for example in check mode."""
    names = [name for name in params["images"] if name not in images]
    paths = [*params["packages"], *filter(None, [params["kubectl"]])]
    return names + [path for path in paths if not os.path.exists(path)]


def spec(params: Mapping[str, Any], images: dict[str, str]) -> assemble.BundleSpec:
    """Return the desired parts of the bundle; raise ClassroomError for an invalid package."""
    return assemble.BundleSpec(
        architecture=params["architecture"] or ("" if params["existing"] else package_file.machine_architecture()),
        packages=tuple(package_file.read(path) for path in params["packages"]),
        images=images,
        layout=params["layout"] or "",
        kubectl=params["kubectl"] or "",
        existing=params["existing"] or "",
        versions=params["versions"],
    )


def why_create(place: BundleDestination, plan: assemble.BundlePlan, signer: str) -> str:
    """Return why the bundle has to be created, empty if the existing one is the desired one and intact."""
    if not os.path.isfile(os.path.join(place.path, bundle_lock.NAME)):
        return "there is none"
    try:
        if bundle_contents.read(place.path).key != plan.draft.key:
            return "it has other inputs"
        problems = bundle_lock.all_problems(place.path, bundle_lock.read(place.path))
        if problems:
            return problems[0]
        if bundle_signature.signer(place.path) != signer:
            return "another key has signed it"
    except ClassroomError as problem:
        return str(problem)
    return ""


def seal(params: Mapping[str, Any], check_mode: bool) -> tuple[list[Change], dict[str, object]]:
    """Create the bundle if required; return the changes and the description of the bundle."""
    require_tools(params["packages"], params["existing"])
    place = BundleDestination(params["path"])
    place.check()
    reject_same(place, params["existing"])
    images = digests(params)
    missing = lacking(params, images)
    if missing and not check_mode:
        raise ClassroomError(
            "Parts of the bundle are missing: expected {}, found none of them. Download them first.".format(
                ", ".join(missing)))
    secret = params["signing_key"]
    key = "" if check_mode and not os.path.isfile(secret) else gpg.fingerprint(secret)
    if missing or not key:
        reason = "not downloaded yet: " + ", ".join(missing) if missing else "its signing key does not exist yet"
        return [Change("bundle", place.path, "", "created again", reason)], {
            "key": "", "signer": key, "images": images, "packages": []}
    if check_mode:
        return make(params, check_mode, place, images, key)
    with place.alone():
        return make(params, check_mode, place, images, key)


def make(
    params: Mapping[str, Any], check_mode: bool, place: BundleDestination, images: dict[str, str], signer: str
) -> tuple[list[Change], dict[str, object]]:
    """Create the bundle if required, when all parts exist; return the changes and the description of the bundle."""
    plan = assemble.plan(spec(params, images), signer)
    reason = why_create(place, plan, signer)
    if not reason:
        return [], answer(bundle_contents.read(place.path), signer)
    if check_mode:
        contents = plan.draft
    else:
        contents = assemble.make(plan, place.unfinished, params["signing_key"])
        place.take(contents.key)
        bundle_signature.record(place.path, signer)
    counted = f"{len(contents.packages)} packages, {len(contents.images)} images"
    return [Change("bundle", place.path, "", counted, reason)], answer(contents, signer)


def reject_same(place: BundleDestination, existing: str | None) -> None:
    """Raise ClassroomError if the existing bundle is the one to create."""
    if existing and os.path.realpath(existing) == os.path.realpath(place.path):
        raise ClassroomError(
            f"A bundle cannot be created from itself: expected {place.path} to be another directory than {existing}, "
            "found that they are the same directory. Choose another path for the new bundle.")


def require_tools(packages: list[str], existing: str | None) -> None:
    """Raise ClassroomError unless the programs that this bundle needs are installed."""
    needed = dict(gpg.TOOLS)
    kinds = (("apt", ".deb", bundle_repository.APT_TOOLS), ("rpm", ".rpm", bundle_repository.RPM_TOOLS))
    for family, ending, more in kinds:
        pool = os.path.join(existing, family, bundle_repository.POOL) if existing else ""
        if os.path.isdir(pool) or any(path.endswith(ending) for path in packages):
            needed.update(package_file.TOOLS[family])
            needed.update(more)
    programs.require(needed)


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Create or verify the bundle, and return its description."""
    if not bundle_contents.HAS_YAML:
        raise ClassroomError(missing_required_lib("PyYAML"))
    try:
        if params["state"] == "verified":
            return Outcome({"changed": False, "diff": as_diff([]), **verify(params)})
        steps, found = seal(params, check_mode)
    except OSError as error:
        raise ClassroomError("The bundle cannot be created: expected it in {}, found: {}.".format(
            params["path"], error)) from error
    return Outcome({"changed": bool(steps), "diff": as_diff(steps), **found})


OPERATION = Operation(OPTIONS, perform, RULES)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
