# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which package manager a machine has."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.detect import backend_of
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.dnf import Dnf

DPKG, REDHAT = "/var/lib/dpkg/status", "/etc/redhat-release"


@pytest.mark.parametrize(("files", "kind"), [
    ((DPKG,), Apt), ((REDHAT,), Dnf),
    pytest.param((DPKG, "/var/lib/rpm/rpmdb.sqlite"), Apt, id="Debian with rpm"),
    pytest.param((DPKG, REDHAT), Dnf, id="Red Hat with dpkg"),
])
def test_the_family_decides(machine: Any, fake_run: Any, files: tuple[str, ...], kind: type) -> None:
    for path in files:
        machine.write(path, "")
    assert isinstance(backend_of(machine.root, fake_run), kind)


def test_another_family_is_refused(machine: Any, fake_run: Any) -> None:
    machine.write("/var/lib/rpm/rpmdb.sqlite", "")
    with pytest.raises(ClassroomError, match="expected a host of the Debian or Red Hat family, with apt or dnf"):
        backend_of(machine.root, fake_run)
