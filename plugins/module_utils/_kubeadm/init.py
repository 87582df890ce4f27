# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a host the control plane that a configuration describes, whatever state an earlier attempt left it in.

`plan` decides from facts alone; `converge` reads, decides, acts and reads again until nothing is left to do. Data of
etcd and a CA that a cluster may depend on are discarded only when they are verified to come from a `kubeadm init` of
this collection that never completed.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any, Callable

from .._core.errors import ClassroomError
from .._core.files import read_text
from .._core.plan import Change, as_diff
from .._formats import x509
from .._kube.context import NodeContext
from .._kube.node import declared_part
from . import bootstrap_token
from .command import missing_programs_message, run_kubeadm
from .config import as_yaml
from .decision import NodePlan
from .init_facts import (
    KUBECONFIGS,
    MARKER,
    InitSpec,
    InitState,
    Marker,
    broken_pki,
    etcd_directories,
    files_below,
    node_registered,
    read_facts,
    read_marker,
    remove_marker,
    write_marker,
)
from .kubelet import kubelet_log_message, restart_kubelet, wait_for_kubelet
from .private_files import exclusive, private_files, remove_private_files
from .running import wait_for_other_kubeadm

# Seconds. A control plane needs about ten of them after a boot of its host; the rest is for slow disks.
_BOOT = 60.0
_BOOT_SEEN_FROM_CHECK_MODE = 20.0
_NODE = 60.0
# Files written within this many seconds after the end of the command still belong to it.
_LEEWAY = 60.0
_ROUNDS = 5
DISCARD, INIT, KUBELET, NODE = "discard", "init", "restart kubelet", "wait for node"


def plan(spec: InitSpec, facts: InitState, tried: frozenset[str] = frozenset()) -> NodePlan:
    """Return what to do about the facts. `tried` are the actions that this run took already."""
    if facts.answer.state == "ready":
        return _plan_answering(spec, facts, tried)
    if facts.answer.state in ("denied", "untrusted"):
        return _undecided(
            spec, facts, f"The API server does not accept {spec.kubeconfig}: {facts.answer.detail}")
    if _is_worker(facts):
        return NodePlan(
            "undecided",
            "This host cannot become a control plane: expected no cluster membership, found a worker of the cluster "
            f"at {facts.kubelet_server}. Correct the inventory or reset the host first.",
        )
    if _never_begun(facts):
        kept = f"; the certificates in {spec.pki} are used" if facts.pki else ""
        if facts.pod_network:
            return NodePlan("init", "there is no control plane on this host, but the pod network of a former one is "
                            "left: {}{}".format(", ".join(facts.pod_network), kept), (DISCARD, INIT))
        return NodePlan("init", "there is no control plane on this host" + kept, (INIT,))
    if facts.kubelet_configured and spec.manifests <= facts.manifests:
        return _plan_silent(spec, facts, tried)
    return _plan_half(spec, facts)


def _plan_answering(spec: InitSpec, facts: InitState, tried: frozenset[str]) -> NodePlan:
    """Return the plan for a reachable API: what is missing is added to it."""
    answer, marker = facts.answer, facts.marker
    if facts.pki_problem:
        return _undecided(spec, facts, facts.pki_problem)
    if marker and marker.digest != spec.digest and _nothing_stored(spec, facts):
        return NodePlan(
            "resume", "an interrupted 'kubeadm init' had another configuration and had not stored it yet, so no other "
            "host can depend on it", (DISCARD, INIT),
        )
    reasons, actions = _kubeconfig_actions(spec, facts)
    if not facts.kubelet_healthy:
        if KUBELET in tried:
            return NodePlan("undecided", "The kubelet was restarted and does not become healthy.")
        reasons.append("the kubelet does not answer")
        actions.append(KUBELET)
    if answer.missing:
        reasons.append("the API answers, but these phases of 'kubeadm init' did not complete, or their objects were "
                       "removed: {}".format(", ".join(answer.missing)))
    if not answer.node and not answer.detail:
        reasons.append(f"there is no Node {spec.node}")
        actions.extend(action for action in (KUBELET, NODE) if action not in actions)
    actions.extend("phase " + name for name in answer.missing)
    if answer.used_tokens:
        reasons.append("an interrupted run did not revoke the tokens of completed joins")
        actions.extend("revoke " + token_id for token_id in answer.used_tokens)
    if not actions:
        return NodePlan("none", "the control plane is complete and answers")
    return NodePlan("start" if actions == [KUBELET] else "resume", "; ".join(reasons), tuple(actions))


