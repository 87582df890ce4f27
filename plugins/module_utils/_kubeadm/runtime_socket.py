# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The socket of the container runtime that kubeadm is to use."""

from __future__ import annotations

import os

from .._kube.context import NodeContext
from .._runtime.runtimes import UNITS, ambiguity, socket_path

# Those that kubeadm tries when none is named
KNOWN_SOCKETS = tuple(UNITS)


def socket_message(machine: NodeContext, uri: str) -> str:
    """Return why kubeadm cannot reach the container runtime, empty if it can."""
    wanted = [socket_path(uri)] if uri else list(KNOWN_SOCKETS)
    answering = [path for path in wanted if machine.socket_answers(machine.root(path))]
    if answering:
        return ambiguity(answering)
    name = wanted[0] if uri else "the socket of a container runtime"
    present = [path for path in KNOWN_SOCKETS if path not in wanted and machine.socket_answers(machine.root(path))]
    found = "a socket on which no process answers" if os.path.exists(machine.root(wanted[0])) else "no socket"
    if present:
        return ("The container runtime is not available: expected it at {}, found {}; {} answers instead. Set that one "
                "as criSocket in the configuration, or install the intended runtime.".format(
                    name, found, " and ".join(present)))
    return (f"The container runtime is not available: expected it at {name}, found {found}, and no other runtime "
            "answers. Install and start a runtime first (role containerd or crio).")
