# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drain and delete Nodes before their hosts are reset, all at once.

This only spares the rest of the cluster: the host is reset even if the control plane is unreachable. Therefore every
step has a timeout, and a failure is a warning.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._core.plan import Change, as_changes, as_diff
from .api import AccessDenied, Api, ApiError, NotFound, Unreachable, Untrusted, is_lost, segment
from .context import NodeContext
from .kubeconfig import Kubeconfig
from .kubeconfig import load as load_kubeconfig
from .node_paths import ADMIN_CONF

_MIRROR = "kubernetes.io/config.mirror"
# Seconds between two checks of terminating pods.
_POLL_INTERVAL = 0.3


@dataclass(frozen=True)
class LeavingNode:
    """A Node to remove, and the machine ID of its host; without it only the name is compared."""

    name: str
    machine_id: str = ""


@dataclass(frozen=True)
class NodeRemovalSpec:
    """The Nodes to remove, and timeouts in seconds: for all pods together, and for each to terminate."""

    nodes: Sequence[LeavingNode]
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


def read_facts(
    spec: NodeRemovalSpec, machine: NodeContext, kubeconfig: str
) -> tuple[list[NodeRemovalState], Api | None]:
    """Read the states of the Nodes, and return them with the API client.

    An unreachable control plane raises no error.
    """
    try:
        admin = load_kubeconfig(machine.root, kubeconfig)
    except ClassroomError as problem:
        return _unreachable(spec, str(problem).rstrip(".")), None
    if admin is None:
        return _unreachable(spec, f"there is no {kubeconfig} on the host of this module"), None
    api = machine.connect(admin.server, admin.ca, admin)
    states: list[NodeRemovalState] = []
    for node in spec.nodes:
        try:
            states.append(_ask(spec, node, api))
        except ApiError as problem:
            detail = _explained(problem, admin)
            if is_lost(problem):
                return states + _unreachable(spec, detail)[len(states):], api
            states.append(NodeRemovalState("unreachable", detail))
    return states, api


def _unreachable(spec: NodeRemovalSpec, detail: str) -> list[NodeRemovalState]:
    return [NodeRemovalState("unreachable", detail) for _node in spec.nodes]


def _ask(spec: NodeRemovalSpec, leaving: LeavingNode, api: Api) -> NodeRemovalState:
    try:
        node = api.get(_path(leaving))
    except NotFound:
        return NodeRemovalState("absent")
    status = node.get("status") or {}
    found_id = str((status.get("nodeInfo") or {}).get("machineID") or "")
    if leaving.machine_id and found_id and found_id != leaving.machine_id:
        return NodeRemovalState("other host", ", ".join(
            str(one.get("address")) for one in status.get("addresses") or [] if one.get("type") == "InternalIP"))
    return NodeRemovalState(
        "present",
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        cordoned=bool((node.get("spec") or {}).get("unschedulable")),
        pods=_pods(spec, leaving, api) if spec.drain else (),
    )


def _path(node: LeavingNode) -> str:
    return "/api/v1/nodes/" + segment(node.name)


def _pods(spec: NodeRemovalSpec, node: LeavingNode, api: Api) -> tuple[Pod, ...]:
    listed = api.get("/api/v1/pods?fieldSelector=spec.nodeName%3D" + segment(node.name))
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


def plan(spec: NodeRemovalSpec, node: LeavingNode, facts: NodeRemovalState) -> list[Change]:
    """Plan cordon, evictions and deletion; nothing for a Node that is missing, unreachable or another host's."""
    if facts.state != "present":
        return []
    steps = []
    if not facts.cordoned and spec.drain:
        steps.append(Change("cordon", node.name, "schedulable", "unschedulable", "its host is about to be reset"))
    steps += [
        Change("evict", pod.title, "on " + node.name, "elsewhere, if a controller recreates it",
               "it would be killed without a grace period")
        for pod in facts.pods if not pod.leaving
    ]
    steps.append(Change("node", node.name, "in the cluster", "deleted", "its host leaves the cluster"))
    return steps


def decision(node: LeavingNode, facts: NodeRemovalState) -> tuple[str, str]:
    """Return the `decision` about a Node and its reason."""
    return {
        "absent": ("none", f"there is no Node {node.name}"),
        "present": ("remove", f"the host of Node {node.name} leaves the cluster"),
        "other host": ("undecided", f"Node {node.name} belongs to another host ({facts.detail}) and was not changed. "
                       "Two hosts in one cluster have the same name: rename one of them."),
        "unreachable": ("undecided", f"the control plane does not respond ({facts.detail}), so Node {node.name} was "
                        "neither drained nor deleted. When it responds again, run 'kubectl delete node "
                        f"{node.name}'."),
    }[facts.state]


