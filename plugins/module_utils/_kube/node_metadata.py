# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the declared labels and taints of Nodes through the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._core.errors import ClassroomError
from .admin import NoAdministrator, administrator, request_error
from .api import Api, ApiError, RequestRejected, Unreachable, segment
from .context import NodeContext
from .node_metadata_plan import Node, NodeChange, changes, patch, spec_from, validate

_NODES = "/api/v1/nodes"
_CONFLICT = 409


def converge(
    entries: Iterable[Mapping[str, Any]], machine: NodeContext, kubeconfig: str, check_mode: bool
) -> list[NodeChange]:
    """Apply the declared metadata and return the changes. In check mode there may be no cluster yet."""
    specs = [spec_from(entry) for entry in entries]
    validate(specs)
    try:
        admin = administrator(machine, "change labels and taints", kubeconfig)
    except NoAdministrator:
        if check_mode:
            return changes(specs, {}, predict=True)
        raise
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        nodes = [Node.from_json(item) for item in api.get(_NODES)["items"]]
        found = changes(specs, {node.name: node for node in nodes}, predict=check_mode)
        if not check_mode:
            _settle(found, api)
    except Unreachable as problem:
        if check_mode:
            return changes(specs, {}, predict=True)
        raise request_error("change labels and taints", admin, problem) from problem
    except ApiError as problem:
        raise request_error("change labels and taints", admin, problem) from problem
    return found


def _settle(found: Iterable[NodeChange], api: Api, tries: int = 5) -> None:
    """Patch every Node that differs. If another client changed it in between, read the Node again."""
    for change in found:
        node = change.node
        path = f"{_NODES}/{segment(change.spec.name)}"
        for _attempt in range(tries):
            if node is not None and _patched(api, path, patch(change.spec, node)):
                break
            node = Node.from_json(api.get(path))
        else:
            raise ClassroomError(
                f"Node {change.spec.name} is not changed: expected no other change during the update, found it changed "
                f"by other clients {tries} times in a row. Run this again."
            )


def _patched(api: Api, path: str, body: dict[str, Any]) -> bool:
    """Return whether the API server accepted the patch; it rejects a patch of an older version of the Node."""
    try:
        api.patch(path, body)
    except RequestRejected as problem:
        if problem.status == _CONFLICT:
            return False
        raise
    return True
