# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm's configuration documents: which there are, and how they are written."""

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
    """The configuration documents by kind; a sentence for the first that does not belong."""
    found: dict[str, dict[str, Any]] = {}
    for number, document in enumerate(documents, 1):
        kind, version = str(document.get("kind") or ""), str(document.get("apiVersion") or "")
        if kind not in allowed:
            raise ClassroomError(
                "document {} of the configuration has the kind '{}'. Known here are {}.".format(
                    number, kind, ", ".join(sorted(allowed))
                )
            )
        if version != VERSIONS[kind]:
            raise ClassroomError(
                f"the {kind} has the apiVersion '{version}'. Give it as {VERSIONS[kind]}."
            )
        if kind in found:
            raise ClassroomError(f"there are two documents of the kind {kind}. Merge them into one.")
        found[kind] = dict(document)
    for kind in sorted(set(needed) - set(found)):
        raise ClassroomError(f"the configuration has no document of the kind {kind}. Add one.")
    return found


def as_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """One JSON document after the other is valid YAML, and needs no YAML library on the machine."""
    return "\n---\n".join(json.dumps(document, indent=2, sort_keys=True) for document in documents) + "\n"
