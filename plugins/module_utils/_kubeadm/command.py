# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kubeadm command: whether it is installed, how it is run, and what its output says about a failure."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.command import CommandFailed, Completed
from .._core.errors import ClassroomError
from .._kube.context import NodeContext


def missing_programs(machine: NodeContext) -> tuple[str, ...]:
    """Return which of kubeadm and kubelet are not in PATH."""
    return tuple(name for name in ("kubeadm", "kubelet") if not machine.find_program(name))


def missing_programs_message(missing: Sequence[str]) -> str:
    """Return the error message for programs that `missing_programs` reported."""
    return "{} not installed. Install the packages of Kubernetes first (role kubernetes).".format(
        " and ".join(missing) + (" are" if len(missing) > 1 else " is")
    )


def run_kubeadm(
    machine: NodeContext, arguments: Sequence[str], timeout: float, hidden: Sequence[str] = ()
) -> Completed:
    """Run kubeadm and return its output.

    Raise ClassroomError on failure, with the errors from kubeadm's output; the strings in `hidden` are masked in it.
    `timeout` is in seconds.
    """
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
    """Return the part of kubeadm's output that explains a failure: preflight errors, if there are any."""
    if completed.rc in (124, 127):
        return completed.err
    lines = [line.strip() for line in (completed.err + "\n" + completed.out).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("[ERROR")]
    if errors:
        return "\n".join(errors)
    said = [line for line in lines if line.startswith(("error:", "error execution", "W", "E", "[kubelet-check]"))]
    said = [line for line in said if "error" in line.lower() or "fail" in line.lower()]
    return "\n".join((said or lines)[-6:]) or f"there was no output (exit status {completed.rc})."
