# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Missing, stale and unreachable package lists, with the apt of this machine in a directory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import command
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import apt as packages_apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import STATUS, Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Repository

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "apt-ftparchive", "dpkg-deb"))), reason="no apt on this machine")

CONFIGURATION = """\
Dir "{0}";
Dir::Etc::main "/dev/null";
Dir::Etc::trustedparts "{0}/etc/apt/trusted.gpg.d";
Dir::State::status "{0}/var/lib/dpkg/status";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
Acquire::Languages "none";
APT::Sandbox::User "root";
"""
DIRECTORIES = ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d",
               "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg")
FIELDS = "Architecture: amd64\nMaintainer: x <x@example.com>\nDescription: x\n"
DEPENDS = {"kubelet": "socat", "socat": "libsocat (>= 2)"}


class RealApt:
    """A machine with a repository of ours and a distribution's mirror; packages are downloaded and not unpacked."""

    def __init__(self, machine: Any, work: Path) -> None:
        self.machine, self.work = machine, work
        self.calls: list[list[str]] = []
        for directory in DIRECTORIES:
            machine.path("/" + directory).mkdir(parents=True)
        machine.write("/apt.conf", CONFIGURATION.format(machine.directory))
        machine.write(STATUS, "")
        self.repository = Repository("classroom", f"copy:{work}/classroom", "KEY")

    def publish(self, name: str, **versions: str) -> None:
        """Make a flat repository of these packages, with nothing in them."""
        pool = self.work / name
        shutil.rmtree(pool, ignore_errors=True)
        pool.mkdir()
        for package, version in versions.items():
            made = self.work / "made"
            (made / "DEBIAN").mkdir(parents=True)
            needs = f"Depends: {DEPENDS[package]}\n" if package in DEPENDS else ""
            (made / "DEBIAN/control").write_text(
                f"Package: {package}\nVersion: {version}\n{needs}{FIELDS}")
            target = pool / f"{package}_{version}.deb"
            subprocess.run(["dpkg-deb", "--build", made, target], check=True, capture_output=True)
            shutil.rmtree(made)
        listed = subprocess.run(["apt-ftparchive", "packages", "."], cwd=pool, check=True, capture_output=True)
        (pool / "Packages").write_bytes(listed.stdout)
        if name == "bundled":
            argv = ["apt-ftparchive", "-o=APT::FTPArchive::Release::NotAutomatic=yes", "release", "."]
            release = subprocess.run(argv, cwd=pool, check=True, capture_output=True)
            (pool / "Release").write_bytes(release.stdout)

    def source(self, name: str) -> None:
        self.machine.write(
            f"/etc/apt/sources.list.d/{name}.sources",
            f"Types: deb\nURIs: copy:{self.work}/{name}\nSuites: ./\nTrusted: yes\n")

    def installed(self, name: str, version: str) -> None:
        path = self.machine.path(STATUS)
        path.write_text(path.read_text() + (
            f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n{FIELDS}\n"))

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        self.calls.append(list(argv))
        words = list(argv)
        if "install" in words and "--simulate" not in words:
            words.insert(words.index("install"), "--download-only")
        answer = command.run(
            words, check=False, env={**(env or {}), "APT_CONFIG": str(self.machine.path("/apt.conf"))})
        if check and answer.rc:
            raise CommandFailed(argv, answer)
        return answer

    @property
    def updates(self) -> int:
        return sum("update" in call and "--print-uris" not in call for call in self.calls)

    def install(self, **versions: str | None) -> None:
        self.calls.clear()
        Apt(self.machine.root, self, lambda seconds: None, self.repository).install(versions, {})


@pytest.fixture
def apt(machine: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> RealApt:
    """Our repository ("classroom") is known, as after its own update; no list of the distribution is there."""
    monkeypatch.setattr(packages_apt, "_SOURCES", str(machine.path("/etc/apt/sources.list.d")))
    made = RealApt(machine, tmp_path_factory.mktemp("repositories"))
    made.publish("classroom", kubelet="1.36.3-1.1")
    made.source("classroom")
    made(["apt-get", "update"])
    made.publish("mirror", socat="1.8", libsocat="2")
    made.source("mirror")
    return made


def test_without_any_list_the_distributions_are_fetched_once(apt: RealApt) -> None:
    apt.install(kubelet="1.36.3-1.1")
    assert apt.updates == 1
    apt.install(kubelet="1.36.3-1.1")
    assert apt.updates == 0


def test_stale_lists_are_fetched_again_once(apt: RealApt) -> None:
    apt(["apt-get", "update"])
    apt.publish("mirror", socat="1.8-2", libsocat="2-2")
    apt.install(kubelet="1.36.3-1.1")
    assert apt.updates == 1


def test_a_mirror_that_is_not_needed_may_be_unreachable(apt: RealApt) -> None:
    apt.installed("socat", "1.7")
    shutil.rmtree(apt.work / "mirror")
    apt.install(kubelet="1.36.3-1.1")
    assert apt.updates == 0


def test_one_unreachable_mirror_of_two(apt: RealApt) -> None:
    apt.source("other")
    apt.install(kubelet="1.36.3-1.1")
    assert apt.updates == 1


def test_the_mirror_that_cannot_be_fetched_is_named(apt: RealApt) -> None:
    shutil.rmtree(apt.work / "mirror")
    with pytest.raises(ClassroomError) as failure:
        apt.install(kubelet="1.36.3-1.1")
    said = str(failure.value)
    assert f"expected the package lists of copy:{apt.work}/mirror" in said
    assert "classroom, " not in said and "Make this mirror reachable" in said
    assert apt.updates == 1


def test_a_host_without_another_source_is_told_to_add_one(apt: RealApt) -> None:
    apt.machine.path("/etc/apt/sources.list.d/mirror.sources").unlink()
    with pytest.raises(ClassroomError, match="Add a mirror of the distribution") as failure:
        apt.install(kubelet="1.36.3-1.1")
    assert f"copy:{apt.work}/classroom" in str(failure.value)


@pytest.mark.parametrize(("mirror", "chosen"), [(True, "1.8"), (False, "1.9")])
def test_a_bundles_distribution_is_asked_last_and_upgrades_nothing(apt: RealApt, mirror: bool, chosen: str) -> None:
    apt.installed("libsocat", "2")
    apt.publish("bundled", socat="1.9", libsocat="3")
    apt.source("bundled")
    if not mirror:
        apt.machine.path("/etc/apt/sources.list.d/mirror.sources").unlink()
    apt.install(kubelet="1.36.3-1.1")
    found = {path.name for path in apt.machine.path("/var/cache/apt/archives").glob("*.deb")}
    assert found == {"kubelet_1.36.3-1.1_amd64.deb", f"socat_{chosen}_amd64.deb"}


@pytest.mark.parametrize("ours", [True, False])
def test_another_installed_package_is_only_moved_by_its_own_repository(apt: RealApt, ours: bool) -> None:
    apt.installed("libsocat", "1")
    if ours:
        apt.publish("classroom", kubelet="1.36.3-1.1", socat="1.8", libsocat="2")
        apt(["apt-get", "update"])
        apt.install(kubelet="1.36.3-1.1")
        return
    with pytest.raises(ClassroomError, match=r"found that these need another version: libsocat 1 -> 2\."):
        apt.install(kubelet="1.36.3-1.1")
    assert not os.listdir(apt.machine.path("/var/cache/apt/archives"))[2:]