def _plan_silent(spec: InitSpec, facts: InitState, tried: frozenset[str]) -> NodePlan:
    """Return the plan for a complete set of files with an API that does not answer."""
    changed = facts.marker is not None and facts.marker.digest != spec.digest
    if changed and _discardable(facts):
        return NodePlan("resume", "an interrupted 'kubeadm init' had another configuration", (DISCARD, INIT))
    reasons, actions = _kubeconfig_actions(spec, facts)
    if not facts.kubelet_healthy and KUBELET not in tried:
        reasons.append("the control plane is set up, but the kubelet does not answer")
        actions.append(KUBELET)
    if actions:
        return NodePlan("start" if actions == [KUBELET] else "resume", "; ".join(reasons), tuple(actions))
    if _discardable(facts):
        return NodePlan(
            "resume", "an interrupted 'kubeadm init' left a control plane that does not come up and was never used",
            (DISCARD, INIT),
        )
    what = "the kubelet does not become healthy" if not facts.kubelet_healthy else "the API server does not answer"
    return _undecided(spec, facts, "The control plane is set up, but {} ({})".format(
        what, facts.answer.detail or "there is no usable " + spec.kubeconfig))


def _plan_half(spec: InitSpec, facts: InitState) -> NodePlan:
    """Return the plan for an incomplete set of files, with which the control plane cannot run."""
    absent = sorted(spec.manifests - facts.manifests)
    if _discardable(facts) or not (facts.etcd_data or facts.kubelet_configured or spec.external_etcd):
        return NodePlan(
            "resume", f"'kubeadm init' was interrupted before the control plane ran ({_half(absent, facts)}); nothing "
            "is lost by starting again", (DISCARD, INIT),
        )
    return _undecided(spec, facts, f"The control plane is incomplete: {_half(absent, facts)}")


def _half(absent: list[str], facts: InitState) -> str:
    if absent:
        return "missing are the manifests of {}".format(", ".join(absent))
    return "" if facts.kubelet_configured else "the kubelet has no configuration"


def _nothing_stored(spec: InitSpec, facts: InitState) -> bool:
    """Return whether the API has none of the objects of kubeadm, so that no other host can have joined."""
    stored = set(spec.phases) - {"kubelet-finalize all", "mark-control-plane"}
    ended = facts.rotated and facts.finalized
    return stored <= set(facts.answer.missing) and not ended


def _undecided(spec: InitSpec, facts: InitState, what: str) -> NodePlan:
    parts = [what]
    if facts.kubeconfig_problem:
        parts.append(facts.kubeconfig_problem.rstrip("."))
    if facts.pki_problem and facts.pki_problem != what:
        parts.append(facts.pki_problem)
    if facts.etcd_data:
        parts.append(f"{facts.etcd_data} holds the data of a cluster, which is not discarded without verification")
    return NodePlan(
        "undecided", "{}. Check 'journalctl -u kubelet' and the containers of the control plane; if the cluster is "
        "not needed any more, reset the host and try again.".format("; ".join(parts)),
    )


def _is_worker(facts: InitState) -> bool:
    return "kubelet" in facts.kubeconfigs and not (facts.manifests or "admin" in facts.kubeconfigs or facts.marker)


def _never_begun(facts: InitState) -> bool:
    """Return whether no init began on this host; a marker alone counts only if certificates were added since."""
    left = facts.manifests or facts.kubeconfigs or facts.kubelet_configured or facts.etcd_data
    return not left and not (facts.marker and facts.pki - facts.marker.pki_before)


def _kubeconfig_actions(spec: InitSpec, facts: InitState) -> tuple[list[str], list[str]]:
    """Return reasons and actions to re-create missing kubeconfig files, which takes the key of the CA."""
    absent = [name for name in KUBECONFIGS if name not in facts.kubeconfigs]
    if not absent or "ca.key" not in facts.pki:
        return [], []
    return (
        ["missing are {}".format(", ".join(KUBECONFIGS[name] for name in absent))],
        ["phase kubeconfig " + name for name in absent],
    )


