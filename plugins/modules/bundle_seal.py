#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_seal
short_description: Make packages and images a signed bundle, or check one
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Puts package files, images of an OCI layout and, where one is given, all of another bundle into a directory, makes
    the packages signed repositories for apt and dnf, and writes C(bundle.lock.yml) with its signature.
  - The bundle is made beside its place and takes it when it is complete. A bundle that was made of the same and is
    still as it was sealed is left alone.
  - Meant for the controller, where Ansible brings PyYAML. It needs gpg, for deb packages apt-ftparchive and dpkg-deb,
    for rpm packages createrepo_c and rpm.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: Of packages and images that are still to be fetched it predicts that they make the bundle another one.
options:
  path:
    description:
      - The bundle's directory, or a link to one. A link is moved to the new bundle, which is made beside it, and the
        former one stays.
    type: path
    required: true
  state:
    description:
      - V(sealed) makes the bundle, V(verified) compares the one in O(path) with its lock and the lock with its
        signature, and changes nothing.
    type: str
    choices: [sealed, verified]
    default: sealed
  existing:
    description:
      - Directory of another bundle. Its packages, images and programs become part of this one; it is only read.
    type: path
  packages:
    description:
      - Package files, deb and rpm. One of the same name and version as in O(existing) must be the same.
    type: list
    elements: path
    default: []
  images:
    description:
      - Full references of images to add. Those of O(existing) under the same names give way.
    type: list
    elements: str
    default: []
  layout:
    description:
      - Directory of the OCI layout that has O(images), as M(classroom.kubeadm.image_mirror) fills it.
    type: path
  image_lock:
    description:
      - The lock that M(classroom.kubeadm.image_mirror) has written for O(images); the bundle gets these digests.
    type: path
  kubectl:
    description:
      - A kubectl for the controller.
    type: path
  versions:
    description:
      - Versions of components, by name, for the lock. C(kubernetes) is compared with the cluster's by other roles.
    type: dict
    default: {}
  architecture:
    description:
      - V(amd64) or V(arm64). The architecture of O(existing) if there is one, otherwise that of this machine.
    type: str
  signing_key:
    description:
      - File with an armored OpenPGP secret key without passphrase. One is made if there is none.
      - Required for O(state=sealed).
    type: path
  signed_by:
    description:
      - For O(state=verified), fingerprints of keys that may have signed the bundle; any key if empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The class has its own image in the bundle
  classroom.kubeadm.bundle_seal:
    path: /srv/course
    existing: /srv/bundle
    images: [quay.io/centos7/nginx-116-centos7:latest]
    layout: /var/cache/course/oci
    image_lock: /var/cache/course/images.lock.yml
    signing_key: /srv/signing/secret.asc

- name: The bundle is as it was sealed
  classroom.kubeadm.bundle_seal:
    path: /srv/course
    state: verified
"""

RETURN = r"""
key:
  description: Equal for bundles that were made of the same. Not known yet where check mode predicts.
  returned: success
  type: str
  sample: 0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b
signer:
  description: Fingerprint of the key that signed, or will sign, the bundle. Not known where check mode would make it.
  returned: success
  type: str
  sample: 7770268912225C222B2324E316B2F93287DCE5A0
images:
  description: Digests by reference.
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

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import assemble, gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.destination import BundleDestination
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import programs
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import lock as image_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file


def verify(module: AnsibleModule) -> dict[str, object]:
    """The bundle's own word for itself, once it and its signature are found good."""
    path = module.params["path"]
    programs.require(gpg.TOOLS)
    contents = bundle_contents.read(path)
    signer = bundle_signature.require_signer(path, bundle_signature.fingerprints(module.params["signed_by"]))
    problems = bundle_lock.all_problems(path, bundle_lock.read(path))
    if problems:
        raise ClassroomError("\n".join(problems))
    wanted = module.params["architecture"]
    if wanted and wanted != contents.architecture:
        raise ClassroomError(
            f"Wanted a bundle for {wanted}, found one for {contents.architecture} in {path}; use the bundle of the "
            "machines' architecture.")
    return answer(contents, signer)


def answer(contents: bundle_contents.Contents, signer: str) -> dict[str, object]:
    """What the module returns of a bundle."""
    return {
        "key": contents.key, "signer": signer, "images": dict(contents.images),
        "packages": [package.file for package in contents.packages],
    }


def digests(module: AnsibleModule) -> dict[str, str]:
    """Each image's digest from the lock; those that are not in it are missing in the answer."""
    path = module.params["image_lock"]
    lock = image_lock.read(path) if path else None
    known = lock.entries if lock else {}
    return {name: known[name].copied for name in module.params["images"] if name in known}


