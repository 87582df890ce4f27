# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.cluster_check import main

GOOD: dict[str, Any] = {
    "hosts": [
        {"name": "master", "address": "192.168.90.100", "groups": ["k8s_cluster", "control_plane"]},
        {"name": "node1", "address": "192.168.90.101", "groups": ["k8s_cluster", "workers"]},
        {"name": "utility", "address": "192.168.90.10", "groups": ["utility"]},
    ],
    "pod_subnet": "10.244.0.0/16",
    "service_subnet": "10.96.0.0/12",
}


@pytest.mark.parametrize("check", [False, True])
def test_a_good_declaration_passes(run_main: Any, check: bool) -> None:
    result = run_main(main, GOOD, check=check)

    assert (result["failed"], result["changed"], result["nodes"]) == (False, False, ["master", "node1"])


@pytest.mark.parametrize("check", [False, True])
def test_a_host_without_address_and_a_bad_network_fail_together(run_main: Any, check: bool) -> None:
    hosts = [*GOOD["hosts"], {"name": "node2", "groups": ["workers"]}]

    result = run_main(main, {**GOOD, "hosts": hosts, "pod_subnet": "10.96.0.0/16"}, check=check)

    assert result["failed"]
    assert len(result["problems"]) == 2
    assert "2 problems" in result["msg"] and all(problem in result["msg"] for problem in result["problems"])
