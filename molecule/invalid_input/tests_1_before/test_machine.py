# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that cannot become what the inventory requests."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.failures import refused
from tests.support.snapshots import machine

TOO_SMALL = {
    "preflight_min_memory_mib=999999": "expected at least 999999 MiB of memory for this role, found",
    "preflight_min_cpus=99": "expected at least 99 CPUs for this role, found",
}


@pytest.mark.parametrize("setting", TOO_SMALL)
def test_a_host_that_is_too_small(setting: str) -> None:
    says = ("master cannot become a control plane", TOO_SMALL[setting], "Give the host more")
    refused("master", "--limit", "master", "--extra-vars", setting, says=says)


@pytest.fixture
def squatter() -> Iterator[None]:
    master = machine("master")
    master.check_output("systemd-run --quiet --unit=squatter python3 -m http.server 6443")
    master.check_output("timeout 30 sh -c 'until curl -s -o /dev/null http://127.0.0.1:6443; do sleep 0.2; done'")
    yield
    master.check_output("systemctl stop squatter")


@pytest.mark.usefixtures("squatter")
def test_the_port_of_the_api_is_taken() -> None:
    found = "Port 6443 is in use: expected it free for the API server, found 'python3' listening on it"
    refused("master", "--limit", "master", says=("master cannot become a control plane", found, "Stop that program"))


UTILITY = "utility.example.com"
# Answers like the registry of any vendor, also without a login
REGISTRY = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()

HTTPServer(("", {0}), Handler).serve_forever()
"""


def occupied(port: int, command: str) -> Iterator[Any]:
    utility = machine(UTILITY)
    utility.check_output(f"systemd-run --quiet --unit=squatter {command}")
    utility.check_output(f"timeout 30 sh -c 'until curl -s -o /dev/null http://127.0.0.1:{port}; do sleep 0.2; done'")
    yield utility
    utility.check_output("systemctl stop squatter")


@pytest.fixture
def web_server() -> Iterator[Any]:
    yield from occupied(5000, "python3 -m http.server 5000")


@pytest.fixture
def other_registry() -> Iterator[Any]:
    yield from occupied(5001, "python3 -c " + shlex.quote(REGISTRY.format(5001)))


@pytest.mark.usefixtures("web_server")
def test_a_port_of_the_utility_is_taken() -> None:
    found = "Port 5000 is in use: expected it free for nginx.service, found another program, 'python3', listening on it"
    refused(UTILITY, "--limit", UTILITY, says=("cannot become a utility", found, "Stop that program"))


@pytest.mark.usefixtures("other_registry")
def test_a_registry_of_another_vendor_is_on_the_utility() -> None:
    found = ("Port 5001 is in use: expected it free for classroom-registry.service, found another registry, 'python3', "
             "listening on it")
    refused(UTILITY, says=("cannot become a utility", found, "Stop that program"), playbook_name="utility.yml")


@pytest.fixture
def small_disk() -> Iterator[None]:
    utility = machine(UTILITY)
    utility.check_output("mkdir /var/lib/classroom-registry")
    utility.check_output("mount -t tmpfs -o size=80m small /var/lib/classroom-registry")
    yield
    utility.check_output("umount /var/lib/classroom-registry && rmdir /var/lib/classroom-registry")


@pytest.mark.usefixtures("small_disk")
def test_the_utility_has_no_room_for_its_registry() -> None:
    """Before anything of the bundle is sent."""
    says = ("Not enough disk space: expected", "MiB free in /var/lib/classroom-registry for the images of the registry",
            "Nothing was changed")
    refused(UTILITY, "--extra-vars", '{"utility_copy": true, "utility_bundle": "/srv/bundle"}', says=says,
            playbook_name="utility.yml")
    assert not machine(UTILITY).file("/srv/bundle").exists