def lacking(module: AnsibleModule, images: dict[str, str]) -> list[str]:
    """What is still to be fetched, perhaps because this is check mode."""
    names = [name for name in module.params["images"] if name not in images]
    paths = [*module.params["packages"], *filter(None, [module.params["kubectl"]])]
    return names + [path for path in paths if not os.path.exists(path)]


def spec(module: AnsibleModule, images: dict[str, str]) -> assemble.BundleSpec:
    params = module.params
    return assemble.BundleSpec(
        architecture=params["architecture"] or ("" if params["existing"] else package_file.machine_architecture()),
        packages=tuple(package_file.read(path) for path in params["packages"]),
        images=images,
        layout=params["layout"] or "",
        kubectl=params["kubectl"] or "",
        existing=params["existing"] or "",
        versions=params["versions"],
    )


def why_anew(place: BundleDestination, plan: assemble.BundlePlan, signer: str) -> str:
    """Why the bundle that is in its place does not do; empty when it does."""
    if not os.path.isfile(os.path.join(place.path, bundle_lock.NAME)):
        return "there is none"
    try:
        if bundle_contents.read(place.path).key != plan.draft.key:
            return "it was made of something else"
        problems = bundle_lock.all_problems(place.path, bundle_lock.read(place.path))
        if problems:
            return problems[0]
        if bundle_signature.signer(place.path) != signer:
            return "another key has signed it"
    except ClassroomError as problem:
        return str(problem)
    return ""


def seal(module: AnsibleModule) -> tuple[list[Change], dict[str, object]]:
    """Make the bundle unless it is there; the steps and what is returned."""
    params = module.params
    require_tools(params["packages"], params["existing"])
    place = BundleDestination(params["path"])
    place.check()
    refuse_same(place, params["existing"])
    images = digests(module)
    missing = lacking(module, images)
    if missing and not module.check_mode:
        raise ClassroomError(
            "Wanted {} for the bundle, found that it is not there; fetch it first.".format(", ".join(missing)))
    secret = params["signing_key"]
    key = "" if module.check_mode and not os.path.isfile(secret) else gpg.fingerprint(secret)
    if missing or not key:
        reason = "to be fetched first: " + ", ".join(missing) if missing else "its signing key is to be made"
        return [Change("bundle", place.path, "", "made anew", reason)], {
            "key": "", "signer": key, "images": images, "packages": []}
    if module.check_mode:
        return make(module, place, images, key)
    with place.alone():
        return make(module, place, images, key)


def make(
    module: AnsibleModule, place: BundleDestination, images: dict[str, str], signer: str
) -> tuple[list[Change], dict[str, object]]:
    """The same, when all that it is made of is there."""
    plan = assemble.plan(spec(module, images), signer)
    reason = why_anew(place, plan, signer)
    if not reason:
        return [], answer(bundle_contents.read(place.path), signer)
    if module.check_mode:
        contents = plan.draft
    else:
        contents = assemble.make(plan, place.unfinished, module.params["signing_key"])
        place.take(contents.key)
        bundle_signature.record(place.path, signer)
    counted = f"{len(contents.packages)} packages, {len(contents.images)} images"
    return [Change("bundle", place.path, "", counted, reason)], answer(contents, signer)


def refuse_same(place: BundleDestination, existing: str | None) -> None:
    if existing and os.path.realpath(existing) == os.path.realpath(place.path):
        raise ClassroomError(
            f"Wanted a bundle in {place.path} made of the one in {existing}, found that they are the same directory; "
            "give the new one "
            "another place.")


def require_tools(packages: list[str], existing: str | None) -> None:
    """The tools that this bundle takes, no others."""
    needed = dict(gpg.TOOLS)
    kinds = (("apt", ".deb", bundle_repository.APT_TOOLS), ("rpm", ".rpm", bundle_repository.RPM_TOOLS))
    for family, ending, more in kinds:
        pool = os.path.join(existing, family, bundle_repository.POOL) if existing else ""
        if os.path.isdir(pool) or any(path.endswith(ending) for path in packages):
            needed.update(package_file.TOOLS[family])
            needed.update(more)
    programs.require(needed)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
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
            # A file's name is no secret, and the file is never printed
            "signing_key": {"type": "path", "no_log": False},
            "signed_by": {"type": "list", "elements": "str", "default": []},
        },
        required_if=[("state", "sealed", ["signing_key"])],
        supports_check_mode=True,
    )
    if not bundle_contents.HAS_YAML:
        module.fail_json(msg=missing_required_lib("PyYAML"))
    try:
        if module.params["state"] == "verified":
            module.exit_json(changed=False, diff=as_diff([]), **verify(module))
        steps, found = seal(module)
    except ClassroomError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="Wanted a bundle in {}, found: {}.".format(module.params["path"], error))
    module.exit_json(changed=bool(steps), diff=as_diff(steps), **found)


if __name__ == "__main__":
    main()
