# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pinned packages without a package manager: the plan, and the order of what is done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import (
    Installed,
    Package,
    PackagesSpec,
    PackagesState,
    Purged,
    Removable,
    Repository,
    apply,
    plan,
    read_state,
    with_checked_key,
)
from tests.unit.support.made_up_keys import fingerprint_of, made_up_key

REPOSITORY = Repository("classroom", "http://192.168.90.10/apt", "KEY")
FILES = {"/etc/key": "KEY\n", "/etc/source": "http://192.168.90.10/apt\n"}
SPEC = PackagesSpec((Package("kubelet", "1.36.3"), Package("kubectl", "1.36.3-1.1")), REPOSITORY)
NOW = {"kubelet": Installed("1.36.3-1.1", True), "kubectl": Installed("1.36.3-1.1", True)}
DONE = PackagesState(NOW, FILES)


@pytest.mark.parametrize(("wanted", "found", "accepted"), [
    ("1.36.3", "1.36.3", True), ("1.36.3", "1.36.3-1.1", True), ("1.36.3-1.1", "1.36.3-1.1", True),
    ("1.36.3", "1.36.30-1.1", False), ("1.36.3-1.1", "1.36.3-2.1", False), ("1.36.3", "1.36.2-1.1", False),
    ("1.36", "1.36.3-1.1", True), ("1.36", "1.36-1", True), ("1.36", "1.360.0", False), ("1.36", "1.35.9", False),
    (None, "anything", True),
])
def test_which_versions_are_the_wanted_one(wanted: str | None, found: str, accepted: bool) -> None:
    assert Package("kubelet", wanted).accepts(found) is accepted


@pytest.mark.parametrize(("spec", "different", "titles"), [
    (SPEC, {}, []),
    (SPEC, {"installed": {}}, ["package kubelet", "package kubectl", "hold kubelet", "hold kubectl"]),
    (SPEC, {"installed": {**NOW, "kubelet": Installed("1.36.2-1.1", True)}}, ["package kubelet"]),
    (SPEC, {"installed": {**NOW, "kubelet": Installed("1.37.0-1.1", True)}}, ["package kubelet"]),
    (SPEC, {"installed": {**NOW, "kubelet": Installed("1.36.3-1.1", False)}}, ["hold kubelet"]),
    (replace(SPEC, hold=False), {}, ["hold kubelet", "hold kubectl"]),
    (replace(SPEC, hold=False), {"installed": {}}, ["package kubelet", "package kubectl"]),
    (SPEC, {"texts": {"/etc/key": None, "/etc/source": None}}, ["file /etc/key", "file /etc/source"]),
    (SPEC, {"texts": {**FILES, "/etc/key": "OLD\n"}}, ["file /etc/key"]),
    (SPEC, {"interrupted": True}, ["packages of the host"]),
    (PackagesSpec((Package("nginx"),)), {"installed": {}}, ["package nginx"]),
    (PackagesSpec((Package("nginx"),)), {"installed": {"nginx": Installed("1.26", False)}}, []),
])
def test_the_plan(spec: PackagesSpec, different: dict[str, Any], titles: list[str]) -> None:
    files = FILES if spec.repository else {}
    assert [step.title for step in plan(spec, replace(DONE, **different), files)] == titles