def _discardable(facts: InitState) -> bool:
    """Return whether everything on the host is verified to come from an init of this collection that never completed.

    The marker has to be there (it is only written where etcd has no data). In addition, either the change that
    `kubeadm init` makes to the kubelet's identity near its end is outstanding, or etcd was not written any more after
    the timeout of the command.
    """
    marker = facts.marker
    if marker is None or not facts.etcd_data:
        return marker is not None
    unfinished = facts.rotated and not facts.finalized
    return unfinished or facts.etcd_written <= marker.started + marker.timeout + _LEEWAY


@dataclass(frozen=True)
class InitResult:
    """The result of the module, not yet in its documented form."""

    decision: NodePlan
    changed: bool
    facts: InitState
    warnings: tuple[str, ...] = ()


def converge(spec: InitSpec, machine: NodeContext, check_mode: bool) -> InitResult:
    """Bring the host to the desired state, or in check mode return what that would take.

    Raise ClassroomError if the current state leaves no safe action.
    """
    facts = settled(spec, machine, _BOOT_SEEN_FROM_CHECK_MODE if check_mode else _BOOT)
    decision = plan(spec, facts)
    if decision.name == "undecided":
        raise ClassroomError(decision.reason)
    if check_mode:
        return InitResult(decision, decision.acts, facts, _warnings(decision, facts))
    if not decision.acts:
        _finish(facts, machine)
        remove_private_files(machine, spec.timeout)
        return InitResult(decision, False, facts)
    with exclusive(machine, spec.timeout):
        return InitResult(decision, True, _act(spec, machine))


def _act(spec: InitSpec, machine: NodeContext) -> InitState:
    tried: frozenset[str] = frozenset()
    for _round in range(_ROUNDS):
        facts = settled(spec, machine, spec.timeout if tried else _BOOT)
        decision = plan(spec, facts, tried)
        if decision.name == "undecided":
            raise ClassroomError(decision.reason + kubelet_log_message(machine))
        if not decision.acts:
            _finish(facts, machine)
            return facts
        _ensure_possible(decision, facts)
        for action in decision.actions:
            _perform(action, spec, machine)
        tried |= set(decision.actions)
    raise ClassroomError(f"The control plane is still not complete: {decision.reason}.")


def settled(spec: InitSpec, machine: NodeContext, timeout: float) -> InitState:
    """Return the facts once other kubeadm processes have ended and a starting control plane had `timeout` seconds."""
    wait_for_other_kubeadm(machine, spec.timeout)
    facts = read_facts(spec, machine)
    if not _may_come_up(spec, facts):
        return facts
    seen = [facts]

    def answers() -> bool:
        seen.append(read_facts(spec, machine))
        return not _may_come_up(spec, seen[-1])

    machine.wait(answers, timeout)
    return seen[-1]


def _may_come_up(spec: InitSpec, facts: InitState) -> bool:
    """Return whether a running kubelet is likely to start the control plane soon."""
    outdated = facts.marker is not None and facts.marker.digest != spec.digest
    complete = spec.manifests <= facts.manifests and facts.kubelet_configured
    return facts.answer.state == "unreachable" and facts.kubelet_healthy and complete and not outdated


def _warnings(decision: NodePlan, facts: InitState) -> tuple[str, ...]:
    """Return what would make a real run fail; missing packages are expected to be installed by the same run."""
    needed = bool({DISCARD, INIT} & set(decision.actions)) and not facts.absent_programs
    return (facts.runtime,) if needed and facts.runtime else ()


def _ensure_possible(decision: NodePlan, facts: InitState) -> None:
    if facts.absent_programs:
        raise ClassroomError(missing_programs_message(facts.absent_programs))
    if {DISCARD, INIT} & set(decision.actions) and facts.runtime:
        # Required before discarding, too: containers keep running while the runtime is stopped.
        raise ClassroomError(facts.runtime)


def _finish(facts: InitState, machine: NodeContext) -> None:
    """Remove the marker: from here on, the data in etcd must not be discarded."""
    if facts.marker is not None:
        remove_marker(machine.root)


def _perform(action: str, spec: InitSpec, machine: NodeContext) -> None:
    performers: dict[str, Callable[[InitSpec, NodeContext], None]] = {
        DISCARD: _discard, INIT: _init, KUBELET: _restart, NODE: _await_node,
    }
    if action in performers:
        performers[action](spec, machine)
    elif action.startswith("revoke "):
        bootstrap_token.absent([action[len("revoke ") :]], machine, spec.kubeconfig, check_mode=False)
    else:
        _phase(action[len("phase ") :].split(), spec, machine)


