# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ssh session that a process belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.ssh_session import Session, find_session, parse


@pytest.mark.parametrize(("text", "expected"), [
    ("192.168.90.1 50000 192.168.90.101 22", Session("192.168.90.1", "192.168.90.101", 22)),
    ("::ffff:10.0.0.1 50000 ::ffff:10.0.0.2 2222", Session("10.0.0.1", "10.0.0.2", 2222)),
    ("fe80::1%eth0 50000 fe80::2%eth0 22", Session("fe80::1", "fe80::2", 22)),
    ("UNKNOWN 65535 UNKNOWN 65535", Session("UNKNOWN", "UNKNOWN", 65535)),
    ("", None),
    ("192.168.90.1 50000", None),
])
def test_what_sshd_says(text: str, expected: Session | None) -> None:
    assert parse(text) == expected


def process(machine: Any, pid: int, parent: int, environment: str) -> None:
    machine.write(f"/proc/{pid}/stat", f"{pid} (a ) b) S {parent} 1 1\n")
    machine.write(f"/proc/{pid}/environ", environment)


def test_it_is_found_above_sudo(machine: Any) -> None:
    process(machine, 30, 20, "PATH=/bin\0SUDO_USER=me\0")
    process(machine, 20, 10, "SSH_CONNECTION=10.0.0.1 5 10.0.0.2 22\0PATH=/bin\0")
    process(machine, 10, 1, "")
    assert find_session(machine.root, 30) == Session("10.0.0.1", "10.0.0.2", 22)


def test_a_process_without_a_session(machine: Any) -> None:
    process(machine, 30, 1, "PATH=/bin\0")
    assert find_session(machine.root, 30) is None
    assert find_session(machine.root, 77) is None