class FakeBackend:
    """A package manager that remembers what it was asked, in order."""

    audit = "fake --audit"

    def __init__(self, installed: Mapping[str, Installed] | None = None, interrupted: bool = False) -> None:
        self.installed = dict(installed or {})
        self.interrupted = interrupted
        self.offers: dict[str, list[str]] = {name: ["1.37.0-1.1", "1.36.3-1.1", "1.36.2-1.1"] for name in NOW}
        self.asked: list[Any] = []
        self.failure: Exception | None = None
        self.works = True
        self.brings: tuple[str, ...] = ()

    def read(self, names: Sequence[str]) -> tuple[Mapping[str, Installed], bool]:
        return {name: self.installed[name] for name in names if name in self.installed}, self.interrupted

    def names(self) -> frozenset[str]:
        return frozenset(self.installed)

    def files(self, spec: PackagesSpec) -> Mapping[str, str]:
        return FILES if spec.repository else {}

    def removable(self, names: Sequence[str]) -> Removable:
        raise NotImplementedError

    def purge(self, names: Sequence[str]) -> Purged:
        raise NotImplementedError

    def forget(self, files: Mapping[str, str]) -> None:
        raise NotImplementedError

    def repair(self, names: Sequence[str]) -> None:
        self.asked.append("repair")

    def available(self, repository: Repository | None, names: Sequence[str]) -> Mapping[str, list[str]]:
        self.asked.append(("available", repository, list(names)))
        if self.failure:
            raise self.failure
        return self.offers

    def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
        self.asked.append(("install", dict(versions)))
        if self.works:
            self.interrupted = False
            self.installed.update({name: Installed("1", False) for name in self.brings})
            self.installed.update({name: Installed(version or "1", False) for name, version in versions.items()})

    def hold(self, names: Sequence[str], held: bool) -> None:
        self.asked.append(("hold", list(names), held))
        self.installed.update({name: replace(self.installed[name], held=held) for name in names})


def make(machine: Any, backend: FakeBackend, spec: PackagesSpec = SPEC) -> None:
    files = backend.files(spec)
    apply(machine.root, backend, spec, read_state(machine.root, backend, spec, files), files)


def test_a_bare_host(machine: Any) -> None:
    backend = FakeBackend()
    make(machine, backend)
    assert backend.asked == [
        ("available", REPOSITORY, ["kubelet", "kubectl"]),
        ("install", {"kubelet": "1.36.3-1.1", "kubectl": "1.36.3-1.1"}),
        ("hold", ["kubelet", "kubectl"], True),
    ]
    assert {path: machine.read(path) for path in FILES} == FILES
    assert plan(SPEC, read_state(machine.root, backend, SPEC, FILES), FILES) == []


def test_only_the_hold(machine: Any) -> None:
    backend = FakeBackend({**NOW, "kubelet": Installed("1.36.3-1.1", False)})
    make(machine, backend)
    assert backend.asked == [("hold", ["kubelet"], True)]


def test_an_interrupted_installation_is_finished_first(machine: Any) -> None:
    backend = FakeBackend({"kubelet": Installed("1.36.3-1.1", False)}, interrupted=True)
    make(machine, backend)
    assert [asked if isinstance(asked, str) else asked[0] for asked in backend.asked] == [
        "repair", "available", "install", "hold"]
    assert backend.asked[2] == ("install", {"kubectl": "1.36.3-1.1"})


def test_a_package_of_any_version_is_neither_looked_up_nor_held(machine: Any) -> None:
    backend = FakeBackend()
    make(machine, backend, PackagesSpec((Package("nginx"),), REPOSITORY))
    assert backend.asked == [("install", {"nginx": None})]


@pytest.mark.parametrize("before", [{}, {"/etc/source": "the old one\n"}])
@pytest.mark.parametrize(("offers", "message"), [
    ({"kubelet": ["1.36.3-1.1"], "kubectl": ["1.35.0-1.1"]},
     "expected kubectl 1.36.3-1.1, found 1.35.0-1.1 in http://192.168.90.10/apt. Choose one of those"),
    ({"kubelet": ["1.36.3-1.1"]}, "expected kubectl 1.36.3-1.1, found no package of that name in http"),
])
def test_a_source_without_the_version_is_put_back(
    machine: Any, before: dict[str, str], offers: dict[str, list[str]], message: str,
) -> None:
    for path, text in before.items():
        machine.write(path, text)
    found = machine.snapshot()
    backend = FakeBackend()
    backend.offers = offers
    with pytest.raises(ClassroomError) as failure:
        make(machine, backend)
    assert message in str(failure.value)
    assert machine.snapshot() == found
    assert [asked[0] for asked in backend.asked] == ["available"]


