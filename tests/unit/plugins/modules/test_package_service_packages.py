# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module package_service: packages installed, bare or unobtainable; real run or check mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import detect as package_manager_detect
from ansible_collections.classroom.kubeadm.plugins.modules import package_service
from tests.unit.support.made_up_keys import made_up_key
from tests.unit.support.operations import logic_of

SPEC: dict[str, Any] = {
    "repository": {"name": "classroom", "uri": "http://192.168.90.10/apt", "signed_by": made_up_key("classroom")},
    "packages": [{"name": "kubelet", "version": "1.36.3"}],
}
STATUS = "/var/lib/dpkg/status"
INSTALLED = "Package: kubelet\nStatus: {0} ok installed\nVersion: 1.36.3-1.1\n"
SOURCE = "/etc/apt/sources.list.d/classroom.sources"


class Dpkg:
    """What the commands would do to dpkg's status."""

    def __init__(self, machine: Any, fake_run: Any) -> None:
        self._machine = machine
        self._run = fake_run

    def __call__(self, argv: list[str], **options: Any) -> Any:
        if "install" in argv and "--simulate" not in argv:
            self._machine.write(STATUS, INSTALLED.format("install"))
        if "hold" in argv:
            self._machine.write(STATUS, INSTALLED.format("hold"))
        return self._run(argv, **options)


@pytest.fixture
def dpkg(machine: Any, fake_run: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    machine.write(STATUS, "Package: bash\nStatus: install ok installed\nVersion: 5\n")
    fake_run.on("apt-get").on("apt-mark").on("apt-cache", out="kubelet | 1.36.3-1.1 | http://x ./ Packages\n")
    return Dpkg(machine, fake_run)


@pytest.fixture
def run_pinned(run_on_machine: Any, dpkg: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        logic_of(package_service), "backend_of",
        lambda root, run, repository: package_manager_detect.backend_of(root, dpkg, lambda seconds: None, repository))

    def runner(spec: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
        result: dict[str, Any] = run_on_machine(package_service, spec, check=check)
        return result

    return runner


def test_check_mode_predicts_without_a_single_command(machine: Any, fake_run: Any, run_pinned: Any) -> None:
    found = machine.snapshot()
    predicted = run_pinned(SPEC, check=True)
    assert machine.snapshot() == found
    assert fake_run.calls == []
    done = run_pinned(SPEC)
    for key in ("changed", "changes", "diff"):
        assert predicted[key] == done[key]
    assert (predicted["versions"], done["versions"]) == ({}, {"kubelet": "1.36.3-1.1"})
    assert "Suites: ./" in machine.read(SOURCE)


@pytest.mark.parametrize("check", [True, False])
def test_an_installed_package_costs_no_command(machine: Any, fake_run: Any, run_pinned: Any, check: bool) -> None:
    run_pinned(SPEC)
    fake_run.calls.clear()
    result = run_pinned(SPEC, check=check)
    assert (result["changed"], result["changes"]) == (False, [])
    assert fake_run.calls == []


def test_a_version_that_the_source_lacks(machine: Any, run_pinned: Any) -> None:
    found = machine.snapshot()
    result = run_pinned({**SPEC, "packages": [{"name": "kubelet", "version": "1.36.9"}]})
    assert "expected kubelet 1.36.9, found 1.36.3-1.1 in http://192.168.90.10/apt" in result["msg"]
    assert machine.snapshot() == found


@pytest.mark.parametrize("check", [True, False])
def test_a_host_of_another_family(machine: Any, run_pinned: Any, check: bool) -> None:
    machine.path(STATUS).unlink()
    assert "expected a host of the Debian or Red Hat family" in run_pinned(SPEC, check=check)["msg"]


REPOSITORY_FILE = "/etc/yum.repos.d/classroom.repo"


class Rpms:
    """What dnf would do to rpm's database."""

    def __init__(self) -> None:
        self.there = ""
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], **options: Any) -> Completed:
        self.asked.append(list(argv))
        if "repoquery" in argv:
            return Completed(0, "kubelet 1.36.2-1.1\nkubelet 1.36.3-1.1\n", "")
        if "install" in argv:
            self.there = "kubelet\t1.36.3-1.1\tx86_64\t1\n"
        return Completed(0 if self.there else 1, self.there if "--query" in argv else "", "")


@pytest.fixture
def rpms(machine: Any, monkeypatch: pytest.MonkeyPatch) -> Rpms:
    machine.write("/etc/redhat-release", "Rocky Linux release 9.6 (Blue Onyx)\n")
    made = Rpms()
    monkeypatch.setattr(
        logic_of(package_service), "backend_of",
        lambda root, run, repository: package_manager_detect.backend_of(root, made, lambda seconds: None, repository))
    return made


def test_the_red_hat_family_is_predicted_and_held_in_its_file(machine: Any, run_on_machine: Any, rpms: Rpms) -> None:
    found = machine.snapshot()
    predicted = run_on_machine(package_service, SPEC, check=True)
    assert machine.snapshot() == found
    assert {words[0] for words in rpms.asked} == {"rpm"}
    done = run_on_machine(package_service, SPEC)
    for key in ("changed", "changes", "diff"):
        assert predicted[key] == done[key]
    assert done["versions"] == {"kubelet": "1.36.3-1.1"}
    assert machine.read(REPOSITORY_FILE).endswith("\nexclude=kubelet\n")


def test_the_red_hat_family_costs_one_query(machine: Any, run_on_machine: Any, rpms: Rpms) -> None:
    run_on_machine(package_service, SPEC)
    rpms.asked.clear()
    assert run_on_machine(package_service, SPEC)["changed"] is False
    assert [words[:2] for words in rpms.asked] == [["rpm", "--query"]]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("given", "message"), [
    ({"signed_by": ""}, "expected the public key that signs http://192.168.90.10/apt, found none"),
    ({"fingerprints": ["AA"]}, "The key of http://192.168.90.10/apt is not the known one: expected the fingerprint AA"),
    ({"signed_by": "KEY"}, "Invalid key: expected OpenPGP public keys in ASCII armour and nothing else, found 'KEY'"),
])
def test_a_key_that_is_none_is_refused_before_anything(
    machine: Any, run_pinned: Any, fake_run: Any, given: dict[str, Any], message: str, check: bool,
) -> None:
    found = machine.snapshot()
    result = run_pinned({**SPEC, "repository": {**SPEC["repository"], **given}}, check=check)
    assert message in result["msg"]
    assert (machine.snapshot(), fake_run.calls) == (found, [])
