# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels and taints of Nodes as declared, written through the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._core.errors import ClassroomError
from .admin import NoAdministrator, administrator, sentence
from .api import Api, ApiError, Refused, Unreachable, segment
from .context import NodeContext
from .node_metadata_plan import Node, NodeChange, changes, patch, validate, wish_from

_NODES = "/api/v1/nodes"
_CONFLICT = 409


def converge(
    entries: Iterable[Mapping[str, Any]], machine: NodeContext, kubeconfig: str, check_mode: bool
) -> list[NodeChange]:
    """Make the Nodes as declared and return what differed. In check mode there may be no cluster yet."""
    specs = [wish_from(entry) for entry in entries]
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
        raise sentence("change labels and taints", admin, problem) from problem
    except ApiError as problem:
        raise sentence("change labels and taints", admin, problem) from problem
    return found


def _settle(found: Iterable[NodeChange], api: Api, tries: int = 5) -> None:
    """Patch every Node that differs; if somebody was faster, the Node is read again."""
    for change in found:
        node = change.node
        path = f"{_NODES}/{segment(change.spec.name)}"
        for _attempt in range(tries):
            if node is not None and _patched(api, path, patch(change.spec, node)):
                break
            node = Node.from_json(api.get(path))
        else:
            raise ClassroomError(
                f"Wanted to change the Node {change.spec.name}, found it changed by others {tries} times in a row; run "
                "again."

            )


def _patched(api: Api, path: str, body: dict[str, Any]) -> bool:
    """Whether the API server took the patch; it refuses one that is made for an older Node."""
    try:
        api.patch(path, body)
    except Refused as problem:
        if problem.status == _CONFLICT:
            return False
        raise
    return True
