# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module host_settings: ready or bare or impossible, real run or check mode."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import host_settings

SPEC = {
    "hosts": [{"address": "192.168.90.101", "names": ["node1.example.com", "node1"]}],
    "kernel_modules": ["overlay"],
    "sysctls": {"net.ipv4.ip_forward": 1},
}


@pytest.fixture
def bare(machine: Any) -> Any:
    machine.write("/etc/hosts", "127.0.0.1 localhost\n")
    machine.write("/etc/fstab", "/swap.img none swap sw 0 0\n")
    machine.write("/proc/filesystems", "nodev overlay\n")
    machine.write("/proc/modules", "")
    machine.write("/proc/sys/net/ipv4/ip_forward", "0\n")
    return machine


def test_check_mode_predicts_what_the_real_run_does(bare: Any, run_on_machine: Any) -> None:
    found = bare.snapshot()
    predicted = run_on_machine(host_settings, SPEC, check=True)
    assert bare.snapshot() == found
    done = run_on_machine(host_settings, SPEC)
    assert bare.snapshot() != found
    for key in ("changed", "changes", "diff"):
        assert predicted[key] == done[key]
    assert predicted["changed"] is True
    assert "ip_forward: (the running kernel has another value)" in predicted["diff"]["after"]


@pytest.mark.parametrize("check", [True, False])
def test_a_ready_host_stays_as_it_is(bare: Any, run_on_machine: Any, check: bool) -> None:
    run_on_machine(host_settings, SPEC)
    found = bare.snapshot()
    result = run_on_machine(host_settings, SPEC, check=check)
    assert (result["changed"], result["changes"]) == (False, [])
    assert bare.snapshot() == found


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("file", "text", "message"), [
    ("/etc/fstab", "nonsense\n", "/etc/fstab is invalid"),
    ("/etc/hosts", "10.0.0.9 node1\n", "expected node1 at 192.168.90.101, found '10.0.0.9 node1'"),
    ("/proc/filesystems", "nodev proc\n", "A kernel feature is missing: expected overlay, found"),
])
def test_an_impossible_request_changes_nothing(
    bare: Any, run_on_machine: Any, check: bool, file: str, text: str, message: str,
) -> None:
    bare.write(file, text)
    found = bare.snapshot()
    result = run_on_machine(host_settings, SPEC, check=check)
    assert result["failed"]
    assert message in result["msg"]
    assert bare.snapshot() == found


@pytest.mark.parametrize("check", [True, False])
def test_a_later_sysctl_file_is_a_warning(bare: Any, run_on_machine: Any, check: bool) -> None:
    bare.write("/etc/sysctl.d/99-x.conf", "net.ipv4.ip_forward=0\n")
    result = run_on_machine(host_settings, SPEC, check=check)
    assert "/etc/sysctl.d/99-x.conf is applied after" in str(result["warnings"])
    assert [finding.partition(": ")[0] for finding in result["findings"]] == ["kernel setting net.ipv4.ip_forward"]


@pytest.mark.parametrize("check", [True, False])
def test_a_setting_that_cannot_be_written_is_refused_before_anything_is_changed(
    bare: Any, run_on_machine: Any, check: bool, monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Root may write to every file of a test; of /proc/sys that is read-only it is told the truth
    monkeypatch.setattr(os, "access", lambda path, mode: "/proc/sys/" not in str(path))
    found = bare.snapshot()
    result = run_on_machine(host_settings, SPEC, check=check)
    assert "expected net.ipv4.ip_forward = 1, found 0, and it is read-only" in result["msg"]
    assert bare.snapshot() == found


@pytest.mark.parametrize("check", [True, False])
def test_a_time_server_with_a_blank_is_refused(bare: Any, run_on_machine: Any, check: bool) -> None:
    found = bare.snapshot()
    result = run_on_machine(host_settings, {**SPEC, "time_service": "chrony", "time_servers": ["a b"]}, check=check)
    assert "A time server is invalid: expected a host name or an address, found 'a b'" in result["msg"]
    assert bare.snapshot() == found
