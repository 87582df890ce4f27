# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CRI socket for kubeadm, with real sockets of processes that listen and of ones that have ended."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.runtime_socket import (
    KNOWN_SOCKETS,
    socket_message,
)

CONTAINERD, CRIO, CRI_DOCKERD = KNOWN_SOCKETS
OTHER = "/run/other.sock"


@pytest.fixture
def node() -> Iterator[NodeContext]:
    # The path of a socket has at most 108 characters, which pytest's directories exceed
    with tempfile.TemporaryDirectory() as place:
        yield NodeContext(root=Root(place))


@pytest.fixture
def listen(node: NodeContext) -> Iterator[Callable[[str], socket.socket]]:
    with ExitStack() as opened:

        def bound(path: str) -> socket.socket:
            real = Path(node.root(path))
            real.parent.mkdir(parents=True, exist_ok=True)
            server = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            server.bind(str(real))
            server.listen()
            return server

        yield bound


@pytest.mark.parametrize(("uri", "listening"), [
    ("", [CONTAINERD]), ("", [CRIO]), ("", [CRI_DOCKERD]),
    ("unix://" + CRIO, [CRIO]), (CRIO, [CRIO]), ("unix:///var/run/crio/crio.sock", [CRIO]),
    ("unix://" + CRIO, [CONTAINERD, CRIO]), ("unix://" + OTHER, [OTHER]),
])
def test_a_socket_is_usable(
    node: NodeContext, listen: Callable[[str], socket.socket], uri: str, listening: list[str],
) -> None:
    for path in listening:
        listen(path)

    assert socket_message(node, uri) == ""


@pytest.mark.parametrize(("uri", "listening", "words"), [
    ("", [], ("the socket of a container runtime, found no socket", "no other runtime answers")),
    ("", [CONTAINERD, CRIO], ("cannot be determined", CONTAINERD, CRIO, "no socket chosen")),
    ("unix://" + CRIO, [], (f"expected it at {CRIO}, found no socket", "no other runtime answers")),
    ("unix://" + CRIO, [CONTAINERD], (f"expected it at {CRIO}", f"{CONTAINERD} answers instead", "criSocket")),
])
def test_a_socket_is_not_usable(
    node: NodeContext, listen: Callable[[str], socket.socket], uri: str, listening: list[str], words: tuple[str, ...],
) -> None:
    for path in listening:
        listen(path)

    message = socket_message(node, uri)

    assert [word for word in words if word not in message] == []


def test_the_file_of_an_ended_runtime_is_no_socket(node: NodeContext, listen: Callable[[str], socket.socket]) -> None:
    listen(CRIO).close()

    assert os.path.exists(node.root(CRIO))
    assert "found a socket on which no process answers" in socket_message(node, "unix://" + CRIO)
