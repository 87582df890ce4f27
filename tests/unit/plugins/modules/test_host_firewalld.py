# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module host_firewalld: open, closed or impossible, real run or check mode."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import host_firewalld

UNIT = "LoadState=loaded\nActiveState={0}\nUnitFileState=enabled\n"
ZONES = "public (default)\n  services: ssh\n  ports: {0}\ntrusted\n  target: ACCEPT\n  sources: {1}\n"
SPEC = {"ports": ["6443/tcp"], "trusted": ["10.244.0.0/16"]}
CHANGES = ["firewalld port 6443/tcp in zone public: the host's role needs it",
           "firewalld source 10.244.0.0/16 in zone trusted: the host's role needs it"]


@pytest.fixture
def running(fake_run: Any) -> Any:
    fake_run.on("systemctl", "show", out=UNIT.format("active"))
    fake_run.on("ip", out="[]")
    return fake_run


def lists(fake_run: Any, ports: str, sources: str) -> None:
    for words in (["firewall-cmd", "--list-all-zones"], ["firewall-cmd", "--permanent", "--list-all-zones"]):
        fake_run.on(*words, out=ZONES.format(ports, sources))
    fake_run.on("firewall-cmd")


def test_check_mode_predicts_what_the_real_run_does(machine: Any, running: Any, run_on_machine: Any) -> None:
    lists(running, "", "")
    predicted = run_on_machine(host_firewalld, SPEC, check=True)
    assert machine.snapshot() == {} and not running.did("--zone=public")
    done = run_on_machine(host_firewalld, SPEC)
    assert [predicted[key] for key in ("changed", "changes", "diff", "zone")] == [
        done[key] for key in ("changed", "changes", "diff", "zone")]
    assert (done["changed"], done["changes"], done["zone"]) == (True, CHANGES, "public")
    for place in ([], ["--permanent"]):
        assert ["firewall-cmd", *place, "--zone=public", "--add-port=6443/tcp"] in running.calls
        assert ["firewall-cmd", *place, "--zone=trusted", "--add-source=10.244.0.0/16"] in running.calls


@pytest.mark.parametrize("check", [True, False])
def test_what_is_open_stays_as_it_is(machine: Any, running: Any, run_on_machine: Any, check: bool) -> None:
    lists(running, "6443/tcp", "10.244.0.0/16")
    result = run_on_machine(host_firewalld, SPEC, check=check)
    assert (result["changed"], result["changes"], machine.snapshot()) == (False, [], {})


def test_one_that_does_not_run_is_opened_before_it_starts(fake_run: Any, run_on_machine: Any) -> None:
    fake_run.on("systemctl", "show", out=UNIT.format("inactive")).on("systemctl").on("ip", out="[]")
    fake_run.on("firewall-offline-cmd", "--list-all-zones", out=ZONES.format("", "")).on("firewall-offline-cmd")
    assert run_on_machine(host_firewalld, {**SPEC, "state": "running"})["changed"]
    assert fake_run.calls[-3:] == [
        ["firewall-offline-cmd", "--zone=public", "--add-port=6443/tcp"],
        ["firewall-offline-cmd", "--zone=trusted", "--add-source=10.244.0.0/16"],
        ["systemctl", "enable", "--now", "firewalld.service"]]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("spec", "message"), [
    ({"zone": "classroom"}, "The zone 'classroom' of firewalld does not exist"),
    ({"ports": ["many"]}, "Firewall ports are invalid: expected ports like 6443/tcp or 30000-32767/udp, found 'many'"),
])
def test_an_impossible_request_changes_nothing(
    machine: Any, running: Any, run_on_machine: Any, check: bool, spec: dict[str, Any], message: str,
) -> None:
    lists(running, "", "")
    result = run_on_machine(host_firewalld, {**SPEC, **spec}, check=check)
    assert result["failed"] and message in result["msg"]
    assert machine.snapshot() == {} and not any("--add" in word for call in running.calls for word in call)


def test_a_firewalld_that_does_not_answer_is_named(running: Any, run_on_machine: Any) -> None:
    running.on("firewall-cmd", rc=252, err="FirewallD is not running")
    assert "ended with 252: FirewallD is not running" in run_on_machine(host_firewalld, SPEC)["msg"]
