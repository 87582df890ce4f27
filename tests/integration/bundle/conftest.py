# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of bundle.yml share: stand-ins for upstream, and a way to run the playbook."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bundle import repositories
from tests.integration.image_mirror import images, registries
from tests.support.playbooks import Run
from tools.paths import BUNDLE, ROOT, environment

PAUSE = "registry.k8s.io/pause:3.10.2"
APP = "quay.io/course/app:1"
Play = Callable[..., Run]


@dataclass(frozen=True)
class Upstream:
    """Addresses and keys of the stand-ins, and what was asked of the package repositories."""

    packages: str
    asked: list[str]
    registry: str
    fingerprints: dict[str, str]
    root: Path

    @property
    def variables(self) -> dict[str, Any]:
        """Of the role, so that nothing but the hosts is another."""
        return {
            "bundle_kubernetes_url": self.packages,
            "bundle_docker_url": self.packages,
            "bundle_kubernetes_key_fingerprints": [self.fingerprints["kubernetes"]],
            "bundle_docker_key_fingerprints": [self.fingerprints["docker"]],
            "bundle_containerd_version": repositories.CONTAINERD,
            "bundle_image_source": {"type": "registry", "address": self.registry, "tls": False},
            "bundle_addon_images": [APP],
        }


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """Package repositories, and a registry with small images under the names that kubeadm lists and a course's own."""
    work = tmp_path_factory.mktemp("upstream")
    root = work / "www"
    fingerprints = repositories.build(root, work / "signing")
    program = registries.program(work / "program")
    with registries.serving(program, work / "registry") as registry, repositories.serving(root) as (address, asked):
        for name in [*_control_plane(work), APP]:
            repository = name.partition("/")[2]
            images.image(work / "images" / repository, name)
            images.push(work / "images" / repository, registry.address, repository)
        yield Upstream(address, asked, registry.address, fingerprints, root)


def _control_plane(work: Path) -> list[str]:
    """What the bundle's kubeadm lists."""
    (package,) = (BUNDLE / "apt" / "pool").glob("kubeadm_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, work / "kubeadm"], check=True)
    command = [str(work / "kubeadm/usr/bin/kubeadm"), "config", "images", "list", "--kubernetes-version=v1.36.3"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return listed.split()


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run bundle.yml with these variables, as in a class without the Internet, and with everything in one directory."""

    def run(*arguments: str, **variables: Any) -> Run:
        given = {
            "cluster_bundle": str(tmp_path / "cache" / "bundle" / "current"), "cluster_version": "1.36.3",
            "bundle_directory": str(tmp_path / "bundle"), "bundle_signing_key": str(tmp_path / "signing.asc"),
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", str(ROOT / "bundle.yml"), "-i", "localhost,",
             "--extra-vars", json.dumps(given), *arguments],
            cwd=ROOT, env=environment(ANSIBLE_NOCOLOR="1", ANSIBLE_FORCE_COLOR="0"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return Run(done.returncode, done.stdout)

    return run
