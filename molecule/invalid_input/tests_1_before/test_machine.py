# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that cannot become what the inventory requests."""

from __future__ import annotations

from collections.abc import Iterator

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