def test_a_source_that_does_not_serve_is_put_back(machine: Any) -> None:
    backend = FakeBackend()
    backend.failure = ClassroomError("not signed")
    with pytest.raises(ClassroomError, match="not signed"):
        make(machine, backend)
    assert machine.snapshot() == {}


@pytest.mark.parametrize(("came", "put_back"), [((), True), (("socat",), False), (("kubelet",), False)])
def test_packages_that_are_refused_leave_nothing_unless_some_came(
    machine: Any, came: tuple[str, ...], put_back: bool,
) -> None:
    class Refusing(FakeBackend):
        def install(self, versions: Mapping[str, str | None], installed: Mapping[str, Installed]) -> None:
            self.installed.update({name: Installed("1", False) for name in came})
            raise ClassroomError("not signed with that key")

    machine.write("/etc/source", "the old one\n")
    found = machine.snapshot()
    with pytest.raises(ClassroomError, match="not signed"):
        make(machine, Refusing({"kubelet": Installed("0.9", False)}))
    assert (machine.snapshot() == found) is put_back
    packages = {**dict.fromkeys(["kubectl", *came]), "kubelet": "0.9"}
    assert put_back or original_state.read(machine.root)["packages"] == packages


MADE_UP = made_up_key("owner")
FINGERPRINT = fingerprint_of("owner").lower()


@pytest.mark.parametrize(("key", "fingerprints", "message"), [
    (MADE_UP, (), None),
    ("anything", (), "Invalid key: expected OpenPGP public keys in ASCII armour and nothing else, found 'anything'"),
    (" \n", (), "expected the public key that signs http://192.168.90.10/apt, found none"),
    (MADE_UP, (FINGERPRINT,), None),
    (MADE_UP, ("AA", " ".join((FINGERPRINT[:20].upper(), FINGERPRINT[20:]))), None),
    (MADE_UP, ("AA BB",), "expected the fingerprint AABB, found " + FINGERPRINT.upper()),
    ("<!DOCTYPE html>\n<title>Log in</title>", ("AA",), "found '<!DOCTYPE html> <title>Log in</title>'"),
])
def test_the_key_of_a_repository(key: str, fingerprints: tuple[str, ...], message: str | None) -> None:
    repository = replace(REPOSITORY, signed_by=key, fingerprints=fingerprints)
    if message is None:
        assert with_checked_key(repository).signed_by == key
    else:
        with pytest.raises(ClassroomError, match=re.escape(message)):
            with_checked_key(repository)


@pytest.mark.parametrize(("interrupted", "message"), [
    (False, "found kubelet, kubectl not as"), (True, "found kubelet, kubectl not as"),
])
def test_success_is_not_believed(machine: Any, interrupted: bool, message: str) -> None:
    backend = FakeBackend(interrupted=interrupted)
    backend.works = False
    with pytest.raises(ClassroomError, match=message):
        make(machine, backend)


def test_other_packages_left_half_installed_are_named(machine: Any) -> None:
    backend = FakeBackend(NOW, interrupted=True)
    with pytest.raises(ClassroomError, match="found others half installed"):
        make(machine, backend)


@pytest.mark.parametrize(("before", "versions"), [
    ({}, {"kubelet": None, "kubectl": None, "socat": None}),
    ({"kubelet": Installed("1.35.0-1.1", False)}, {"kubelet": "1.35.0-1.1", "kubectl": None, "socat": None}),
    ({**NOW}, {}),
])
def test_what_was_there_before_is_kept(
    machine: Any, before: dict[str, Installed], versions: dict[str, str | None],
) -> None:
    backend = FakeBackend(before)
    backend.brings = ("socat",)
    make(machine, backend)
    found = original_state.read(machine.root)
    assert found.get("packages", {}) == versions
    assert found["files"] == {path: {"text": None, "mode": None} for path in FILES}
    assert found.get("holds", {}) == ({"kubelet": False} if "kubelet" in before and versions else {})
    text = machine.read(original_state.FILE)
    make(machine, backend)
    assert machine.read(original_state.FILE) == text
