#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_archive
short_description: Pack a bundle into one file, or verify or unpack such a file
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Stores a bundle in one file, for example for a USB drive. The file is a tar compressed with zstd. Its checksum is in
    a file next to it whose name ends in C(.sha256), and the checksums of all files in it are in the signed lock at its
    begin.
  - All files are compared with the lock, and the lock with its signature. A damaged, missing or unexpected file is
    named, and an existing bundle is not replaced then.
  - New files are written under temporary names and renamed when they are complete. The disk space is checked before.
  - The module is meant for the controller, which has PyYAML with Ansible. It needs zstd and gpg.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  check_mode:
    details: An archive that would be unpacked is read and verified as with O(state=checked).
options:
  archive:
    description:
      - The path of the file, usually with a name that ends in C(.tar.zst).
    type: path
    required: true
  bundle:
    description:
      - The directory of the bundle, or a link to one. It is required unless O(state=checked).
      - The unpacked bundle replaces an existing one. A link is moved to the new bundle, and the former one is kept next
        to it.
    type: path
  state:
    description:
      - The desired state.
      - V(packed) verifies the bundle and writes the archive, unless it has exactly this bundle.
      - V(checked) verifies an archive and changes nothing.
      - V(unpacked) verifies an archive and unpacks the bundle, unless it exists already and is intact.
    type: str
    choices: [packed, checked, unpacked]
    default: packed
  signed_by:
    description:
      - Fingerprints of keys that may have signed the bundle.
      - If it is empty, the key must be that of the existing bundle in O(bundle).
      - If there is none either, O(state=checked) accepts any signature and returns its RV(signer), while
        O(state=unpacked) verifies the archive, unpacks nothing and fails with the fingerprint to confirm.
    type: list
    elements: str
    default: []
  architecture:
    description:
      - The expected architecture of the bundle, V(amd64) or V(arm64). By default both are accepted.
    type: str
"""

EXAMPLES = r"""
- name: Pack the bundle onto a USB drive
  classroom.kubeadm.bundle_archive:
    bundle: /srv/course
    archive: /media/usb/course.tar.zst

- name: Verify the archive on the USB drive and its signer
  classroom.kubeadm.bundle_archive:
    archive: /media/usb/course.tar.zst
    state: checked
    signed_by: [7770268912225C222B2324E316B2F93287DCE5A0]

- name: Unpack the bundle from the USB drive
  classroom.kubeadm.bundle_archive:
    archive: /media/usb/course.tar.zst
    bundle: /srv/bundle
    state: unpacked
"""

RETURN = r"""
key:
  description: A key of the bundle, which is equal for bundles with equal inputs.
  returned: success
  type: str
  sample: 0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b
