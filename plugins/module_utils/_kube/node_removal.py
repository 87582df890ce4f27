# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets a Node go before its machine is reset: no new pods, the old ones evicted, the Node deleted.

All of it is a courtesy to the rest of the cluster. The machine is reset whether the control plane answers or not, so
everything here ends within its time, and what could not be done is a warning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError
from .._core.plan import Change, as_changes, as_diff
from .api import Api, ApiError, Denied, NotFound, Unreachable, Untrusted, segment
from .context import NodeContext
from .kubeconfig import Kubeconfig
from .kubeconfig import load as load_kubeconfig
from .node_paths import ADMIN_CONF

_MIRROR = "kubernetes.io/config.mirror"
# Between two looks at pods that are on their way out, in seconds.
_POLL_INTERVAL = 0.3


@dataclass(frozen=True)
class NodeRemovalSpec:
    """The Node, and how long its pods may take: all together, and each from the signal to its end (in seconds)."""

    name: str
    machine_id: str = ""
    drain: bool = True
    timeout: float = 30
    grace_period: float = 10


@dataclass(frozen=True)
class Pod:
    """A pod that has to leave."""

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
    """What the cluster knows: `state` is `absent`, `present`, `other machine` or `silent` with the `detail` why."""

    state: str
    detail: str = ""
    ready: bool = False
    cordoned: bool = False
    pods: tuple[Pod, ...] = ()


def read_facts(wish: NodeRemovalSpec, machine: NodeContext, kubeconfig: str) -> tuple[NodeRemovalState, Api | None]:
    """Facts, and the API from which they are; never raises for a control plane that is gone."""
    try:
        admin = load_kubeconfig(machine.root, kubeconfig)
    except ClassroomError as problem:
        return NodeRemovalState("silent", str(problem).rstrip(".")), None
    if admin is None:
        return NodeRemovalState("silent", f"there is no {kubeconfig} on the machine that is asked"), None
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        return _ask(wish, api), api
    except ApiError as problem:
        return NodeRemovalState("silent", _sentence(problem, admin)), None


def _ask(wish: NodeRemovalSpec, api: Api) -> NodeRemovalState:
    try:
        node = api.get(_path(wish))
    except NotFound:
        return NodeRemovalState("absent")
    status = node.get("status") or {}
    found_id = str((status.get("nodeInfo") or {}).get("machineID") or "")
    if wish.machine_id and found_id and found_id != wish.machine_id:
        return NodeRemovalState("other machine", ", ".join(
            str(one.get("address")) for one in status.get("addresses") or [] if one.get("type") == "InternalIP"))
    return NodeRemovalState(
        "present",
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or []),
        cordoned=bool((node.get("spec") or {}).get("unschedulable")),
        pods=_pods(wish, api) if wish.drain else (),
    )


def _path(wish: NodeRemovalSpec) -> str:
    return "/api/v1/nodes/" + segment(wish.name)


def _pods(wish: NodeRemovalSpec, api: Api) -> tuple[Pod, ...]:
    listed = api.get("/api/v1/pods?fieldSelector=spec.nodeName%3D" + segment(wish.name))
    return tuple(_pod(wish, item) for item in listed.get("items") or [] if _has_to_leave(item))


