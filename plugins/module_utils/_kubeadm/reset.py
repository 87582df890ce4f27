# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether and how a host leaves its cluster, and perform the reset.

`plan` decides from facts alone: what a reset would destroy is read before anything is changed, and a host of another
cluster, or one that cannot be reset, stays unchanged. `teardown` does the work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root
from .._core.plan import Change, as_changes, as_diff
from .._host import mounts
from .._kube.api import address
from .._kube.context import NodeContext
from .._kube.node import machine_id
from .._kube.node_paths import ETC, KUBELET_DIR
from .._residue import kinds as residue
from .._residue.kinds import Finding
from .._restore import plan as restore_plan
from .decision import NodePlan
from .private_files import exclusive, remove_private_files
from .running import wait_for_other_kubeadm
from .teardown import (
    Runtime,
    ambiguity,
    find_runtime,
    is_kubeadms,
    known_hashes,
    left_sentence,
    membership,
    mounted_in_the_way,
    read_ca_hash,
    read_kubeconfigs,
    reset_machine,
)

RUNTIME, STOP, UNMOUNT, KUBEADM, SWEEP, BACK = (
    "start the container runtime", "stop the kubelet", "unmount", "kubeadm reset", "remove what is left",
    "bring back what was there before this collection")


@dataclass(frozen=True)
class ResetSpec:
    """The level of the reset, and the cluster that the host may leave: any if `endpoint` is empty.

    `timeout` is in seconds.
    """

    level: str = "prepared"
    endpoint: str = ""
    ca_hash: str = ""
    cri_socket: str = ""
    allow_foreign: bool = False
    timeout: float = 120


@dataclass(frozen=True)
class ResetState:
    """The current state of the host. `membership` is `none`, `control plane`, `worker` or `unfinished`.

    `back` is the recorded original state of the host, read for the level `bare` only.
    """

    kubeadm: bool = True
    membership: str = "none"
    servers: tuple[str, ...] = ()
    ca_hash: str = ""
    unreadable: str = ""
    runtime: Runtime | None = None
    ambiguity: str = ""
    mounts: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    mounted: str = ""
    found: tuple[Finding, ...] = ()
    back: restore_plan.RestoreState = field(default_factory=restore_plan.RestoreState)


def read_facts(spec: ResetSpec, machine: NodeContext) -> ResetState:
    """Read the current state of the host."""
    root = machine.root
    configs, unreadable = read_kubeconfigs(root)
    table = mounts.table(root)
    ca_hash = read_ca_hash(root, configs)
    return ResetState(
        kubeadm=bool(machine.find_program("kubeadm")),
        membership=membership(root),
        servers=tuple(dict.fromkeys(config.server for config in configs)),
        ca_hash=ca_hash,
        unreadable=unreadable,
        runtime=find_runtime(machine, spec.cri_socket),
        ambiguity=ambiguity(machine, spec.cri_socket),
        mounts=tuple(mount.path for mount in mounts.below(table, mounts.resolve(root, table, KUBELET_DIR)[0])),
        read_only=tuple(path for path in (ETC, KUBELET_DIR) if _is_read_only(root, table, path)),
        mounted=mounted_in_the_way(machine),
        found=residue.find(machine, known_hashes(ca_hash)),
        back=restore_plan.read_state(machine) if spec.level == "bare" else restore_plan.RestoreState(),
    )


def _is_read_only(root: Root, table: Sequence[mounts.Mount], path: str) -> bool:
    mount = mounts.carrier(table, mounts.resolve(root, table, path)[0])
    return mount is not None and mount.read_only and os.path.isdir(root(path))


def plan(spec: ResetSpec, facts: ResetState) -> NodePlan:
    """Return the plan: `none`, `reset`, or `undecided` with the reason why a reset is not allowed."""
    back = (BACK,) if restore_plan.plan(facts.back).steps else ()
    if facts.membership == "none" and not facts.found and not facts.mounts:
        if back:
            return NodePlan("reset", "this collection changed this host; there is nothing of a cluster", back)
        return NodePlan("none", "there is nothing of a cluster on this host")
    by_kubeadm = facts.kubeadm and is_kubeadms(facts.membership, facts.found)
    refusal = _foreign(spec, facts) or _unwritable(facts) or facts.mounted or (facts.ambiguity if by_kubeadm else "")
    if refusal:
        return NodePlan("undecided", refusal)
    actions = []
    if facts.runtime and not facts.runtime.answers:
        actions.append(RUNTIME)
    actions.append(STOP)
    if facts.mounts:
        actions.append(UNMOUNT)
    if by_kubeadm:
        actions.append(KUBEADM)
    return NodePlan("reset", _reason(facts), (*actions, SWEEP, *back))


def _foreign(spec: ResetSpec, facts: ResetState) -> str:
    """Return why this host belongs to another cluster; empty if it belongs to the requested one or to none."""
    if spec.allow_foreign or not spec.endpoint:
        return ""
    allow = "Correct the inventory, or allow this host to be reset nevertheless (allow_foreign)."
    if facts.unreadable:
        return f"{facts.unreadable} Cannot determine to which cluster this host belongs. Nothing was changed. {allow}"
    same_ca = bool(spec.ca_hash) and facts.ca_hash == spec.ca_hash
    if not facts.servers or same_ca or address(spec.endpoint) in {address(server) for server in facts.servers}:
        return ""
    wanted = address(spec.endpoint) + (f" (CA {spec.ca_hash})" if spec.ca_hash else "")
    return ("This host belongs to another cluster: expected the one at {}, found the one at {} (CA {}). Nothing was "
            "changed. {}".format(wanted, address(facts.servers[0]), facts.ca_hash or "unknown", allow))


