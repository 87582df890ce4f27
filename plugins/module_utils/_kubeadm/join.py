# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a host a worker of a cluster, unless it is a member already.

The cluster itself is queried with the identity of the host, because the files and the kubelet of a worker whose
control plane was re-created look like those of a member. An unreachable cluster never leads to a reset.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import remove
from .._core.paths import PRIVATE
from .._core.plan import Change, as_diff
from .._kube.api import AccessDenied, Api, ApiError, Untrusted, address, reachable
from .._kube.context import NodeContext
from .._kube.kubeconfig import Kubeconfig
from .._kube.kubeconfig import parse as parse_kubeconfig
from .._kube.node import declared_part, machine_id
from .._kube.node_paths import BOOTSTRAP_CONF, KUBELET_CONF
from .command import missing_programs_message, run_kubeadm
from .config import as_yaml
from .decision import NodePlan
from .join_facts import JoinSpec, JoinState, _hash, _health_address, _identity, read_facts
from .kubelet import kubelet_log_message, restart_kubelet, wait_for_kubelet
from .private_files import exclusive, private_files, remove_private_files
from .running import wait_for_other_kubeadm
from .runtime_socket import socket_message

# Seconds. A kubelet continues its bootstrap by itself when kubeadm is killed.
_BOOTSTRAP = 15.0
_REGISTRATION = 60.0
_DISCOVERY = "30s"
KUBELET, NODE, CREDENTIAL, RESET, JOIN = "restart kubelet", "wait for node", "remove credential", "reset", "join"