def _has_to_leave(item: Mapping[str, Any]) -> bool:
    """Not those of the machine itself, nor those that would come back at once, nor those that have ended."""
    metadata = item["metadata"]
    owners = [str(owner.get("kind")) for owner in metadata.get("ownerReferences") or [] if owner.get("controller")]
    ended = (item.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and _MIRROR not in (metadata.get("annotations") or {}) and "DaemonSet" not in owners


def _pod(wish: NodeRemovalSpec, item: Mapping[str, Any]) -> Pod:
    metadata, spec = item["metadata"], item.get("spec") or {}
    grace = spec.get("terminationGracePeriodSeconds")
    return Pod(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        uid=str(metadata.get("uid") or ""),
        grace=min(wish.grace_period, float(30 if grace is None else grace)),
        leaving=bool(metadata.get("deletionTimestamp")),
    )


def _sentence(problem: ApiError, admin: Kubeconfig) -> str:
    advice = {
        Untrusted: f"; {admin.path} is not of the cluster that answers there",
        Denied: f"; {admin.path} is not accepted",
    }
    return "{}{}".format(problem, advice.get(type(problem), ""))


def plan(wish: NodeRemovalSpec, facts: NodeRemovalState) -> list[Change]:
    """Cordon, evictions, deletion; nothing where there is no such Node, or it cannot or must not be touched."""
    if facts.state != "present":
        return []
    steps = []
    if not facts.cordoned and wish.drain:
        steps.append(Change("cordon", wish.name, "schedulable", "unschedulable", "its machine is about to be reset"))
    steps += [
        Change("evict", pod.title, "on " + wish.name, "elsewhere, if something keeps it",
             "it would end without having been told")
        for pod in facts.pods if not pod.leaving
    ]
    steps.append(Change("node", wish.name, "in the cluster", "deleted", "its machine leaves the cluster"))
    return steps


def decision(wish: NodeRemovalSpec, facts: NodeRemovalState) -> tuple[str, str]:
    """What the module calls it, and the reason."""
    return {
        "absent": ("none", f"there is no Node {wish.name}"),
        "present": ("remove", f"the machine of Node {wish.name} leaves the cluster"),
        "other machine": ("undecided", f"Node {wish.name} is another machine's ({facts.detail}), and was left alone. "
                                       "Two machines of one "
                          "name in one cluster: give one of them another."),
        "silent": ("undecided", f"the control plane does not answer ({facts.detail}), so Node {wish.name} was neither "
                                "drained nor deleted. "
                   f"When it is back, 'kubectl delete node {wish.name}' removes what is left of it."),
    }[facts.state]


def converge(
    wish: NodeRemovalSpec, machine: NodeContext, kubeconfig: str = ADMIN_CONF, check_mode: bool = False
) -> dict[str, Any]:
    """Let the Node go, or say what that would take; what the module returns."""
    facts, api = read_facts(wish, machine, kubeconfig)
    steps = plan(wish, facts)
    name, reason = decision(wish, facts)
    warnings = [reason] if name == "undecided" else []
    left: tuple[str, ...] = ()
    if steps and api is not None and not check_mode:
        try:
            left = _let_go(wish, machine, api, facts)
        except ApiError as problem:
            warnings.append(f"the control plane stopped answering while Node {wish.name} was let go: {problem}. When "
                            "it is back, "
                            f"'kubectl delete node {wish.name}' removes what is left of it.")
    if left:
        warnings.append("these pods were not gone from {} after {:g} s and end with its reset: {}".format(
            wish.name, wish.timeout, ", ".join(left)))
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


def _let_go(wish: NodeRemovalSpec, machine: NodeContext, api: Api, facts: NodeRemovalState) -> tuple[str, ...]:
    """Returns the pods that are still there when the time is over."""
    end = machine.monotonic() + wish.timeout
    if wish.drain and not facts.cordoned:
        api.patch(_path(wish), {"spec": {"unschedulable": True}})
    left = _drained(wish, machine, api, facts, end) if facts.pods else ()
    # A person may have been faster
    with contextlib.suppress(NotFound):
        api.delete(_path(wish))
    return left


def _drained(
    wish: NodeRemovalSpec, machine: NodeContext, api: Api, facts: NodeRemovalState, end: float
) -> tuple[str, ...]:
    waiting = [pod for pod in facts.pods if not pod.leaving]
    while True:
        waiting = [pod for pod in waiting if not _evicted(api, pod)]
        # Of a machine that is down nobody reports that a pod has ended
        going = _still_there(wish, api, facts.pods) if facts.ready else waiting
        if not going and not waiting:
            return ()
        if machine.monotonic() >= end:
            return tuple(pod.title for pod in going or waiting)
        machine.sleep(_POLL_INTERVAL)


def _evicted(api: Api, pod: Pod) -> bool:
    """Whether the pod is on its way out. A disruption budget may say no for now: then it is asked again later."""
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


def _still_there(wish: NodeRemovalSpec, api: Api, pods: Sequence[Pod]) -> list[Pod]:
    """By their identity: a StatefulSet makes another one of the same name."""
    there = {pod.uid for pod in _pods(wish, api)}
    return [pod for pod in pods if pod.uid in there]
