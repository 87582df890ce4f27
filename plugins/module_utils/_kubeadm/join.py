# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a machine a worker of a cluster, or finds out that it is one.

The truth is asked of the cluster itself, with the identity that the machine has: the files and the kubelet of a worker
whose control plane was made anew look as good as those of a member. No answer is no answer: nothing is ever reset
because of it.
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
from .._kube.api import Api, ApiError, Denied, Untrusted, address, reachable
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

# A kubelet whose kubeadm was killed goes on with its bootstrap for itself.
_BOOTSTRAP = 15.0
_REGISTRATION = 60.0
_DISCOVERY = "30s"
KUBELET, NODE, CREDENTIAL, RESET, JOIN = "restart kubelet", "wait for node", "remove credential", "reset", "join"


def plan(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """The decision and its reason; no action where nothing is to be done or nothing may be."""
    if facts.control_plane:
        return NodePlan("undecided", "this machine has a control plane of its own, or what is left of one, and is "
                        f"wished to be a worker of {address(spec.endpoint)}. Correct the inventory, or reset the "
                        "machine first.")
    if not facts.identity:
        return _plan_without_identity(spec, facts)
    planners = {
        "member": _plan_member, "deleted": _plan_deleted, "foreign": _plan_foreign, "denied": _plan_denied,
        "other name": _plan_other_name,
    }
    return planners.get(facts.membership, _plan_undecided)(spec, facts)


def _plan_without_identity(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if not facts.left:
        return NodePlan("join", "this machine belongs to no cluster", (JOIN, NODE))
    if facts.unreadable:
        # Somebody wrote it; of which cluster it is cannot be told, so it is nobody's to wipe
        return NodePlan("undecided", f"{facts.identity_problem} Whose cluster this machine is in cannot be told, and "
                                     "nothing was changed. "
                        "Write it as kubeadm does, or reset the machine if it is to be in the one at "
                        f"{address(spec.endpoint)}.")
    why = facts.identity_problem or f"the kubelet has no {KUBELET_CONF}"
    return NodePlan("reset and join", "a join was not finished: {}, but there is {}".format(
        why.rstrip("."), ", ".join(facts.left)), (RESET, JOIN, NODE))


def _plan_member(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if not facts.kubelet_healthy:
        return NodePlan("start", "the cluster knows this machine, but its kubelet does not answer", (KUBELET,))
    if BOOTSTRAP_CONF in facts.left:
        return NodePlan("restart", "a join was interrupted after the kubelet had registered; the bootstrap token is "
                        f"still in {BOOTSTRAP_CONF}", (CREDENTIAL, KUBELET, NODE))
    return NodePlan("none", f"the cluster at {address(spec.endpoint)} knows this machine, and its kubelet is healthy")


def _plan_deleted(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """There is no Node: either it never was, which an interrupted join shows, or somebody deleted it.

    A kubelet would register a deleted one again by itself. But the new Node may get another subnet for its pods, and
    nothing of the former one's network fits then: the bridge keeps its address, and the network plugin, which runs on,
    does not tell the new Node what the others need of it.
    """
    if BOOTSTRAP_CONF in facts.left:
        return NodePlan("restart", f"the cluster trusts this machine but has no Node {spec.node}; a kubelet registers "
                                   "it when "
                        "it starts", (CREDENTIAL, KUBELET, NODE))
    return NodePlan("reset and join", f"the cluster trusts this machine, but its Node {spec.node} was deleted; a new "
                                      "one may "
                    "get another pod subnet, for which the machine's pod network is made anew",
                    (RESET, JOIN, NODE))


def _plan_foreign(spec: JoinSpec, facts: JoinState) -> NodePlan:
    """Another CA at the wished address: the cluster there was made anew, or this machine is another cluster's."""
    if spec.ca_hash and facts.ca_hash == spec.ca_hash:
        return NodePlan("undecided", f"this machine has the CA of the wished cluster ({spec.ca_hash}), but whoever "
                                     f"answers at {address(spec.endpoint)} "
                        f"has not: {facts.detail}. Look at the address.")
    if address(facts.server) == address(spec.endpoint):
        return NodePlan("reset and join", f"the cluster at {address(spec.endpoint)} has a new CA; this machine "
                                          "belonged to the one "
                        "before", (RESET, JOIN, NODE))
    return _other_cluster(spec, facts)


def _other_cluster(spec: JoinSpec, facts: JoinState) -> NodePlan:
    wanted = address(spec.endpoint) + (f" (CA {spec.ca_hash})" if spec.ca_hash else "")
    found = (f"this machine belongs to the cluster at {address(facts.server)} (CA {facts.ca_hash}), and is wished in "
             f"the one at {wanted}")
    if spec.allow_reset:
        return NodePlan("reset and join", found + "; leaving it was allowed", (RESET, JOIN, NODE))
    return NodePlan("undecided", found + ". Correct the inventory, or allow this machine to be reset (allow_reset).")


def _plan_denied(spec: JoinSpec, facts: JoinState) -> NodePlan:
    why = facts.identity_problem or facts.detail
    return NodePlan("reset and join", f"the cluster at {address(spec.endpoint)} does not accept the kubelet's "
                                      "certificate any more: "
                    f"{why}", (RESET, JOIN, NODE))


def _plan_other_name(spec: JoinSpec, facts: JoinState) -> NodePlan:
    found = f"the kubelet of this machine is registered as {facts.name}, and is wished as {spec.node}"
    if spec.ca_hash and facts.ca_hash and facts.ca_hash != spec.ca_hash:
        return _other_cluster(spec, facts)
    if spec.allow_reset:
        return NodePlan("reset and join", found + "; a reset was allowed", (RESET, JOIN, NODE))
    return NodePlan("undecided", found + ". Is it a copy of another machine? Put the name right, or allow this machine "
                    "to be reset (allow_reset).")


def _plan_undecided(spec: JoinSpec, facts: JoinState) -> NodePlan:
    if spec.ca_hash and facts.ca_hash and facts.ca_hash != spec.ca_hash and (
        address(facts.server) != address(spec.endpoint)
    ):
        return _other_cluster(spec, facts)
    where = f"the control plane at {address(spec.endpoint)}"
    if facts.membership == "unreachable":
        return NodePlan("undecided", f"whether {spec.node} is a member cannot be told: {where} does not answer "
                                     f"({facts.detail}). Nothing was "
                        "changed. Start it, or look at the network between them.",
                        tolerable=facts.kubelet_healthy and not facts.identity_problem)
    return NodePlan("undecided", f"whether {spec.node} is a member cannot be told: {facts.detail}. Nothing was "
                                 "changed. Look at the clocks "
                    f"of both machines and at the address of {where}.")


@dataclass(frozen=True)
class JoinResult:
    """What the module returns."""

    decision: NodePlan
    changed: bool
    needs_discovery: bool = False
    warnings: tuple[str, ...] = ()
    node: Mapping[str, Any] | None = None


def converge(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any] | None, check_mode: bool) -> JoinResult:
    """Bring the machine into the cluster, or say what that takes; a join without `discovery` is only announced."""
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
    """Decide once more: while this run waited for its turn, another one may have finished the work."""
    facts = settled(spec, machine)
    decision = plan(spec, facts)
    if decision.name == "undecided":
        return _undecided(decision)
    if JOIN in decision.actions:
        if not discovery:
            return JoinResult(decision, False, True)
        _ensure_answers(spec, machine, discovery)
    warnings: tuple[str, ...] = ()
    for action in decision.actions:
        warnings += _perform(action, spec, machine, discovery)
    return JoinResult(decision, decision.acts, warnings=warnings)


def settled(spec: JoinSpec, machine: NodeContext) -> JoinState:
    """The facts, once whatever is under way has come to its end."""
    wait_for_other_kubeadm(machine, spec.timeout)
    facts = read_facts(spec, machine)
    if facts.bootstrapping:
        machine.wait(lambda: _identity(machine.root)[0] is not None, _BOOTSTRAP)
        facts = read_facts(spec, machine)
    return facts


def _undecided(decision: NodePlan) -> JoinResult:
    """Not to know is only a failure where something might have to be done."""
    if decision.tolerable:
        return JoinResult(decision, False, warnings=(decision.reason,))
    raise ClassroomError(decision.reason)


def _warnings(spec: JoinSpec, machine: NodeContext, decision: NodePlan, facts: JoinState) -> tuple[str, ...]:
    """What the real run would stop at. On a machine without the packages the same run is expected to bring them."""
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
    return f"wanted to join the cluster at {where}, but it does not answer: {problem}. Nothing was changed. Is the " \
           "control " \
           "plane up, and is its port open to this machine?"


def _ensure_answers(spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any]) -> None:
    """Before anything is reset: is the cluster there, and is it the one whose token this is?"""
    config = _discovered(discovery)
    if spec.ca_hash and _hash(config.ca) != spec.ca_hash:
        raise ClassroomError(f"wanted to join the cluster with the CA {spec.ca_hash}, but the token is of one with the "
                             f"CA {_hash(config.ca)}. "
                             "Nothing was changed. Make the token on the control plane of the wished cluster.")
    api: Api = machine.connect(config.server, config.ca)
    try:
        api.get("/readyz")
    except Denied:
        # Anonymous requests may be forbidden; who forbids them answers.
        return
    except Untrusted as problem:
        raise ClassroomError(f"wanted to join the cluster at {address(config.server)}, but {problem}. Nothing was "
                             "changed. Look at the clocks of "
                             "both machines and at the address.") from problem
    except ApiError as problem:
        raise ClassroomError(_unreachable(address(config.server), str(problem))) from problem


def _discovered(discovery: Mapping[str, Any]) -> Kubeconfig:
    text = str(discovery.get("kubeconfig") or "")
    if not text or not discovery.get("token"):
        raise ClassroomError("discovery has to be what classroom.kubeadm.kubeadm_token returned under that name.")
    return parse_kubeconfig(text, "the discovery kubeconfig")


def _perform(
    action: str, spec: JoinSpec, machine: NodeContext, discovery: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """Returns what a person should know although it is no failure."""
    if action == RESET:
        return reset_worker(spec, machine)
    if action == CREDENTIAL:
        remove(machine.root(BOOTSTRAP_CONF))
    elif action == KUBELET:
        _restart(machine)
    elif action == NODE:
        _await_node(spec, machine)
    elif discovery:
        _join(spec, machine, discovery)
    return ()


def _restart(machine: NodeContext) -> None:
    restart_kubelet(machine)
    if not wait_for_kubelet(machine, *_health_address(machine.root)):
        raise ClassroomError(
            f"the kubelet was started and does not become healthy.{kubelet_log_message(machine)}")


def _await_node(spec: JoinSpec, machine: NodeContext) -> None:
    if not machine.wait(lambda: read_facts(spec, machine).membership == "member", _REGISTRATION):
        raise ClassroomError(f"the kubelet runs, but the cluster at {address(spec.endpoint)} has no Node {spec.node} "
                             f"after {_REGISTRATION:g} s.{kubelet_log_message(machine)}")


def reset_worker(spec: JoinSpec, machine: NodeContext) -> tuple[str, ...]:
    """Take the membership back, with all that would disturb the next one; returns warnings."""
    # Only here, where few machines come: looking for leftovers of every kind takes its time to load
    from . import teardown

    warnings, left = teardown.reset_machine(machine, spec.cri_socket, spec.timeout)
    if left:
        raise ClassroomError(teardown.left_sentence(left))
    return warnings


def join_document(spec: JoinSpec, discovery_file: str, token: str) -> dict[str, Any]:
    """The JoinConfiguration with everything in it that kubeadm needs."""
    document = spec.document
    document["nodeRegistration"] = spec.registration
    document["discovery"] = {"file": {"kubeConfigPath": discovery_file}, "tlsBootstrapToken": token}
    # kubeadm's own patience with a control plane that does not answer is five minutes.
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
        return f"wanted to join as {spec.node}, but the cluster at {address(spec.endpoint)} has a Ready Node of that " \
               "name: another machine, or " \
               f"this one a moment ago. Delete it ('kubectl delete node {spec.node}') or give this machine another " \
               "name."
    return message


def result(spec: JoinSpec, machine: NodeContext, outcome: JoinResult) -> dict[str, Any]:
    """What the module returns: nothing in it is secret."""
    decision = outcome.decision
    return {
        "changed": outcome.changed,
        "decision": decision.name,
        "reason": decision.reason,
        "actions": list(decision.actions),
        "needs_discovery": outcome.needs_discovery,
        "node_name": spec.node,
        "machine_id": machine_id(machine.root),
        # Only of a membership that was left alone: what acts may change the Node
        "node": declared_part(outcome.node) if outcome.node else None,
        "diff": as_diff([_as_step(spec, decision)] if decision.acts else []),
        "warnings": list(outcome.warnings),
    }


def _as_step(spec: JoinSpec, decision: NodePlan) -> Change:
    before = {"join": "no member", "start": "member, kubelet stopped", "restart": "not registered"}
    after = f"member of {address(spec.endpoint)}\n" + "\n".join("by: " + action for action in decision.actions)
    return Change("worker", spec.node, before.get(decision.name, "no valid member"), after,
                decision.reason)