def plan(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """Return the planned actions and their reason; no action where there is nothing to do or no safe action."""
    if facts.control_plane:
        return NodePlan("undecided", "This host has control plane files, but the inventory makes it a worker of "
                        f"{address(spec.endpoint)}. Correct the inventory or reset the host first.")
    if not facts.identity:
        return _plan_without_identity(spec, facts)
    planners = {
        "member": _plan_member, "deleted": _plan_deleted, "foreign": _plan_foreign, "denied": _plan_denied,
        "other name": _plan_other_name,
    }
    return planners.get(facts.membership, _plan_undecided)(spec, facts)


def _plan_without_identity(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if not facts.left and not facts.pod_network:
        return NodePlan("join", "this host belongs to no cluster", (JOIN, NODE))
    if not facts.left:
        # The new Node may get another pod subnet, and no pod of the host would get an address of it
        return NodePlan("reset and join", "this host belongs to no cluster, but the pod network of a former one is "
                        "left: {}".format(", ".join(facts.pod_network)), (RESET, JOIN, NODE))
    if facts.unreadable:
        # The file was not written by kubeadm and may be of another cluster, so the host must not be reset.
        return NodePlan("undecided", f"{facts.identity_problem} Cannot determine to which cluster this host belongs. "
                        "Nothing was changed. Write the file as kubeadm does, or reset the host if it is to join the "
                        f"cluster at {address(spec.endpoint)}.")
    why = facts.identity_problem or f"the kubelet has no {KUBELET_CONF}"
    return NodePlan("reset and join", "a join was not finished: {}, but there is {}".format(
        why.rstrip("."), ", ".join(facts.left)), (RESET, JOIN, NODE))


def _plan_member(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if not facts.kubelet_healthy:
        return NodePlan("start", "the cluster knows this host, but its kubelet does not answer", (KUBELET,))
    if BOOTSTRAP_CONF in facts.left:
        return NodePlan("restart", "a join was interrupted after the kubelet had registered; the bootstrap token is "
                        f"still in {BOOTSTRAP_CONF}", (CREDENTIAL, KUBELET, NODE))
    return NodePlan("none", f"the cluster at {address(spec.endpoint)} knows this host, and its kubelet is healthy")


def _plan_deleted(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """Return the plan for a missing Node: it never existed, as an interrupted join shows, or it was deleted.

    A kubelet would register a deleted Node again by itself. But the new Node may get another pod subnet, and the
    network of the former one does not match it then: the bridge keeps its address, and the running network plugin
    does not publish for the new Node what the others need.
    """
    if BOOTSTRAP_CONF in facts.left:
        return NodePlan("restart", f"the cluster trusts this host but has no Node {spec.node}; a kubelet registers "
                        "it when it starts", (CREDENTIAL, KUBELET, NODE))
    return NodePlan("reset and join", f"the cluster trusts this host, but its Node {spec.node} was deleted; a new "
                    "one may get another pod subnet, for which the pod network of the host is re-created",
                    (RESET, JOIN, NODE))


def _plan_foreign(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """Return the plan for another CA at the endpoint: a re-created cluster, or a host of another cluster."""
    if spec.ca_hash and facts.ca_hash == spec.ca_hash:
        return NodePlan("undecided", f"The server at {address(spec.endpoint)} does not belong to the requested "
                        f"cluster: expected the CA {spec.ca_hash}, which this host has, found another one "
                        f"({facts.detail}). Check the address.")
    if address(facts.server) == address(spec.endpoint):
        return NodePlan("reset and join", f"the cluster at {address(spec.endpoint)} has a new CA; this host belonged "
                        "to the one before", (RESET, JOIN, NODE))
    return _other_cluster(spec, facts)


def _other_cluster(spec: JoinSpec, facts: JoinState) -> NodePlan:
    wanted = address(spec.endpoint) + (f" (CA {spec.ca_hash})" if spec.ca_hash else "")
    found = (f"belongs to another cluster: expected the one at {wanted}, found the one at {address(facts.server)} "
             f"(CA {facts.ca_hash})")
    if spec.allow_reset:
        return NodePlan("reset and join", f"this host {found}; leaving it is allowed", (RESET, JOIN, NODE))
    return NodePlan("undecided", f"This host {found}. Correct the inventory, or allow this host to be reset "
                    "(allow_reset).")


def _plan_denied(spec: JoinSpec, facts: JoinState) -> NodePlan:
    why = facts.identity_problem or facts.detail
    return NodePlan("reset and join", f"the cluster at {address(spec.endpoint)} does not accept the kubelet's "
                    f"certificate any more: {why}", (RESET, JOIN, NODE))


def _plan_other_name(spec: JoinSpec, facts: JoinState) -> NodePlan:
    found = f"kubelet has another name: expected {spec.node}, found {facts.name}"
    if spec.ca_hash and facts.ca_hash and facts.ca_hash != spec.ca_hash:
        return _other_cluster(spec, facts)
    if spec.allow_reset:
        return NodePlan("reset and join", f"the {found}; a reset is allowed", (RESET, JOIN, NODE))
    return NodePlan("undecided", f"The {found}. This host may be a clone of another one. Correct the name, or allow "
                    "this host to be reset (allow_reset).")


def _plan_undecided(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if spec.ca_hash and facts.ca_hash and facts.ca_hash != spec.ca_hash and (
        address(facts.server) != address(spec.endpoint)
    ):
        return _other_cluster(spec, facts)
    where = f"control plane {address(spec.endpoint)}"
    unknown = f"Cannot determine whether {spec.node} is a cluster member"
    if facts.membership == "unreachable":
        return NodePlan("undecided", f"{unknown}: {where} is unreachable ({facts.detail}). Nothing was changed. Start "
                        "it, or check the network between the hosts.",
                        tolerable=facts.kubelet_healthy and not facts.identity_problem)
    return NodePlan("undecided", f"{unknown}: {facts.detail}. Nothing was changed. Check the clocks of both hosts and "
                    f"the address of {where}.")


@dataclass(frozen=True)
class JoinResult:
    """The result of the module, not yet in its documented form."""

    decision: NodePlan
    changed: bool
    needs_discovery: bool = False
    warnings: tuple[str, ...] = ()
    node: Mapping[str, Any] | None = None


def converge(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any] | None, check_mode: bool) -> JoinResult:
    """Join the host to the cluster, or in check mode return what that takes.

    A join without `discovery` is not performed: the result has `needs_discovery` set. Raise ClassroomError if the
    current state leaves no safe action.
    """
    facts = settled(spec, machine)
    decision = plan(spec, facts)
    if decision.name == "undecided":
        return _undecided(decision)
    joins = JOIN in decision.actions
    if not decision.acts:
        if not check_mode:
            remove_private_files(machine, spec.timeout)
        return JoinResult(decision, False, node=facts.node)
    if check_mode:
        return JoinResult(decision, True, joins and not discovery, _warnings(spec, machine, decision, facts))
    _ensure_possible(spec, machine, decision, facts)
    if joins and not discovery:
        _ensure_reachable(spec)
        return JoinResult(decision, False, True)
    with exclusive(machine, spec.timeout):
        return _act(spec, machine, discovery)


def _act(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any] | None) -> JoinResult:
    """Plan again and act: while this run waited for the lock, another run may have finished the work."""
    facts = settled(spec, machine)
    decision = plan(spec, facts)
    if decision.name == "undecided":
        return _undecided(decision)
    if JOIN in decision.actions:
        if not discovery:
            return JoinResult(decision, False, True)
        _ensure_answers(spec, machine, discovery)
    warnings: tuple[str, ...] = ()
    node: Mapping[str, Any] | None = None if decision.acts else facts.node
    for action in decision.actions:
        if action == NODE:
            node = _await_node(spec, machine)
        else:
            warnings += _perform(action, spec, machine, discovery)
    return JoinResult(decision, decision.acts, warnings=warnings, node=node)


def settled(spec: JoinSpec, machine: NodeContext) -> JoinState:
    """Return the facts, once other kubeadm processes and a pending bootstrap have ended."""
    wait_for_other_kubeadm(machine, spec.timeout)
    facts = read_facts(spec, machine)
    if facts.bootstrapping:
        machine.wait(lambda: _identity(machine.root)[0] is not None, _BOOTSTRAP)
        facts = read_facts(spec, machine)
    return facts


def _undecided(decision: NodePlan) -> JoinResult:
    """Return a warning for a tolerable undetermined state, raise ClassroomError for any other."""
    if decision.tolerable:
        return JoinResult(decision, False, warnings=(decision.reason,))
    raise ClassroomError(decision.reason)


def _warnings(spec: JoinSpec, machine: NodeContext, decision: NodePlan, facts: JoinState) -> tuple[str, ...]:
    """Return what would make a real run fail; missing packages are expected to be installed by the same run."""
    if facts.absent_programs:
        return ()
    try:
        _ensure_possible(spec, machine, decision, facts)
    except ClassroomError as problem:
        return (str(problem),)
    return ()


def _ensure_possible(spec: JoinSpec, machine: NodeContext, decision: NodePlan, facts: JoinState) -> None:
    if facts.absent_programs:
        raise ClassroomError(missing_programs_message(facts.absent_programs))
    problem = socket_message(machine, spec.cri_socket) if {RESET, JOIN} & set(decision.actions) else ""
    if problem:
        raise ClassroomError(problem)


def _ensure_reachable(spec: JoinSpec) -> None:
    problem = reachable(spec.endpoint)
    if problem:
        raise ClassroomError(_unreachable(address(spec.endpoint), problem))


def _unreachable(where: str, problem: str) -> str:
    return (f"Cannot join the cluster at {where}, which is unreachable: {problem}. Nothing was changed. Check that the "
            "control plane is running and that its port is open to this host.")


def _ensure_answers(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any]) -> None:
    """Check, before a reset, that the cluster is reachable and that the token belongs to it."""
    config = _discovered(discovery)
    if spec.ca_hash and _hash(config.ca) != spec.ca_hash:
        raise ClassroomError(f"The token belongs to another cluster: expected the CA {spec.ca_hash}, found "
                             f"{_hash(config.ca)}. Nothing was changed. Create the token on the control plane of the "
                             "requested cluster.")
    api: Api = machine.connect(config.server, config.ca)
    try:
        api.get("/readyz")
    except AccessDenied:
        # Anonymous requests may be forbidden, but the server is reachable.
        return
    except Untrusted as problem:
        raise ClassroomError(f"Cannot join the cluster at {address(config.server)}: {problem}. Nothing was changed. "
                             "Check the clocks of both hosts and the address.") from problem
    except ApiError as problem:
        raise ClassroomError(_unreachable(address(config.server), str(problem))) from problem


def _discovered(discovery: Mapping[str, Any]) -> Kubeconfig:
    text = str(discovery.get("kubeconfig") or "")
    if not text or not discovery.get("token"):
        raise ClassroomError("The option discovery is invalid: expected the value that classroom.kubeadm.kubeadm_token "
                             "returned under that name, with kubeconfig and token. Pass it unchanged.")
    return parse_kubeconfig(text, "the discovery kubeconfig")


def _perform(
    action: str, spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """Perform an action and return its warnings."""
    if action == RESET:
        return reset_worker(spec, machine)
    if action == CREDENTIAL:
        remove(machine.root(BOOTSTRAP_CONF))
    elif action == KUBELET:
        _restart(machine)
    elif discovery:
        _join(spec, machine, discovery)
    return ()


def _restart(machine: NodeContext) -> None:
    restart_kubelet(machine)
    if not wait_for_kubelet(machine, *_health_address(machine.root)):
        raise ClassroomError(
            f"The kubelet was started and does not become healthy.{kubelet_log_message(machine)}")


def _await_node(spec: JoinSpec, machine: NodeContext) -> Mapping[str, Any] | None:
    """Return the Node of this host once it is registered; every plan does this last."""
    nodes: list[Mapping[str, Any] | None] = []

    def is_registered() -> bool:
        facts = read_facts(spec, machine)
        if facts.membership == "member":
            nodes.append(facts.node)
        return bool(nodes)

    if not machine.wait(is_registered, _REGISTRATION):
        raise ClassroomError(f"The kubelet runs, but the cluster at {address(spec.endpoint)} has no Node {spec.node} "
                             f"after {_REGISTRATION:g} s.{kubelet_log_message(machine)}")
    return nodes[0]


def reset_worker(spec: JoinSpec, machine: NodeContext) -> tuple[str, ...]:
    """Remove the membership and all residue that would disturb the next one; return warnings."""
    # Imported here because few hosts need it, and the search for residue takes a while to load.
    from . import teardown

    warnings, left = teardown.reset_machine(machine, spec.cri_socket, spec.timeout)
    if left:
        raise ClassroomError(teardown.left_sentence(left))
    return warnings


def join_document(spec: JoinSpec, discovery_file: str, token: str) -> dict[str, Any]:
    """Return the JoinConfiguration with everything that kubeadm needs."""
    document = spec.document
    document["nodeRegistration"] = spec.registration
    document["discovery"] = {"file": {"kubeConfigPath": discovery_file}, "tlsBootstrapToken": token}
    # kubeadm's default timeout for an unreachable control plane is five minutes.
    document["timeouts"] = dict({"discovery": _DISCOVERY}, **(document.get("timeouts") or {}))
    return document


def _join(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any]) -> None:
    token = str(discovery["token"])
    ignored = ["--ignore-preflight-errors=" + ",".join(spec.ignored)] if spec.ignored else []
    document = join_document(spec, machine.root(PRIVATE + "/discovery.conf"), token)
    contents = {"discovery.conf": str(discovery["kubeconfig"]), "join.yaml": as_yaml([document])}
    with private_files(machine, contents) as directory:
        arguments = ["join", "--config", os.path.join(directory, "join.yaml"), *ignored]
        try:
            run_kubeadm(machine, arguments, spec.timeout, hidden=(token, token.partition(".")[2]))
        except ClassroomError as problem:
            raise ClassroomError(_readable(str(problem), spec)) from None


def _readable(message: str, spec: JoinSpec) -> str:
    if "already exists in the cluster" in message and "a Node with name" in message:
        return (f"Cannot join as {spec.node}: the cluster at {address(spec.endpoint)} has a Ready Node of that name, "
                "of another host or of this one from a moment ago. Delete it "
                f"('kubectl delete node {spec.node}') or give this host another name.")
    return message


def result(spec: JoinSpec, machine: NodeContext, outcome: JoinResult) -> dict[str, Any]:
    """Return the result of the module, which contains no secrets."""
    decision = outcome.decision
    return {
        "changed": outcome.changed,
        "decision": decision.name,
        "reason": decision.reason,
        "actions": list(decision.actions),
        "needs_discovery": outcome.needs_discovery,
        "node_name": spec.node,
        "machine_id": machine_id(machine.root),
        # Only if it was read after all actions, which may change the Node.
        "node": declared_part(outcome.node) if outcome.node else None,
        "diff": as_diff([_change(spec, decision)] if decision.acts else []),
        "warnings": list(outcome.warnings),
    }


def _change(spec: JoinSpec, decision: NodePlan) -> Change:
    before = {"join": "no member", "start": "member, kubelet stopped", "restart": "not registered"}
    return decision.change(
        "worker", spec.node, before.get(decision.name, "no valid member"), f"member of {address(spec.endpoint)}")
