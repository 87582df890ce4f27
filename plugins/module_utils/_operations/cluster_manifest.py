# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module cluster_manifest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

from .._core.errors import ClassroomError
from .._core.operation import Operation, Outcome
from .._kube.kubectl import KUBECTL_SPEC, Kubectl
from .._kube.manifest import (
    Difference,
    Manifest,
    Rollout,
    apply,
    await_rollouts,
    difference,
    unknown,
)

ROLLOUT_OPTIONS: dict[str, Any] = {
    "kind": {"type": "str", "choices": ["DaemonSet", "Deployment", "StatefulSet"], "required": True},
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
}
OPTIONS: dict[str, Any] = {
    "content": {"type": "str", "no_log": True},
    "path": {"type": "path"},
    "url": {"type": "str"},
    "checksum": {"type": "str", "default": ""},
    "force_conflicts": {"type": "bool", "default": True},
    "wait_for": {"type": "list", "elements": "dict", "default": [], "options": ROLLOUT_OPTIONS},
    "timeout": {"type": "int", "default": 120},
    **KUBECTL_SPEC,
}
RULES: dict[str, Any] = {
    "required_one_of": [("content", "path", "url")],
    "mutually_exclusive": [("content", "path", "url")],
}
CHECKSUM = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")


class Unavailable(ClassroomError):
    """The manifest is not available, perhaps only because an earlier task did not run in check mode."""


def check_source(url: str, checksum: str) -> None:
    """Reject a URL whose content could be replaced on the network: it is applied with an administrator's rights."""
    if checksum and not CHECKSUM.fullmatch(checksum):
        raise ClassroomError(
            f"The checksum of the manifest {url} is invalid: expected 64 hexadecimal digits (SHA-256), found "
            f"'{checksum}'. Correct it. Nothing was changed.")
    if not checksum and not url.lower().startswith(("https://", "file://")):
        raise ClassroomError(
            f"The manifest {url} could be replaced on its way: expected an https:// URL or a checksum, found neither. "
            "Use https://, or give its SHA-256 as checksum. Nothing was changed.")


def verified(url: str, checksum: str, content: bytes) -> str:
    """Return the content as text. Raises ClassroomError unless it has the checksum, if one is given."""
    found = hashlib.sha256(content).hexdigest()
    if checksum and checksum.lower().split(":")[-1] != found:
        raise ClassroomError(
            f"The manifest {url} has another content: expected SHA-256 {checksum}, found {found}. Compare it with what "
            "its owner publishes. Nothing was changed.")
    return content.decode("utf-8")


def fetched(url: str, checksum: str, timeout: int) -> str:
    """Return the text at a URL. Raises ClassroomError if it cannot be trusted, Unavailable without a response."""
    check_source(url, checksum)
    # Imported only for a URL, because the import takes longer than a call of kubectl
    from ansible.module_utils.urls import open_url

    try:
        answer = open_url(url, timeout=timeout)
        content, final = answer.read(), answer.geturl()
    # open_url raises the errors of several libraries
    except Exception as error:
        raise Unavailable(
            f"The manifest cannot be fetched: expected it at {url}, found: {str(error).rstrip('.')}. Correct the URL, "
            "or copy the manifest to the host and set path."
        ) from error
    # A redirect may lead from https:// to http://
    check_source(final, checksum)
    return verified(url, checksum, content)


def spec(params: Mapping[str, Any]) -> Manifest:
    """Return the manifest that the options name."""
    if params["path"]:
        if not os.path.exists(params["path"]):
            raise Unavailable(
                "The manifest is missing: expected {}, found no such file. Copy it to this host first.".format(
                    params["path"])
            )
        return Manifest(path=params["path"], force=params["force_conflicts"])
    text = params["content"] if params["url"] is None else fetched(
        params["url"], params["checksum"], params["timeout"])
    if not text.strip():
        raise ClassroomError(
            "The manifest is empty: expected at least one object, found an empty text. Add an object. Nothing was "
            "changed.")
    return Manifest(text=text, force=params["force_conflicts"])


def ensure(params: Mapping[str, Any], kubectl: Kubectl, check_mode: bool) -> Difference:
    """Apply the manifest unless in check mode, and return the difference."""
    try:
        manifest = spec(params)
    except Unavailable as error:
        if check_mode:
            return unknown(Manifest(), str(error))
        raise
    found = difference(kubectl, manifest, predict=check_mode)
    if check_mode:
        return found
    if found:
        apply(kubectl, manifest, timeout=30)
    await_rollouts(kubectl, [Rollout(**entry) for entry in params["wait_for"]], params["timeout"])
    return found


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Apply the manifest where necessary, and return the difference."""
    found = ensure(params, Kubectl.of(params), check_mode)
    return Outcome({
        "changed": bool(found), "objects": found.objects, "reason": found.reason, "diff": found.as_diff()})


OPERATION = Operation(OPTIONS, perform, RULES)
