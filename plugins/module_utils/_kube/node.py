# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a Node that labels and taints are judged by: what asks for the Node anyway hands it on."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from .._core.files import Root, read_text
from .node_paths import MANIFESTS

# Remembers on the Node itself what was declared, so that what no longer is can be told from what others set
ANNOTATION = "classroom.kubeadm/declared"


def declared_part(item: Mapping[str, Any]) -> dict[str, Any]:
    """Name, labels, taints and the annotation of this collection, in the API's own form; a whole Node is far larger."""
    metadata = item["metadata"]
    annotation = (metadata.get("annotations") or {}).get(ANNOTATION, "")
    return {
        "metadata": {
            "name": metadata["name"],
            "labels": metadata.get("labels") or {},
            "annotations": {ANNOTATION: annotation} if annotation else {},
        },
        "spec": {"taints": (item.get("spec") or {}).get("taints") or []},
    }


def is_control_plane(root: Root) -> bool:
    """Whether this machine runs, or was to run, an API server or keeps etcd's data."""
    return os.path.exists(root(MANIFESTS + "/kube-apiserver.yaml")) or os.path.isdir(root("/var/lib/etcd/member"))


def machine_id(root: Root) -> str:
    """What the kubelet reports as the machine's identity in its Node."""
    return (read_text(root("/etc/machine-id")) or "").strip()


def own_name() -> str:
    """The name that kubeadm gives the Node when the configuration does not."""
    return socket.gethostname().strip().lower()
