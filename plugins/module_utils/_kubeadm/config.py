# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate kubeadm's configuration documents and write them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .._core.errors import ClassroomError

API_VERSION = "kubeadm.k8s.io/v1beta4"
VERSIONS = {
    "InitConfiguration": API_VERSION,
    "ClusterConfiguration": API_VERSION,
    "JoinConfiguration": API_VERSION,
    "KubeletConfiguration": "kubelet.config.k8s.io/v1beta1",
    "KubeProxyConfiguration": "kubeproxy.config.k8s.io/v1alpha1",
}


def validate_documents(
    documents: Sequence[Mapping[str, Any]], allowed: Collection[str], needed: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return the configuration documents by kind.

    Raise ClassroomError for a document with an unknown kind or another apiVersion, for a duplicate and for a missing
    one of the kinds in `needed`.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(documents, 1):
        kind, version = str(document.get("kind") or ""), str(document.get("apiVersion") or "")
        if kind not in allowed:
            raise ClassroomError(
                "Document {} of the configuration has an unknown kind: expected one of {}, found '{}'. "
                "Correct or remove it.".format(number, ", ".join(sorted(allowed)), kind)
            )
        if version != VERSIONS[kind]:
            raise ClassroomError(
                f"The apiVersion of the {kind} is not supported: expected {VERSIONS[kind]}, found '{version}'. "
                f"Write the document in the version {VERSIONS[kind]}."
            )
        if kind in found:
            raise ClassroomError(f"The configuration has two documents of the kind {kind}. Merge them into one.")
        found[kind] = dict(document)
    for kind in sorted(set(needed) - set(found)):
        raise ClassroomError(f"The configuration has no document of the kind {kind}. Add one.")
    return found


def as_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the documents as YAML.

    They are written as JSON documents, which are valid YAML and need no YAML library on the host.
    """
    return "\n---\n".join(json.dumps(document, indent=2, sort_keys=True) for document in documents) + "\n"
