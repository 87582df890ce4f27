# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the status that a cluster reports, and a loop that waits until they pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._core.deadline import Deadline
from .._core.errors import ClassroomError

Json = Mapping[str, Any]

_ROLE = "node-role.kubernetes.io/"


@dataclass(frozen=True)
class Check:
    """One check and its result. `node` is empty for the whole cluster, `seconds` is the time until it passed."""

    name: str
    node: str
    ok: bool
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class NodeRow:
    """A Node as a row of a table."""

    name: str
    address: str
    role: str
    version: str
    ready: bool


def until(read: Callable[[], Sequence[Check]], deadline: Deadline) -> list[Check]:
    """Repeat checks until all pass or the deadline expires; each has the second at which it first passed.

    An API server may be unreachable for a moment, so only the error of the last attempt is raised.
    """
    held: dict[tuple[str, str, int], float] = {}
    while True:
        problem: ClassroomError | None = None
        checks: Sequence[Check] = ()
        try:
            checks = read()
        except ClassroomError as error:
            problem = error
        timed = [
            replace(check, seconds=held.setdefault((check.name, check.node, place), deadline.elapsed))
            if check.ok else replace(check, seconds=deadline.elapsed)
            for place, check in enumerate(checks)
        ]
        if deadline.expired or (problem is None and all(check.ok for check in timed)):
            if problem is not None:
                raise problem
            return timed
        deadline.pause()


def node_rows(nodes: Sequence[Json]) -> list[NodeRow]:
    """Return a row for each Node, control plane first."""
    rows = [
        NodeRow(
            name=_name(node),
            address=_address(node),
            role=_role(node),
            version=_status(node).get("nodeInfo", {}).get("kubeletVersion", ""),
            ready=not _unready(node),
        )
        for node in nodes
    ]
    return sorted(rows, key=lambda row: (row.role != "control-plane", row.name))


def node_checks(expected: Sequence[str], nodes: Sequence[Json]) -> list[Check]:
    """Check that the expected Nodes exist and report that they are ready."""
    known = {_name(node): node for node in nodes}
    checks = []
    for name in expected:
        complaint = _unready(known[name]) if name in known else "there is no Node of this name"
        checks.append(Check("ready", name, not complaint, complaint or "Ready"))
    return checks


def lease_times(leases: Sequence[Json]) -> dict[str, str]:
    """Return the renew time of each Node's Lease, as the API server reports it."""
    return {_name(lease): str(lease.get("spec", {}).get("renewTime", "")) for lease in leases}


def lease_checks(expected: Sequence[str], before: Mapping[str, str], after: Mapping[str, str]) -> list[Check]:
    """Check that every kubelet renewed its Lease since `before` was read.

    Any other value counts as renewed, because the clocks of two hosts may differ.
    """
    return [
        Check("lease", name, after.get(name, "") not in ("", before.get(name, "")), _lease_detail(name, before, after))
        for name in expected
    ]


def _lease_detail(name: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    if not after.get(name):
        return "there is no Lease of this Node"
    if after[name] == before.get(name):
        return f"not renewed since {after[name]}"
    return f"renewed at {after[name]}"


def pod_checks(
    name: str, pods: Sequence[Json], last_line: Callable[[Json, str], str] = lambda _pod, _container: ""
) -> list[Check]:
    """Check that all pods run with all containers ready; return one check for each node, in the order of nodes.

    `last_line` returns the last log line of a container of a pod; it is called for containers that have ended.
    """
    complaints: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp") or _status(pod).get("phase") == "Succeeded":
            continue
        node = pod.get("spec", {}).get("nodeName", "")
        counts[node] = counts.get(node, 0) + 1
        complaint = pod_complaint(pod)
        if complaint:
            logged = [last_line(pod, container) for container in _ended_containers(pod)]
            quoted = "".join(f", its last log line is: {line}" for line in logged if line)
            complaints.setdefault(node, []).append(f"{_name(pod)}: {complaint}{quoted}")
    return [
        Check(name, node, node not in complaints, "; ".join(complaints.get(node, [])) or _ready_count(counts[node]))
        for node in sorted(counts)
    ]


def pod_complaint(pod: Json) -> str:
    """Return why a pod is not ready, empty if it is."""
    status = _status(pod)
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for container in containers:
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("message"):
            return "{}: {}".format(waiting.get("reason", "waiting"), waiting["message"])
    if status.get("phase") != "Running":
        return _condition_message(status) or "is {}".format(status.get("phase", "unknown"))
    unready = [container["name"] for container in status.get("containerStatuses") or () if not container.get("ready")]
    return "container {} is not ready".format(", ".join(unready)) if unready else ""


def _ended_containers(pod: Json) -> list[str]:
    """Name the containers that do not run although they were started (Pod API: state and lastState, terminated)."""
    status = _status(pod)
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [
        str(container["name"]) for container in containers
        if not container.get("ready") and not (container.get("state") or {}).get("running")
        and any((container.get(state) or {}).get("terminated") for state in ("state", "lastState"))
    ]


def _ready_count(count: int) -> str:
    return "1 pod ready" if count == 1 else f"{count} pods ready"


def _condition_message(status: Json) -> str:
    messages = (
        condition.get("message", "") for condition in status.get("conditions") or () if condition["status"] != "True"
    )
    return next((message for message in messages if message), "")


def _unready(node: Json) -> str:
    """Return why a Node is not ready, as the kubelet reports it; empty if it is."""
    for condition in _status(node).get("conditions") or ():
        if condition["type"] == "Ready":
            if condition["status"] == "True":
                return ""
            return condition.get("message") or condition.get("reason") or "its Ready is {}".format(condition["status"])
    return "its kubelet has not reported yet"


def _address(node: Json) -> str:
    addresses: Iterator[str] = (
        entry["address"] for entry in _status(node).get("addresses") or () if entry["type"] == "InternalIP"
    )
    return next(addresses, "")


def _role(node: Json) -> str:
    roles = [key[len(_ROLE):] for key in node["metadata"].get("labels") or {} if key.startswith(_ROLE)]
    return ",".join(sorted(roles)) or "worker"


def _name(item: Json) -> str:
    return str(item["metadata"]["name"])


def _status(item: Json) -> Json:
    return item.get("status") or {}