def converge(
    spec: NodeRemovalSpec, machine: NodeContext, kubeconfig: str = ADMIN_CONF, check_mode: bool = False
) -> dict[str, Any]:
    """Drain and delete the Nodes, or plan this in check mode. Return the module's results."""
    states, api = read_facts(spec, machine, kubeconfig)
    removals = [_Removal(spec, node, facts) for node, facts in zip(spec.nodes, states)]
    if api is not None and not check_mode:
        _drain_and_delete(removals, api, machine.deadline(spec.timeout, _POLL_INTERVAL))
    steps = [step for removal in removals for step in removal.steps]
    return {
        "changed": bool(steps),
        "nodes": [removal.as_dict() for removal in removals],
        "changes": as_changes(steps),
        "diff": as_diff(steps),
        "warnings": [warning for removal in removals for warning in removal.warnings()],
    }


class _Removal:
    """The removal of one Node. `left` are the pods that remained, `problem` is the request that failed."""

    def __init__(self, spec: NodeRemovalSpec, node: LeavingNode, facts: NodeRemovalState) -> None:
        self._spec, self._node, self._facts = spec, node, facts
        self._waiting = [pod for pod in facts.pods if not pod.leaving]
        self.steps = plan(spec, node, facts)
        self.ended = not self.steps
        self.left: tuple[str, ...] = ()
        self.problem = ""

    def cordon(self, api: Api) -> None:
        if self._spec.drain and not self._facts.cordoned:
            api.patch(_path(self._node), {"spec": {"unschedulable": True}})

    def go_on(self, api: Api, expired: bool) -> None:
        """Evict the pods that could not be evicted before, and delete the Node once none is left, or at the timeout."""
        self.left = tuple(pod.title for pod in self._evict(api)) if self._facts.pods else ()
        if self.left and not expired:
            return
        # Another client may have deleted the Node already
        with contextlib.suppress(NotFound):
            api.delete(_path(self._node))
        self.ended = True

    def fail(self, problem: ApiError) -> None:
        self.problem, self.left, self.ended = str(problem), (), True

    def _evict(self, api: Api) -> Sequence[Pod]:
        self._waiting = [pod for pod in self._waiting if not _evict(api, pod)]
        if not self._facts.ready:
            # The kubelet of a host that is down does not report that a pod has ended
            return self._waiting
        return _still_there(self._facts.pods, _pods(self._spec, self._node, api)) or self._waiting

    def as_dict(self) -> dict[str, Any]:
        name, reason = decision(self._node, self._facts)
        evicted = [step.target for step in self.steps if step.action == "evict"]
        return {"name": self._node.name, "decision": name, "reason": reason, "evicted": evicted,
                "left": list(self.left)}

    def warnings(self) -> Iterator[str]:
        name, reason = decision(self._node, self._facts)
        if name == "undecided":
            yield reason
        if self.problem:
            yield (f"the control plane stopped responding while Node {self._node.name} was drained: {self.problem}. "
                   f"When it responds again, run 'kubectl delete node {self._node.name}'.")
        if self.left:
            yield "these pods have not left {} after {:g} s and are killed by its reset: {}".format(
                self._node.name, self._spec.timeout, ", ".join(self.left))


def _drain_and_delete(removals: Sequence[_Removal], api: Api, deadline: Deadline) -> None:
    """Drain and delete the Nodes, all of which are cordoned first, so that no pod moves from one to another."""
    _each(removals, lambda removal: removal.cordon(api))
    expired = False
    while True:
        _each(removals, functools.partial(_Removal.go_on, api=api, expired=expired))
        if expired or all(removal.ended for removal in removals):
            return
        deadline.pause()
        expired = deadline.expired


def _each(removals: Sequence[_Removal], act: Callable[[_Removal], None]) -> None:
    """Do something for each Node that is not removed yet. A failed request ends the removal of its Node."""
    lost: ApiError | None = None
    for removal in removals:
        if removal.ended:
            continue
        try:
            if lost is not None:
                raise lost
            act(removal)
        except ApiError as problem:
            removal.fail(problem)
            lost = problem if is_lost(problem) else lost


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


def _still_there(pods: Sequence[Pod], found: Sequence[Pod]) -> list[Pod]:
    """Return the pods that still exist, compared by UID: a StatefulSet recreates a pod with the same name."""
    there = {pod.uid for pod in found}
    return [pod for pod in pods if pod.uid in there]
