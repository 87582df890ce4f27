# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module package_service: services as desired, different, or not installed; real run or check mode."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules import package_service

SPEC = {
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
    predicted = run_on_machine(package_service, {"services": [SPEC]}, check=True)
    assert machine.snapshot() == {}
    assert len(fake_run.calls) == 1
    done = run_on_machine(package_service, {"services": [SPEC]})
    for key in ("changed", "changes", "diff", "changed_files"):
        assert predicted[key] == done[key]
    assert machine.read("/etc/web.key") == "topsecret"
    assert fake_run.did("start", "web.service")
    assert "topsecret" not in str(predicted) + str(done)


@pytest.mark.parametrize("check", [True, False])
def test_an_unchanged_service_costs_one_command(machine: Any, fake_run: Any, run_on_machine: Any, check: bool) -> None:
    machine.write("/etc/web.conf", "new\n")
    machine.write("/etc/web.key", "topsecret").chmod(0o600)
    fake_run.on("systemctl", "show", out=LOADED.format("active"))
    result = run_on_machine(package_service, {"services": [SPEC]}, check=check)
    assert (result["changed"], result["changes"]) == (False, [])
    assert len(fake_run.calls) == 1


@pytest.mark.parametrize("check", [True, False])
def test_a_unit_that_is_not_installed(machine: Any, fake_run: Any, run_on_machine: Any, check: bool) -> None:
    fake_run.on("systemctl", "show", out="LoadState=not-found\nActiveState=inactive\n")
    result = run_on_machine(package_service, {"services": [SPEC]}, check=check)
    if check:
        assert result["changed"]
        assert "start web.service: it is not running" in result["changes"]
    else:
        assert "expected web.service, found no unit of that name" in result["msg"]
    assert machine.snapshot() == {}


@pytest.mark.parametrize(("file", "message"), [
    ({"path": "/etc/x"}, "state is present but any of the following are missing: content, secret_content"),
    ({"path": "/etc/x", "content": "", "secret_content": "topsecret"}, "mutually exclusive"),
    ({"path": "/etc/x", "content": "", "mode": "rw-"},
     "The mode of /etc/x is invalid: expected an octal number such as '0644', found 'rw-'"),
])
def test_a_file_that_makes_no_sense(run_on_machine: Any, file: dict[str, str], message: str) -> None:
    result = run_on_machine(package_service, {"services": [{"name": "web", "files": [file]}]})
    assert message in result["msg"]
    assert "topsecret" not in str(result)


MIRROR = {"path": "/etc/containerd/certs.d/quay.io/hosts.toml", "content": "new\n"}


@pytest.mark.parametrize("former", [None, "old\n"])
def test_a_file_that_is_read_when_needed_restarts_nothing(
    machine: Any, fake_run: Any, run_on_machine: Any, former: str | None
) -> None:
    for file in ("/etc/web.conf", "/etc/web.key"):
        machine.write(file, "new\n" if file.endswith("conf") else "topsecret").chmod(
            0o644 if file.endswith("conf") else 0o600)
    if former is not None:
        machine.write(MIRROR["path"], former)
    fake_run.on("systemctl", "show", out=LOADED.format("active"))
    spec = {"files": [MIRROR], "services": [SPEC]}
    predicted = run_on_machine(package_service, spec, check=True)
    assert machine.read(MIRROR["path"]) == former
    done = run_on_machine(package_service, spec)
    assert predicted["changes"] == done["changes"] == [
        "file {}: {}".format(MIRROR["path"], "it is missing" if former is None else "its content is another")]
    assert predicted["changed_files"] == done["changed_files"] == [MIRROR["path"]]
    assert machine.read(MIRROR["path"]) == "new\n"
    assert not fake_run.did("restart") and not fake_run.did("reload")
    # For the way back to before this collection
    assert MIRROR["path"] in str(machine.read("/var/lib/classroom-kubeadm/before.json"))
    assert not run_on_machine(package_service, spec)["changed"]


def test_files_alone_need_neither_packages_nor_services(machine: Any, run_on_machine: Any) -> None:
    assert run_on_machine(package_service, {"files": [MIRROR]})["changed"]
    assert machine.read(MIRROR["path"]) == "new\n"


@pytest.mark.parametrize("option", [{"port": 5000}, {"further_ports": [5000]}, {"port": 1, "further_ports": [5000]}])
@pytest.mark.parametrize("active", ["active", "inactive"])
def test_a_port_that_another_program_has(
    machine: Any, fake_run: Any, run_on_machine: Any, option: dict[str, Any], active: str
) -> None:
    machine.write("/proc/net/tcp", "head\n   0: 00000000:1388 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n")
    machine.write("/proc/12/comm", "python3\n")
    machine.path("/proc/12/fd").mkdir()
    machine.path("/proc/12/fd/5").symlink_to("socket:[77]")
    fake_run.on("systemctl", "show", out=LOADED.format(active))
    before = machine.snapshot()
    result = run_on_machine(package_service, {"services": [{**SPEC, **option}]})
    found = "Port 5000 is in use: expected it free for web.service, found 'python3' listening on it. Stop that program"
    assert found in result["msg"]
    assert machine.snapshot() == before
