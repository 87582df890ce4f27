# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module installed_service: services as wished, other, or not installed; real run or check mode."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import installed_service

WISH = {
    "name": "web",
    "files": [{"path": "/etc/web.conf", "content": "new\n"},
              {"path": "/etc/web.key", "secret_content": "topsecret", "mode": "0600"}],
    "enabled": True,
    "state": "started",
}
LOADED = "LoadState=loaded\nUnitFileState=enabled\nActiveState={0}\nSubState=x\nResult=success\n"


def test_check_mode_predicts_what_the_real_run_does(machine: Any, fake_run: Any, run_on_machine: Any) -> None:
    fake_run.on("systemctl", "show", out=LOADED.format("inactive"))
    fake_run.on("systemctl", "show", out=LOADED.format("inactive"))
    fake_run.on("systemctl", "show", out=LOADED.format("active")).on("systemctl")
    predicted = run_on_machine(installed_service, {"services": [WISH]}, check=True)
    assert machine.snapshot() == {}
    assert len(fake_run.calls) == 1
    done = run_on_machine(installed_service, {"services": [WISH]})
    for key in ("changed", "changes", "diff"):
        assert predicted[key] == done[key]
    assert machine.read("/etc/web.key") == "topsecret"
    assert fake_run.did("start", "web.service")
    assert "topsecret" not in str(predicted) + str(done)


@pytest.mark.parametrize("check", [True, False])
def test_a_service_as_wished_costs_one_command(machine: Any, fake_run: Any, run_on_machine: Any, check: bool) -> None:
    machine.write("/etc/web.conf", "new\n")
    machine.write("/etc/web.key", "topsecret").chmod(0o600)
    fake_run.on("systemctl", "show", out=LOADED.format("active"))
    result = run_on_machine(installed_service, {"services": [WISH]}, check=check)
    assert (result["changed"], result["changes"]) == (False, [])
    assert len(fake_run.calls) == 1


@pytest.mark.parametrize("check", [True, False])
def test_a_unit_that_is_not_installed(machine: Any, fake_run: Any, run_on_machine: Any, check: bool) -> None:
    fake_run.on("systemctl", "show", out="LoadState=not-found\nActiveState=inactive\n")
    result = run_on_machine(installed_service, {"services": [WISH]}, check=check)
    if check:
        assert result["changed"]
        assert "start web.service: it is not running" in result["changes"]
    else:
        assert "Wanted the unit web.service, found none of that name" in result["msg"]
    assert machine.snapshot() == {}


@pytest.mark.parametrize(("file", "message"), [
    ({"path": "/etc/x"}, "one of the following is required: content, secret_content"),
    ({"path": "/etc/x", "content": "", "secret_content": "topsecret"}, "mutually exclusive"),
    ({"path": "/etc/x", "content": "", "mode": "rw-"}, "Wanted an octal mode such as '0644' for /etc/x, found 'rw-'"),
])
def test_a_file_that_makes_no_sense(run_on_machine: Any, file: dict[str, str], message: str) -> None:
    result = run_on_machine(installed_service, {"services": [{"name": "web", "files": [file]}]})
    assert message in result["msg"]
    assert "topsecret" not in str(result)
