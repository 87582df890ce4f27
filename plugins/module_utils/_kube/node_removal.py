# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drain and delete a Node before its host is reset.

This only spares the rest of the cluster: the host is reset even if the control plane is unreachable. Therefore every
step has a timeout, and a failure is a warning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._core.plan import Change, as_changes, as_diff
from .api import AccessDenied, Api, ApiError, NotFound, Unreachable, Untrusted, segment
from .context import NodeContext
from .kubeconfig import Kubeconfig
from .kubeconfig import load as load_kubeconfig
from .node_paths import ADMIN_CONF

_MIRROR = "kubernetes.io/config.mirror"
# Seconds between two checks of terminating pods.
_POLL_INTERVAL = 0.3


@dataclass(frozen=True)
class NodeRemovalSpec:
    """The Node to remove, and timeouts in seconds: for all pods together, and for each to terminate."""

    name: str
    machine_id: str = ""
    drain: bool = True
    timeout: float = 30
    grace_period: float = 10


@dataclass(frozen=True)
class Pod:
    """A pod to evict. `grace` is in seconds, `leaving` is set while it terminates."""

    namespace: str
    name: str
    uid: str
    grace: float
    leaving: bool

    @property
    def title(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class NodeRemovalState:
    """The Node in the cluster: `state` is `absent`, `present`, `other host` or `unreachable`, explained by `detail`."""

    state: str
    detail: str = ""
    ready: bool = False
    cordoned: bool = False
    pods: tuple[Pod, ...] = ()


def read_facts(spec: NodeRemovalSpec, machine: NodeContext, kubeconfig: str) -> tuple[NodeRemovalState, Api | None]:
    """Read the state of the Node, and return it with the API client. An unreachable control plane raises no error."""
    try:
        admin = load_kubeconfig(machine.root, kubeconfig)
    except ClassroomError as problem:
        return NodeRemovalState("unreachable", str(problem).rstrip(".")), None
    if admin is None:
        return NodeRemovalState("unreachable", f"there is no {kubeconfig} on the host of this module"), None
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        return _ask(spec, api), api
    except ApiError as problem:
        return NodeRemovalState("unreachable", _explained(problem, admin)), None


def _ask(spec: NodeRemovalSpec, api: Api) -> NodeRemovalState:
    try:
        node = api.get(_path(spec))
    except NotFound:
        return NodeRemovalState("absent")
    status = node.get("status") or {}
    found_id = str((status.get("nodeInfo") or {}).get("machineID") or "")
    if spec.machine_id and found_id and found_id != spec.machine_id:
        return NodeRemovalState("other host", ", ".join(
            str(one.get("address")) for one in status.get("addresses") or [] if one.get("type") == "InternalIP"))
    return NodeRemovalState(
        "present",
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        cordoned=bool((node.get("spec") or {}).get("unschedulable")),
        pods=_pods(spec, api) if spec.drain else (),
    )


def _path(spec: NodeRemovalSpec) -> str:
    return "/api/v1/nodes/" + segment(spec.name)


def _pods(spec: NodeRemovalSpec, api: Api) -> tuple[Pod, ...]:
    listed = api.get("/api/v1/pods?fieldSelector=spec.nodeName%3D" + segment(spec.name))
    return tuple(_pod(spec, item) for item in listed.get("items") or [] if _has_to_leave(item))


def _has_to_leave(item: Mapping[str, Any]) -> bool:
    """Return whether a pod has to be evicted: not static pods, nor those of a DaemonSet, nor terminated ones."""
    metadata = item["metadata"]
    owners = [str(owner.get("kind")) for owner in metadata.get("ownerReferences") or [] if owner.get("controller")]
    ended = (item.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and _MIRROR not in (metadata.get("annotations") or {}) and "DaemonSet" not in owners


def _pod(spec: NodeRemovalSpec, item: Mapping[str, Any]) -> Pod:
    metadata, pod_spec = item["metadata"], item.get("spec") or {}
    grace = pod_spec.get("terminationGracePeriodSeconds")
    return Pod(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        uid=str(metadata.get("uid") or ""),
        grace=min(spec.grace_period, float(30 if grace is None else grace)),
        leaving=bool(metadata.get("deletionTimestamp")),
    )


def _explained(problem: ApiError, admin: Kubeconfig) -> str:
    advice = {
        Untrusted: f"; {admin.path} belongs to another cluster than the one at that address",
        AccessDenied: f"; {admin.path} is not accepted",
    }
    return "{}{}".format(problem, advice.get(type(problem), ""))


def plan(spec: NodeRemovalSpec, facts: NodeRemovalState) -> list[Change]:
    """Plan cordon, evictions and deletion; nothing for a Node that is missing, unreachable or another host's."""
    if facts.state != "present":
        return []
    steps = []
    if not facts.cordoned and spec.drain:
        steps.append(Change("cordon", spec.name, "schedulable", "unschedulable", "its host is about to be reset"))
    steps += [
        Change("evict", pod.title, "on " + spec.name, "elsewhere, if a controller recreates it",
               "it would be killed without a grace period")
        for pod in facts.pods if not pod.leaving
    ]
    steps.append(Change("node", spec.name, "in the cluster", "deleted", "its host leaves the cluster"))
    return steps


def decision(spec: NodeRemovalSpec, facts: NodeRemovalState) -> tuple[str, str]:
    """Return the module's `decision` and its reason."""
    return {
        "absent": ("none", f"there is no Node {spec.name}"),
        "present": ("remove", f"the host of Node {spec.name} leaves the cluster"),
        "other host": ("undecided", f"Node {spec.name} belongs to another host ({facts.detail}) and was not changed. "
                       "Two hosts in one cluster have the same name: rename one of them."),
        "unreachable": ("undecided", f"the control plane does not respond ({facts.detail}), so Node {spec.name} was "
                        "neither drained nor deleted. When it responds again, run 'kubectl delete node "
                        f"{spec.name}'."),
    }[facts.state]


def converge(
    spec: NodeRemovalSpec, machine: NodeContext, kubeconfig: str = ADMIN_CONF, check_mode: bool = False
) -> dict[str, Any]:
    """Drain and delete the Node, or plan this in check mode. Return the module's results."""
    facts, api = read_facts(spec, machine, kubeconfig)
    steps = plan(spec, facts)
    name, reason = decision(spec, facts)
    warnings = [reason] if name == "undecided" else []
    left: tuple[str, ...] = ()
    if steps and api is not None and not check_mode:
        try:
            left = _drain_and_delete(spec, machine, api, facts)
        except ApiError as problem:
            warnings.append(f"the control plane stopped responding while Node {spec.name} was drained: {problem}. When "
                            f"it responds again, run 'kubectl delete node {spec.name}'.")
    if left:
        warnings.append("these pods have not left {} after {:g} s and are killed by its reset: {}".format(
            spec.name, spec.timeout, ", ".join(left)))
    return {
        "changed": bool(steps),
        "decision": name,
        "reason": reason,
        "evicted": [step.target for step in steps if step.action == "evict"],
        "left": list(left),
        "changes": as_changes(steps),
        "diff": as_diff(steps),
        "warnings": warnings,
    }


def _drain_and_delete(
    spec: NodeRemovalSpec, machine: NodeContext, api: Api, facts: NodeRemovalState
) -> tuple[str, ...]:
    """Drain and delete the Node. Return the pods that remain after the timeout."""
    deadline = machine.deadline(spec.timeout, _POLL_INTERVAL)
    if spec.drain and not facts.cordoned:
        api.patch(_path(spec), {"spec": {"unschedulable": True}})
    left = _drain(spec, api, facts, deadline) if facts.pods else ()
    # Another client may have deleted the Node already
    with contextlib.suppress(NotFound):
        api.delete(_path(spec))
    return left


def _drain(
    spec: NodeRemovalSpec, api: Api, facts: NodeRemovalState, deadline: Deadline
) -> tuple[str, ...]:
    waiting = [pod for pod in facts.pods if not pod.leaving]
    while True:
        waiting = [pod for pod in waiting if not _evict(api, pod)]
        # The kubelet of a host that is down does not report that a pod has ended
        going = _still_there(spec, api, facts.pods) if facts.ready else waiting
        if not going and not waiting:
            return ()
        if deadline.expired:
            return tuple(pod.title for pod in going or waiting)
        deadline.pause()


def _evict(api: Api, pod: Pod) -> bool:
    """Evict a pod, and return whether it terminates. A disruption budget may reject this: then try again later."""
    body = {
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"gracePeriodSeconds": int(pod.grace)},
    }
    path = f"/api/v1/namespaces/{segment(pod.namespace)}/pods/{segment(pod.name)}/eviction"
    try:
        api.post(path, body)
    except NotFound:
        return True
    except Unreachable:
        return False
    return True


def _still_there(spec: NodeRemovalSpec, api: Api, pods: Sequence[Pod]) -> list[Pod]:
    """Return the pods that still exist, compared by UID: a StatefulSet recreates a pod with the same name."""
    there = {pod.uid for pod in _pods(spec, api)}
    return [pod for pod in pods if pod.uid in there]
