# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated removal of packages, by the real dpkg and the real rpm in a directory of the test."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.dnf import Dnf
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Backend
from tests.unit.support import small_packages

# Docker upon the runtime, and Kubernetes' own that need each other
INSTALLED = {
    "containerd.io": "", "docker-ce": "containerd.io", "cri-tools": "", "kubelet": "cri-tools, runc", "runc": ""}


class InDirectory:
    """Runs the package manager with another root directory."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def __call__(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        done = subprocess.run(
            [argv[0], "--root=" + str(self.base), *argv[1:]], capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"})
        return Completed(done.returncode, done.stdout, done.stderr)


def debian(tmp_path: Path) -> Backend:
    base = tmp_path / "root"
    for directory in ("var/lib/dpkg/info", "var/lib/dpkg/updates"):
        (base / directory).mkdir(parents=True)
    (base / "var/lib/dpkg/status").write_text("")
    files = [
        small_packages.deb(tmp_path / "debs", name, "1.0", depends=depends,
                           programs={f"/usr/share/{name}/note": "x"})
        for name, depends in INSTALLED.items()]
    subprocess.run(["dpkg", f"--root={base}", "--force-script-chrootless", "--install", *files], check=True,
                   capture_output=True, env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    subprocess.run(["dpkg", f"--root={base}", "--set-selections"], input="kubelet hold\n", text=True, check=True)
    return Apt(Root(str(base)), InDirectory(base))


def redhat(tmp_path: Path) -> Backend:
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpmbuild is not installed")
    base = tmp_path / "root"
    base.mkdir()
    files = [
        small_packages.rpm(tmp_path / "rpms", name, "1.0-1", depends=depends,
                           programs={f"/usr/share/{name}/note": "x"})
        for name, depends in INSTALLED.items()]
    subprocess.run(["rpm", f"--root={base}", "--install", "--noscripts", *files], check=True, capture_output=True)
    return Dnf(Root(str(base)), InDirectory(base))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
@pytest.mark.parametrize("backend_of", [debian, redhat])
def test_what_others_need_stays(tmp_path: Path, backend_of: Callable[[Path], Backend]) -> None:
    backend = backend_of(tmp_path)
    there = backend.names()
    found = backend.removable(["cri-tools", "kubelet", "runc"])
    assert (found.names, found.words) == (("cri-tools", "kubelet", "runc"), "")
    found = backend.removable(["containerd.io", "cri-tools", "kubelet", "runc"])
    assert found.names == ("cri-tools", "kubelet", "runc") and "docker-ce" in found.words
    found = backend.removable(["cri-tools", "runc"])
    assert found.names == () and "kubelet" in found.words
    assert backend.names() == there


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can install packages")
def test_a_package_manager_that_fails_is_an_error(tmp_path: Path) -> None:
    backend = debian(tmp_path)
    (tmp_path / "root/var/lib/dpkg/info/format").write_text("99\n")
    with pytest.raises(ClassroomError, match="Cannot determine whether kubelet can be removed"):
        backend.removable(["kubelet"])
