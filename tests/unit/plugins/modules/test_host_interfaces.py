# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module host_interfaces: found, changed or impossible, real run or check mode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.network_manager import DROPIN
from ansible_collections.classroom.kubeadm.plugins.modules import host_interfaces

LINKS = [{"ifname": name, "addr_info": [{"local": address, "prefixlen": 24, "scope": "global"}]}
         for name, address in (("eth0", "10.0.2.15"), ("eth1", "192.168.90.101"))]


@pytest.fixture
def node(machine: Any, fake_run: Any) -> Any:
    fake_run.on("ip", out=json.dumps(LINKS)).on("systemctl", out="active\n").on("nmcli")
    return machine


def test_networks_become_facts_and_nothing_else_is_asked(node: Any, fake_run: Any, run_on_machine: Any) -> None:
    result = run_on_machine(host_interfaces, {"internal_network": "192.168.90.0/24", "external_network": "eth0"})
    assert result["ansible_facts"]["classroom_interfaces"] == {
        "internal": {"interface": "eth1", "address": "192.168.90.101", "prefix": 24},
        "external": {"interface": "eth0", "address": "10.0.2.15", "prefix": 24}}
    assert fake_run.calls == [["ip", "-j", "addr"]] and node.snapshot() == {}


def test_check_mode_predicts_what_the_real_run_does(node: Any, run_on_machine: Any) -> None:
    predicted = run_on_machine(host_interfaces, {"unmanaged": ["cni*"]}, check=True)
    assert node.snapshot() == {}
    done = run_on_machine(host_interfaces, {"unmanaged": ["cni*"]})
    assert {key: predicted[key] for key in ("changed", "changes", "diff")} == {
        key: done[key] for key in ("changed", "changes", "diff")}
    assert done["changed"] and "interface-name:cni*" in node.read(DROPIN)
    assert not run_on_machine(host_interfaces, {"unmanaged": ["cni*"]})["changed"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("spec", "message"), [
    ({"internal_network": "172.16.0.0/24"}, "expected an interface of this host with an address in 172.16.0.0/24"),
    ({"external_network": "eth7"}, "expected an interface of this host with the name eth7"),
    ({"internal_network": "0.0.0.0/0"}, "expected one interface of this host"),
    ({"unmanaged": ["a b"]}, "host_interfaces_unmanaged is invalid"),
])
def test_an_impossible_request_changes_nothing(
    node: Any, run_on_machine: Any, check: bool, spec: dict[str, Any], message: str,
) -> None:
    result = run_on_machine(host_interfaces, {"unmanaged": ["cni*"], **spec}, check=check)
    assert result["failed"] and message in result["msg"] and node.snapshot() == {}
