# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The external interfaces of the code about a node, so that a unit test can replace them."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Callable, Protocol

from .._core.host import Host
from .api import Api, Client
from .kubeconfig import Kubeconfig


class Connect(Protocol):
    """Create a client of the Kubernetes API."""

    def __call__(self, server: str, ca: str, identity: Kubeconfig | None = None, timeout: float = 5.0) -> Api: ...


def kubelet_answers(host: str, port: int) -> bool:
    """Return whether the kubelet at an address of this host reports itself as healthy."""
    connection = http.client.HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def socket_answers(path: str) -> bool:
    """Return whether a process listens on a unix socket; its file alone outlives a killed runtime."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(3)
            connection.connect(path)
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class NodeContext(Host):
    """A host, and the services of a node: API server, kubelet and container runtime."""

    connect: Connect = Client
    kubelet_answers: Callable[[str, int], bool] = kubelet_answers
    socket_answers: Callable[[str], bool] = socket_answers