def _restart(spec: InitSpec, machine: NodeContext) -> None:
    restart_kubelet(machine)
    # A kubelet that does not become healthy is reported by the next round, together with the other facts.
    wait_for_kubelet(machine, *spec.health_address)


def _await_node(spec: InitSpec, machine: NodeContext) -> None:
    if not machine.wait(lambda: node_registered(spec, machine), _NODE):
        raise ClassroomError(f"The kubelet runs, but there is no Node {spec.node} after {_NODE:g} s."
                             f"{kubelet_log_message(machine)}")


def _phase(words: list[str], spec: InitSpec, machine: NodeContext) -> None:
    path = machine.root(KUBECONFIGS[words[1]]) if words[0] == "kubeconfig" else ""
    if path and os.path.exists(path):
        # The file counts as missing because it is empty, which a killed process leaves. kubeadm would reject it.
        os.unlink(path)
    _run_init(["phase", *words] + (["--skip-token-print"] if words[0] == "bootstrap-token" else []), spec, machine)


def _init(spec: InitSpec, machine: NodeContext) -> None:
    write_marker(machine.root, _new_marker(spec, machine))
    ignored = ["--ignore-preflight-errors=" + ",".join(spec.ignored)] if spec.ignored else []
    _run_init(["--skip-token-print", *ignored], spec, machine)


def _run_init(arguments: list[str], spec: InitSpec, machine: NodeContext) -> None:
    with private_files(machine, {"init.yaml": as_yaml(list(spec.documents.values()))}) as directory:
        run_kubeadm(machine, ["init", *arguments, "--config", os.path.join(directory, "init.yaml")], spec.timeout)
    # kubeadm restarts the kubelet near its end. Without this wait it would look broken and be restarted again.
    wait_for_kubelet(machine, *spec.health_address)


def _new_marker(spec: InitSpec, machine: NodeContext) -> Marker:
    """Return the marker for a new attempt; files from before the first attempt keep counting as the user's own."""
    pki, old = files_below(machine.root(spec.pki)), read_marker(machine.root)
    return Marker(machine.now(), spec.timeout, spec.digest, old.pki_before & pki if old else pki)


def _discard(spec: InitSpec, machine: NodeContext) -> None:
    """Undo an init that never completed, or remove residue. Certificates that were there before it are kept."""
    # Imported here because few hosts need it, and the search for residue takes a while to load.
    from . import teardown

    root, marker, data = machine.root, read_marker(machine.root), etcd_directories(spec, machine.root)
    # The marker is kept until the next attempt writes its own: it tells which certificates were there before.
    _warnings, left = teardown.reset_machine(machine, spec.cri_socket, spec.timeout, keep=(spec.pki, MARKER))
    if left:
        raise ClassroomError(teardown.left_sentence(left))
    if marker is not None:
        doomed = files_below(root(spec.pki)) - marker.pki_before
        for directory in data:
            teardown.clear_etcd(machine, directory)
    else:
        doomed = broken_pki(spec, root)
    for name in doomed:
        os.unlink(os.path.join(root(spec.pki), name))


def result(spec: InitSpec, machine: NodeContext, outcome: InitResult) -> dict[str, Any]:
    """Return the result of the module, which contains no secrets."""
    decision, facts = outcome.decision, outcome.facts
    node = None if decision.acts else facts.answer.node_object
    ca = read_text(machine.root(spec.pki + "/ca.crt")) or ""
    admin = read_text(machine.root(spec.kubeconfig)) or ""
    return {
        "changed": outcome.changed,
        "decision": decision.name,
        "reason": decision.reason,
        "actions": list(decision.actions),
        "version": facts.answer.version,
        # Only for an unchanged control plane: actions may change the Node.
        "node": declared_part(node) if node else None,
        "drift": list(facts.answer.drift),
        "ca_hash": x509.discovery_hash(ca) if ca.strip() else "",
        "admin_conf_sha256": hashlib.sha256(admin.encode("utf-8", "surrogateescape")).hexdigest() if admin else "",
        "diff": as_diff([_change(spec, decision)] if decision.acts else []),
        "warnings": [*outcome.warnings, *facts.answer.drift],
    }


def _change(spec: InitSpec, decision: NodePlan) -> Change:
    before = {"init": "absent", "start": "stopped"}.get(decision.name, "interrupted")
    return decision.change("control plane", spec.node, before, "running")
