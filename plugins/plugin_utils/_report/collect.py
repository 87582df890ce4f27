# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create a report from the registered results of a run, for the callback and for the module class_report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._display.clean import bounded
from .._display.run import AUDIT, HOST_RESET, INIT, MEMBERSHIP, NO_ACTION, PROOF, Failure, SeatPlacement, first_of
from .._display.text import failure_text
from .audit import DRIFT_RESULTS, audit_report
from .model import (
    ANSWERS,
    CONTROL_PLANE,
    NO_CLUSTER,
    READY,
    RESET,
    STUCK,
    UNREACHABLE,
    WORKER,
    Finding,
    MachineReport,
    SeatReport,
)

AUDIT_FAILURE = "_audit_failure"
# A command without its limit, and the names to limit it to
Retry = tuple[str, Sequence[str]]
NO_RETRY: Retry = ("", ())
REGISTERED = (AUDIT, PROOF, INIT, MEMBERSHIP, HOST_RESET, *DRIFT_RESULTS)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_records(*keys: str) -> Callable[[Any], bool]:
    """Return a test for a list of dictionaries that have a text for each of these keys."""
    def fits(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(each, dict) and all(_is_text(each.get(key)) for key in keys) for each in value)

    return fits


def _is_dictionary_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_identity(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_text(value.get(name) or "") for name in ("machine_id", "product_uuid")) and all(
        _is_dictionary_of_texts(value.get(name) or {}) for name in ("mac_addresses", "ssh_host_keys"))


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


# The values of a result that are read, and their form. Others may be large or secret; a host decides what it returns.
_FINDINGS = _are_records("kind", "subject", "command", "reason")
_READ: dict[str, Callable[[Any], bool]] = {
    "residue": _FINDINGS, "hygiene": _FINDINGS, "identity": _is_identity, "cluster": _is_text, "changes": _are_texts,
    "findings": _are_texts, "versions": _is_dictionary_of_texts, "version": _is_text, "nodes": _are_records("name"),
    "level": _is_text, "decision": _is_text, "msg": _is_text, "failed": _is_bool, "unreachable": _is_bool,
    "skipped": _is_bool, "changed": _is_bool,
}


@dataclass(frozen=True)
class Watched:
    """A host of a run: its seat, its registered results and its failures.

    `contacted` is whether it ran a task itself; tasks that the controller runs for a host do not count.
    """

    name: str
    place: SeatPlacement
    address: str = ""
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    contacted: bool = False


def kept(result: Mapping[str, Any], **flags: bool) -> dict[str, Any]:
    """Return the part of a result that a report reads; values of another form are left out."""
    if "censored" in result:
        return {**flags, "msg": failure_text(result)}
    found = {key: bounded(result[key]) for key in _READ if key in result}
    return {**{key: value for key, value in found.items() if _READ[key](value)}, **flags}


def seat_reports(
    machines: Sequence[Watched], now: str, *, check: bool = False, ran: str = "",
    stages: Mapping[str, Mapping[str, float]] | None = None, retry: Callable[[str], Retry] = lambda _seat: NO_RETRY,
) -> list[SeatReport]:
    """Return a report for each seat of these hosts. `stages` are the seconds of the stages of each seat, if known.

    `retry` returns the command that repeats what failed of a stuck seat, and what it is limited to.
    """
    findings = _findings(machines)
    members: dict[str, list[Watched]] = {}
    for machine in machines:
        members.setdefault(machine.place.seat, []).append(machine)
    seats = [_seat(name, group, findings, now, check, ran, dict((stages or {}).get(name, {})))
             for name, group in members.items()]
    return [_with_retry(seat, *retry(seat.name)) if seat.state in (STUCK, UNREACHABLE) else seat for seat in seats]


def _with_retry(seat: SeatReport, command: str, limit: Sequence[str]) -> SeatReport:
    return replace(seat, retry=command, limit=tuple(limit)) if command and limit else seat


def _findings(machines: Sequence[Watched]) -> dict[str, tuple[Finding, ...]]:
    """Return the findings of hosts that were audited in this run, together because clones show only in a comparison."""
    audited = {machine.name: {**machine.results, "ansible_facts": machine.results.get("ansible_facts", {})}
               for machine in machines if AUDIT in machine.results}
    found: dict[str, list[Finding]] = {name: [] for name in audited}
    for each in audit_report(audited, list(audited))["findings"]:
        found[each["host"]].append(Finding(
            each["section"], each["kind"], each["subject"], each["command"], each["reason"]))
    return {name: tuple(each) for name, each in found.items()}


