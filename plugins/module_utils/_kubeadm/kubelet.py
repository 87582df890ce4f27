# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start the kubelet and wait for it, as kubeadm_init and kubeadm_join do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.command import CommandFailed
from .._core.errors import ClassroomError
from .._host import systemd
from .._kube.context import NodeContext

_KUBELET_START = 60.0


def wait_for_kubelet(machine: NodeContext, host: str, port: int) -> bool:
    """Wait until the kubelet is healthy; return False at the timeout."""
    return machine.wait(lambda: machine.kubelet_answers(host, port), _KUBELET_START)


def restart_kubelet(machine: NodeContext) -> None:
    """Restart the kubelet, which also starts a stopped one and recovers one that does not answer."""
    try:
        systemd.act(machine.run, "restart", "kubelet")
    except CommandFailed as problem:
        raise ClassroomError(f"The kubelet does not start: {problem.completed.text}") from problem


def kubelet_log_message(machine: NodeContext) -> str:
    """Return the kubelet's last log lines as an addition to a message."""
    words = systemd.journal(machine.run, "kubelet", 5)
    return f" Last log lines of the kubelet: {words}" if words else ""


def kubelet_health_address(kubelet_configuration: Mapping[str, Any]) -> tuple[str, int]:
    """Return address and port of the health check that a KubeletConfiguration sets."""
    return (
        str(kubelet_configuration.get("healthzBindAddress") or "127.0.0.1"),
        int(kubelet_configuration.get("healthzPort") or 10248),
    )