signer:
  description: Fingerprint of the key that has signed the bundle.
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
"""

import os
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import archive as bundle_archive
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import signature as bundle_signature
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.contents import Contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.destination import BundleDestination
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import programs, run_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_diff

OPTIONS: dict[str, Any] = {
    "archive": {"type": "path", "required": True},
    "bundle": {"type": "path"},
    "state": {"type": "str", "choices": ["packed", "checked", "unpacked"], "default": "packed"},
    "signed_by": {"type": "list", "elements": "str", "default": []},
    "architecture": {"type": "str"},
}
RULES: dict[str, Any] = {"required_if": [("state", "packed", ["bundle"]), ("state", "unpacked", ["bundle"])]}


def validated(params: Mapping[str, Any], directory: str, allowed: list[str]) -> tuple[Contents, str]:
    """Return contents and signer of a bundle; raise ClassroomError for another signer or architecture."""
    contents = bundle_contents.read(directory)
    signer = bundle_signature.require_signer(directory, allowed)
    wanted = params["architecture"]
    if wanted and wanted != contents.architecture:
        raise ClassroomError(
            f"The bundle has another architecture: expected a bundle for {wanted}, found one for "
            f"{contents.architecture}. Use a bundle for the architecture of the hosts.")
    return contents, signer


def pack(params: Mapping[str, Any], check_mode: bool) -> tuple[list[Change], Contents, str]:
    """Pack the bundle if required; return the changes, its contents and its signer."""
    bundle, archive = params["bundle"], os.path.abspath(params["archive"])
    contents, signer = validated(params, bundle, bundle_signature.fingerprints(params["signed_by"]))
    problems = bundle_lock.all_problems(bundle, bundle_lock.read(bundle))
    if problems:
        raise ClassroomError("\n".join(problems))
    if bundle_archive.is_packed(bundle, archive):
        return [], contents, signer
    reason = "it has another bundle, or was changed" if os.path.exists(archive) else "there is none"
    if not check_mode:
        hidden = os.path.join(os.path.dirname(archive), f".{os.path.basename(archive)}.running")
        with run_lock.alone(hidden, archive, 0, lambda _words: None):
            bundle_archive.pack(bundle, archive)
    return [Change("archive", archive, "", f"bundle {contents.key[:16]}", reason)], contents, signer


def unpack(params: Mapping[str, Any], check_mode: bool) -> tuple[list[Change], Contents, str]:
    """Verify the archive and unpack it if required; return the changes, its contents and its signer."""
    archive = os.path.abspath(params["archive"])
    place = BundleDestination(params["bundle"]) if params["bundle"] else None
    unpacks = place is not None and params["state"] == "unpacked"
    if place is not None and unpacks:
        place.check()
    head = bundle_archive.read_head(archive)
    accepted = allowed(params, place)
    with head.directory() as directory:
        contents, signer = validated(params, directory, accepted)
    if place is None or not unpacks:
        bundle_archive.unpack(archive, None, head)
        return [], contents, signer
    reason = why_unpack(place, head)
    if reason and not accepted:
        bundle_archive.unpack(archive, None, head)
        raise ClassroomError(
            f"The signer of {archive} is unknown: expected one that bundle_signed_by names, or the signer of an "
            f"earlier bundle in {place.path}, found {signer}. The archive is whole. Ask its maker for the fingerprint "
            f"of the key; if it is this one, run this again with bundle_signed_by={signer}. Nothing was unpacked.")
    if reason and check_mode:
        bundle_archive.unpack(archive, None, head)
    elif reason:
        with place.alone():
            bundle_archive.unpack(archive, place.unfinished, head)
            # Verified again in this directory, to which other users cannot write
            bundle_signature.require_signer(place.unfinished, [signer])
            place.take(contents.key)
            bundle_signature.record(place.path, signer)
    steps = [Change("bundle", place.path, "", f"bundle {contents.key[:16]}", reason)] if reason else []
    return steps, contents, signer


def allowed(params: Mapping[str, Any], place: BundleDestination | None) -> list[str]:
    """Return the fingerprints of the accepted signers; empty when none is known."""
    named = bundle_signature.fingerprints(params["signed_by"])
    if named or place is None or not os.path.isfile(os.path.join(place.path, bundle_lock.NAME)):
        return named
    try:
        return [bundle_signature.signer(place.path)]
    except ClassroomError:
        # The bundle is damaged, or from a version without signatures
        return []


def why_unpack(place: BundleDestination, head: bundle_archive.Head) -> str:
    """Return why the existing bundle is replaced, empty if it is the same one and intact."""
    path = os.path.join(place.path, bundle_lock.NAME)
    if not os.path.isfile(path):
        return "there is none"
    with open(path, "rb") as stream:
        if stream.read() != head.texts[bundle_lock.NAME]:
            return "there is another bundle"
    problems = bundle_lock.all_problems(place.path, bundle_lock.read(place.path))
    return problems[0] if problems else ""


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Pack, check or unpack the archive, and return its description."""
    if not bundle_contents.HAS_YAML:
        raise ClassroomError(missing_required_lib("PyYAML"))
    programs.require({**bundle_archive.TOOLS, **gpg.TOOLS})
    try:
        steps, contents, signer = (pack if params["state"] == "packed" else unpack)(params, check_mode)
    except OSError as error:
        raise ClassroomError("The archive cannot be processed: expected the bundle in {} {}, found: {}.".format(
            os.path.abspath(params["archive"]), params["state"], error)) from error
    return Outcome({
        "changed": bool(steps), "key": contents.key, "signer": signer, "images": dict(contents.images),
        "diff": as_diff(steps)})


OPERATION = Operation(OPTIONS, perform, RULES)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
