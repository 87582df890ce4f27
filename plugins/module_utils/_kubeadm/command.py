# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kubeadm_init, kubeadm_join and kubeadm_token share: the machine, its paths, kubeadm's own command."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.command import CommandFailed, Completed
from .._core.errors import ClassroomError
from .._kube.context import NodeContext


def missing_programs(machine: NodeContext) -> tuple[str, ...]:
    return tuple(name for name in ("kubeadm", "kubelet") if not machine.find_program(name))


def missing_programs_message(missing: Sequence[str]) -> str:
    return "{} not installed. Install the packages of Kubernetes first (role kubernetes).".format(
        " and ".join(missing) + (" are" if len(missing) > 1 else " is")
    )


def run_kubeadm(
    machine: NodeContext, arguments: Sequence[str], timeout: float, hidden: Sequence[str] = ()
) -> Completed:
    """Run kubeadm; its failure becomes a sentence that begins with what it calls errors."""
    try:
        return machine.run(["kubeadm", *arguments], timeout=timeout)
    except CommandFailed as problem:
        message = failure(problem.completed)
        for secret in hidden:
            message = message.replace(secret, "(hidden)")
        raise ClassroomError(
            "'kubeadm {}' failed: {}".format(" ".join(_verb(arguments)), message)
        ) from None


def _verb(arguments: Sequence[str]) -> list[str]:
    verb = []
    for argument in arguments:
        if argument.startswith("-"):
            break
        verb.append(argument)
    return verb


def failure(completed: Completed) -> str:
    """The part of kubeadm's output that a person needs, the preflight errors first."""
    if completed.rc in (124, 127):
        return completed.err
    lines = [line.strip() for line in (completed.err + "\n" + completed.out).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("[ERROR")]
    if errors:
        return "\n".join(errors)
    said = [line for line in lines if line.startswith(("error:", "error execution", "W", "E", "[kubelet-check]"))]
    said = [line for line in said if "error" in line.lower() or "fail" in line.lower()]
    return "\n".join((said or lines)[-6:]) or f"it said nothing (exit status {completed.rc})."