def _unwritable(facts: ResetState) -> str:
    if not facts.read_only:
        return ""
    return ("Cannot delete the content of {}: expected it to be writable, found it mounted read-only. Nothing was "
            "changed. Make it writable ('mount -o remount,rw'), or check the disk if that was not done on "
            "purpose.".format(" and ".join(facts.read_only)))


def _reason(facts: ResetState) -> str:
    where = f" of the cluster at {address(facts.servers[0])}" if facts.servers else ""
    ca = f" (CA {facts.ca_hash})" if facts.ca_hash else ""
    if facts.membership in ("control plane", "worker"):
        return f"this host is a {facts.membership}{where}{ca}"
    if facts.membership == "unfinished":
        return f"an init, a join or a reset was not finished on this host{ca}"
    names = [f"{finding.kind} {finding.subject}" for finding in facts.found]
    names += [f"mount {path}" for path in facts.mounts]
    more = "" if len(names) <= 5 else f" and {len(names) - 5} more"
    return "a former cluster left {}{}".format(", ".join(names[:5]), more)


@dataclass(frozen=True)
class ResetResult:
    """The result of the module. `left` is what could not be removed, `problems` what could not be restored."""

    decision: NodePlan
    changed: bool
    facts: ResetState
    warnings: tuple[str, ...] = ()
    left: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()


def converge(spec: ResetSpec, machine: NodeContext, check_mode: bool) -> ResetResult:
    """Take the host out of its cluster, or in check mode return what that would take.

    Raise ClassroomError, before any change, if the host must not or cannot be reset.
    """
    wait_for_other_kubeadm(machine, spec.timeout)
    facts, decision = _decided(spec, machine)
    if check_mode:
        return ResetResult(decision, decision.acts, facts, restore_plan.plan(facts.back).warnings)
    if not decision.acts:
        remove_private_files(machine, spec.timeout)
        return ResetResult(decision, False, facts, restore_plan.plan(facts.back).warnings)
    asked = machine.monotonic()
    with exclusive(machine, spec.timeout):
        if machine.monotonic() - asked > 1:
            # Another run held the lock meanwhile, so the facts may be outdated.
            facts, decision = _decided(spec, machine)
            if not decision.acts:
                return ResetResult(decision, False, facts)
        return _act(spec, machine, facts, decision)


def _act(spec: ResetSpec, machine: NodeContext, facts: ResetState, decision: NodePlan) -> ResetResult:
    warnings: tuple[str, ...] = ()
    left: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    if SWEEP in decision.actions:
        warnings, left = reset_machine(machine, spec.cri_socket, spec.timeout, found=facts.found)
    if BACK in decision.actions and not left:
        back = restore_plan.plan(facts.back)
        more, problems = restore_plan.perform(machine, back, facts.back)
        warnings += back.warnings + more
    return ResetResult(decision, True, facts, warnings, left, problems)


def _decided(spec: ResetSpec, machine: NodeContext) -> tuple[ResetState, NodePlan]:
    facts = read_facts(spec, machine)
    decision = plan(spec, facts)
    if decision.name == "undecided":
        raise ClassroomError(decision.reason)
    return facts, decision


def failure_of(outcome: ResetResult) -> str:
    """Return why the host is not in the desired state, empty if it is."""
    if outcome.left:
        return left_sentence(outcome.left)
    if outcome.problems:
        return ("The original state of this host was not restored completely: {} The record of the original state is "
                "still there. Solve that and try again.".format(" ".join(outcome.problems)))
    return ""


def result(spec: ResetSpec, machine: NodeContext, outcome: ResetResult) -> dict[str, Any]:
    """Return the result of the module, which contains no secrets."""
    decision, facts = outcome.decision, outcome.facts
    back = list(restore_plan.plan(facts.back).steps)
    steps = [_change(facts, decision)] if SWEEP in decision.actions else []
    return {
        "changed": outcome.changed,
        "level": spec.level,
        "decision": decision.name,
        "reason": decision.reason,
        "actions": list(decision.actions),
        "changes": as_changes(back),
        "membership": facts.membership,
        "endpoint": address(facts.servers[0]) if facts.servers else "",
        "ca_hash": facts.ca_hash,
        "machine_id": machine_id(machine.root),
        "found": [finding.as_dict() for finding in facts.found],
        "residue": [finding.as_dict() for finding in outcome.left],
        "diff": as_diff([*steps, *back]),
        "warnings": list(outcome.warnings),
    }


def _change(facts: ResetState, decision: NodePlan) -> Change:
    before = [facts.membership] if facts.membership != "none" else []
    before += [f"{finding.kind} {finding.subject}" for finding in facts.found]
    return decision.change("machine", "out of its cluster", "\n".join(before), "nothing of a cluster")
