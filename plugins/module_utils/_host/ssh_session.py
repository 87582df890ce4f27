# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the SSH connection of this run, so that network changes do not cut it."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

from .._core.files import Root

_GENERATIONS = 20


@dataclass(frozen=True)
class Session:
    """Both ends of the SSH connection: the controller's address, and the host's address and port."""

    client: str
    address: str
    port: int


def find_session(root: Root, pid: int | None = None) -> Session | None:
    """Return the session that this process is part of; None for a process that was not started by SSH.

    sudo clears the environment, so the parent processes are read, too.
    """
    number = os.getpid() if pid is None else pid
    for _generation in range(_GENERATIONS):
        found = parse(_environment(root, number).get("SSH_CONNECTION", ""))
        if found is not None:
            return found
        number = _parent(root, number)
        if number <= 1:
            break
    return None


def parse(text: str) -> Session | None:
    """Parse the variable SSH_CONNECTION of sshd: `client port server port`."""
    words = text.split()
    if len(words) != 4 or not words[3].isdigit():
        return None
    return Session(_plain(words[0]), _plain(words[2]), int(words[3]))


def _plain(address: str) -> str:
    """Return an address without its zone; an IPv4-mapped IPv6 address becomes IPv4."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _environment(root: Root, pid: int) -> dict[str, str]:
    try:
        with open(root(f"/proc/{pid}/environ"), "rb") as stream:
            words = stream.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _parent(root: Root, pid: int) -> int:
    try:
        with open(root(f"/proc/{pid}/stat"), encoding="utf-8", errors="replace") as stream:
            # The name of the program is in parentheses and may contain blanks
            return int(stream.read().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
