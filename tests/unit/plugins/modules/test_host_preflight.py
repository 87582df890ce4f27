# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module host_preflight: fit or unfit, real run or check mode."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import host_preflight

ADDRESSES = ('[{"ifname": "eth0", "addr_info": '
             '[{"local": "192.168.90.101", "prefixlen": 24, "scope": "global"}]}]')
FIT = {"role": "utility", "address": "192.168.90.101", "required_free_mib": 0}


@pytest.fixture
def node(machine: Any, fake_run: Any) -> Any:
    machine.write("/etc/os-release", "ID=debian\nVERSION_ID=13\n")
    machine.write("/etc/machine-id", "abc\n")
    machine.write("/proc/meminfo", "MemTotal: 4000000 kB\n")
    machine.path("/var").mkdir()
    fake_run.on("ip", out=ADDRESSES)
    fake_run.on("systemctl", "is-active", rc=3, out="inactive\ninactive\n")
    return machine


@pytest.mark.parametrize("check", [True, False])
def test_a_fit_host_returns_its_facts(node: Any, run_on_machine: Any, check: bool) -> None:
    found = node.snapshot()
    result = run_on_machine(host_preflight, FIT, check=check)
    assert (result["changed"], result["failures"]) == (False, [])
    facts = result["ansible_facts"]["classroom_machine"]
    assert facts["addresses"] == [{"interface": "eth0", "address": "192.168.90.101", "prefix": 24}]
    assert (facts["os_family"], facts["memory_mib"], facts["port_owner"]) == ("debian", 3906, None)
    assert node.snapshot() == found


@pytest.mark.parametrize("check", [True, False])
def test_an_unfit_host_fails_with_everything(node: Any, run_on_machine: Any, check: bool) -> None:
    spec = {**FIT, "address": "192.168.90.102", "min_memory_mib": 8192, "controller_time": time.time() - 300}
    result = run_on_machine(host_preflight, spec, check=check)
    assert result["failed"]
    assert len(result["failures"]) == 3
    assert all(failure in result["msg"] for failure in result["failures"])


def test_a_socket_may_carry_its_scheme(node: Any, run_on_machine: Any) -> None:
    node.write("/run/containerd/containerd.sock", "")
    node.write("/sys/fs/cgroup/cgroup.controllers", "cpu cpuset memory pids\n")
    node.write("/proc/filesystems", "nodev overlay\n")
    node.write("/proc/sys/net/bridge/x", "")
    node.write("/proc/sys/kernel/seccomp/actions_avail", "")
    for name in ("ipc", "net", "pid", "uts"):
        node.write("/proc/self/ns/" + name, "")
    spec = {**FIT, "role": "worker", "cri_socket": "unix:///run/containerd/containerd.sock"}
    assert run_on_machine(host_preflight, spec)["failures"] == []


def test_a_tool_that_is_missing_is_named(machine: Any, fake_run: Any, run_on_machine: Any) -> None:
    fake_run.on("ip", rc=127, err="ip: command not found")
    fake_run.on("systemctl", "is-active", rc=3, out="inactive\ninactive\n")
    result = run_on_machine(host_preflight, FIT)
    assert "ip: command not found" in result["msg"]
    assert result["failures"] == [result["msg"]]


def test_a_port_of_another_program_is_found_before_any_change(node: Any, run_on_machine: Any) -> None:
    node.write("/proc/net/tcp", "head\n   0: 00000000:1388 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n")
    node.write("/proc/12/comm", "harbor\n")
    node.path("/proc/12/fd").mkdir()
    node.path("/proc/12/fd/5").symlink_to("socket:[77]")
    services = [{"names": ["nginx"], "ports": [5000, 8080]}]
    (failure,) = run_on_machine(host_preflight, {**FIT, "services": services})["failures"]
    assert "Port 5000 is in use: expected it free for nginx.service, found another program, 'harbor'" in failure
    services = [{"names": ["nginx"], "ports": [5001]}]
    assert run_on_machine(host_preflight, {**FIT, "services": services})["failures"] == []
