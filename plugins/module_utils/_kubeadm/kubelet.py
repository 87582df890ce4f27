# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kubelet as kubeadm_init and kubeadm_join start and watch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.command import CommandFailed
from .._core.errors import ClassroomError
from .._host import systemd
from .._kube.context import NodeContext

_KUBELET_START = 60.0


def wait_for_kubelet(machine: NodeContext, host: str, port: int) -> bool:
    return machine.wait(lambda: machine.kubelet_answers(host, port), _KUBELET_START)


def restart_kubelet(machine: NodeContext) -> None:
    """restart, not start: a kubelet that runs and does not answer needs it too, and a stopped one is started."""
    try:
        systemd.act(machine.run, "restart", "kubelet")
    except CommandFailed as problem:
        raise ClassroomError(f"the kubelet does not start: {problem.completed.text}") from problem


def kubelet_log_message(machine: NodeContext) -> str:
    """What the kubelet said last, to be put behind a sentence."""
    words = systemd.journal(machine.run, "kubelet", 5)
    return f" The kubelet's last words: {words}" if words else ""


def kubelet_health_address(kubelet_configuration: Mapping[str, Any]) -> tuple[str, int]:
    return (
        str(kubelet_configuration.get("healthzBindAddress") or "127.0.0.1"),
        int(kubelet_configuration.get("healthzPort") or 10248),
    )
