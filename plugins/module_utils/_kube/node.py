# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read facts of a Node that several modules need."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from .._core.files import Root, read_text
from .node_paths import MANIFESTS

# Records what was declared, so that removed declarations can be distinguished from what others set
ANNOTATION = "classroom.kubeadm/declared"


def declared_part(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a Node that labels and taints are compared with, in the API's form.

    These are name, labels, taints and the annotation of this collection; a whole Node is far larger.
    """
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
    """Return whether this host has the static pod of an API server or the data of etcd."""
    return os.path.exists(root(MANIFESTS + "/kube-apiserver.yaml")) or os.path.isdir(root("/var/lib/etcd/member"))


def machine_id(root: Root) -> str:
    """Return the machine ID that the kubelet reports in its Node."""
    return (read_text(root("/etc/machine-id")) or "").strip()


def own_name() -> str:
    """Return the name that kubeadm gives to the Node by default."""
    return socket.gethostname().strip().lower()
