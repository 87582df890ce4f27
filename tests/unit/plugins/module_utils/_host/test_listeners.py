# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens on a port."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.listeners import foreign_listener, listener

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(port: int, state: str, inode: int) -> str:
    return f"   0: 00000000:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"


@pytest.mark.parametrize(("table", "rows", "expected"), [
    ("tcp", row(6443, "0A", 77), "nginx"),
    ("tcp6", row(6443, "0A", 77), "nginx"),
    ("tcp", row(6443, "01", 77), None),
    ("tcp", row(6444, "0A", 77), None),
    ("tcp", row(6443, "0A", 78), "unknown"),
    ("tcp", "", None),
])
def test_the_listener_is_named(machine: Any, table: str, rows: str, expected: str | None) -> None:
    machine.write("/proc/net/" + table, HEAD + rows)
    machine.write("/proc/12/comm", "nginx\n")
    descriptors = machine.path("/proc/12/fd")
    descriptors.mkdir()
    (descriptors / "0").symlink_to("/dev/null")
    (descriptors / "5").symlink_to("socket:[77]")
    assert listener(machine.root, 6443) == expected


def test_a_host_without_ipv6_has_one_table(machine: Any) -> None:
    assert listener(machine.root, 6443) is None


@pytest.mark.parametrize(("cgroup", "expected"), [
    ("0::/system.slice/nginx.service\n", None),
    ("12:pids:/system.slice/nginx.service\n1:name=systemd:/system.slice/nginx.service\n", None),
    ("0::/user.slice/user-0.slice/session-1.scope\n", "python3"),
    ("0::/system.slice/other-nginx.service\n", "python3"),
    ("", "python3"),
])
def test_a_listener_outside_of_a_unit(machine: Any, cgroup: str, expected: str | None) -> None:
    machine.write("/proc/net/tcp", HEAD + row(5000, "0A", 77))
    machine.write("/proc/12/comm", "python3\n")
    machine.write("/proc/12/cgroup", cgroup)
    machine.path("/proc/12/fd").mkdir()
    machine.path("/proc/12/fd/5").symlink_to("socket:[77]")
    assert foreign_listener(machine.root, 5000, "nginx.service") == expected
    assert foreign_listener(machine.root, 5001, "nginx.service") is None


def test_a_listener_that_cannot_be_seen_is_a_foreign_one(machine: Any) -> None:
    machine.write("/proc/net/tcp", HEAD + row(5000, "0A", 78))
    assert foreign_listener(machine.root, 5000, "nginx.service") == "unknown"
