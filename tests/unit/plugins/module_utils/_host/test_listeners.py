# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens on a port."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.listeners import (
    ServicePorts,
    foreign_listener,
    is_registry,
    listener,
    problems,
)

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
    # A container that the unit runs
    ("0::/system.slice/nginx.service/libpod-payload-1f2e\n", None),
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


REGISTRY = ServicePorts(("classroom-registry.service", "docker-registry.service"), (5001,), "/var/lib/other")


@pytest.mark.parametrize(("port", "unit", "expected"), [
    (5000, "nginx", []),
    (5000, "harbor", ["Port 5000 is in use: expected it free for nginx.service, found another program, 'harbor', "
                      "listening on it. Stop that program, or choose another port."]),
    (5001, "docker-registry", []),
    (5001, "nginx", ["Port 5001 is in use: expected it free for classroom-registry.service, found another program, "
                     "'nginx', listening on it. Stop that program, or choose another port."]),
    (80, "harbor", []),
])
def test_ports_that_other_services_have(machine: Any, port: int, unit: str, expected: list[str]) -> None:
    machine.write("/proc/net/tcp", HEAD + row(port, "0A", 77))
    machine.write("/proc/12/comm", unit + "\n")
    machine.write("/proc/12/cgroup", f"0::/system.slice/{unit}.service\n")
    machine.path("/proc/12/fd").mkdir()
    machine.path("/proc/12/fd/5").symlink_to("socket:[77]")
    assert problems(machine.root, [ServicePorts(("nginx.service",), (5000, 8080)), REGISTRY]) == expected


def test_images_of_another_registry(machine: Any) -> None:
    machine.path("/var/lib/other").mkdir(parents=True)
    (found,) = problems(machine.root, [REGISTRY])
    assert found.startswith("Another registry has images on this host: expected docker-registry.service unused or not "
                            "installed, found /var/lib/other.")


@pytest.mark.parametrize(("headers", "expected"), [
    ({"Docker-Distribution-Api-Version": "registry/2.0"}, True), ({"Server": "nginx"}, False),
])
def test_a_registry_is_known_by_its_answer(headers: dict[str, str], expected: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Tests print nothing."""

        def do_GET(self) -> None:
            # A registry with users answers like this, too
            self.send_response(401)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert is_registry(server.server_address[1]) is expected
        server.shutdown()
        thread.join()
    assert not is_registry(server.server_address[1])
