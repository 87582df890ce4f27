# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host whose packages can come from nowhere is named, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import STATUS
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.sources import BundlePackages, problem

OFFER = BundlePackages(("debian-13",), ("runc", "iptables"))
HALF = (
    "Package: runc\nStatus: install ok installed\nVersion: 1\n\n"
    "Package: iptables\nStatus: deinstall ok config-files\n")
FULL = HALF.replace("deinstall ok config-files", "hold ok installed")
OURS = {"sources.list.d/classroom-kubeadm.sources": "Types: deb\nURIs: http://192.168.90.10/apt\nSuites: ./\n"}
LIST = {"sources.list": "# deb http://old\ndeb [arch=amd64] http://mirror/debian trixie main\n"}
DEB822 = {"sources.list.d/debian.sources": "Types: deb\nURIs: http://mirror/debian\nSuites: trixie\n"}
EMPTY = {"sources.list": "# deb http://mirror/debian trixie main\n", "sources.list.d/x.list.off": "deb http://x y z\n"}


@pytest.mark.parametrize(("version", "status", "files", "missing"), [
    pytest.param("13", HALF, {}, None, id="the bundle has them"),
    pytest.param("12", FULL, {}, None, id="nothing is missing"),
    pytest.param("12", HALF, LIST, None, id="a mirror"),
    pytest.param("12", HALF, DEB822, None, id="a mirror in the newer form"),
    pytest.param("12", HALF, {}, "expected iptables installed", id="no sources"),
    pytest.param("12", HALF, EMPTY, "expected iptables installed", id="sources that are disabled"),
    pytest.param("12", HALF, OURS, "expected iptables installed", id="only the utility"),
    pytest.param("12", "", {}, "expected runc, iptables installed", id="nothing installed"),
])
def test_packages_that_can_come_from_nowhere(
    machine: Any, version: str, status: str, files: dict[str, str], missing: str | None,
) -> None:
    machine.write(STATUS, status)
    for name, text in files.items():
        machine.write("/etc/apt/" + name, text)
    found = problem(machine.root, OFFER, "debian", version)
    assert (missing in found and "Make the bundle for debian-12, too" in found) if missing else found == ""


def test_a_bundle_without_any_distribution(machine: Any) -> None:
    machine.write(STATUS, "")
    assert "a bundle for no distribution only" in problem(machine.root, BundlePackages((), ("runc",)), "debian", "13")