def _seat(
    name: str, machines: Sequence[Watched], findings: Mapping[str, tuple[Finding, ...]], now: str, check: bool,
    ran: str, stages: Mapping[str, float],
) -> SeatReport:
    place = machines[0].place
    cluster = [machine.name for machine in machines] != [name]
    state, why = _state(machines, check) if cluster else _alone(machines[0])
    return SeatReport(
        name=name, student=place.student, cluster=cluster, state=state, why=why, kubernetes=_kubernetes(machines),
        machines=tuple(_machine(machine, findings.get(machine.name), now) for machine in machines),
        # The times of a run in check mode are not meaningful.
        stages=() if check else tuple(stages.items()), seconds=0.0 if check else sum(stages.values()),
        ran="" if check or not stages else ran, seen=now if state else "")


def _alone(machine: Watched) -> tuple[str, str]:
    """Return the state of a host outside of a cluster and the reason, empty if this run does not determine it."""
    failed, why = _own_state(machine)
    return failed or (ANSWERS if machine.contacted else ""), why


def _state(machines: Sequence[Watched], check: bool) -> tuple[str, str]:
    """Return the state of a seat and the reason.

    A seat is ready if it was verified, or if it was in the desired state in a run that verifies what it changes.
    """
    first = first_of(failure for machine in machines for failure in machine.failures)
    if first is not None:
        if check:
            return "", ""
        address = next(machine.address for machine in machines if machine.name == first.machine)
        return UNREACHABLE if first.unreachable else STUCK, _because(first, address)
    for machine in machines:
        state, why = _own_state(machine)
        if state == UNREACHABLE:
            return state, why
    proofs = [machine.results[PROOF] for machine in machines if PROOF in machine.results]
    for proof in proofs:
        if proof.get("failed") or proof.get("unreachable"):
            return STUCK, str(proof.get("msg") or "the verification failed")
    nodes = [node for proof in proofs for node in proof.get("nodes") or ()]
    silent = [str(node.get("name")) for node in nodes if node.get("ready") is False]
    if silent:
        return STUCK, "Nodes that are not ready: {}".format(", ".join(silent))
    if nodes:
        return READY, ""
    if not check:
        # A host that renew.yml has reset is a member again
        levels = [str(machine.results[HOST_RESET].get("level")) for machine in machines
                  if HOST_RESET in machine.results and not {INIT, MEMBERSHIP} & machine.results.keys()]
        if levels:
            return RESET, "reset to {}".format(", ".join(dict.fromkeys(levels)))
        if all(_settled(machine) for machine in machines) and len(machines) >= machines[0].place.size:
            return READY, ""
    kinds = [machine.results[AUDIT].get("cluster") for machine in machines if AUDIT in machine.results]
    if kinds and len(kinds) == len(machines) and set(kinds) == {"none"}:
        return NO_CLUSTER, ""
    return "", ""


def _settled(machine: Watched) -> bool:
    """Return whether a run that could have changed the host found its membership in the desired state."""
    return any(machine.results.get(name, {}).get("decision") == NO_ACTION for name in (INIT, MEMBERSHIP))


def _because(failure: Failure, address: str) -> str:
    where = f"{failure.where} ({address})" if address not in ("", failure.machine) and not failure.on else failure.where
    return f"{where}, {failure.stage}, {failure.task}: {failure.text.strip()}"


def _own_state(machine: Watched) -> tuple[str, str]:
    """Return the state of the host itself and the reason, empty without a problem."""
    failure = first_of(machine.failures)
    if failure is not None:
        return UNREACHABLE if failure.unreachable else STUCK, _because(failure, machine.address)
    audit = machine.results.get(AUDIT, {})
    if audit.get("unreachable"):
        return UNREACHABLE, "{} was not reached: {}".format(machine.name, str(audit.get("msg") or "").strip())
    return "", ""


def _kubernetes(machines: Iterable[Watched]) -> str:
    for machine in machines:
        for node in machine.results.get(PROOF, {}).get("nodes") or ():
            if "control-plane" in str(node.get("role")):
                return str(node.get("version") or "")
        version = machine.results.get(INIT, {}).get("version")
        if version:
            return str(version)
    return ""


def _machine(machine: Watched, findings: tuple[Finding, ...] | None, now: str) -> MachineReport:
    versions: dict[str, str] = {}
    for result in DRIFT_RESULTS:
        found = machine.results.get(result, {}).get("versions")
        if isinstance(found, Mapping):
            versions.update((str(name), str(version)) for name, version in found.items() if version)
    state, why = _own_state(machine)
    state = state or (ANSWERS if machine.contacted else "")
    looked = findings is not None and "residue" in machine.results.get(AUDIT, {})
    alone = machine.place.seat == machine.name
    return MachineReport(
        name=machine.name, address=machine.address,
        role="" if alone else CONTROL_PLANE if machine.name == machine.place.control_plane else WORKER,
        state=state, why=why, versions=tuple(sorted(versions.items())),
        findings=findings if looked else None, audited=now if looked else "", seen=now if state else "")
