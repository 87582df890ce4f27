# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of a Node that labels and taints are judged by: what asks for the Node anyway hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
