# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry of the distribution, with the configuration of the role utility, serves the images of a bundle.

It is the package that apt of this machine has. Nothing is installed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Template

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import registry_load
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.listeners import is_registry
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry import Registry
from tests.integration.image_mirror import registries
from tests.unit.support.small_images import Images
from tools.paths import ROOT

IMAGES = ("registry.k8s.io/pause:3.10.2", "quay.io/course/app:1")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the package docker-registry."""
    work = tmp_path_factory.mktemp("package")
    # apt's own user may not write to this directory
    done = subprocess.run(["apt-get", "--quiet", "--option=APT::Sandbox::User=root", "download", "docker-registry"],
                          cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"The registry of the distribution was not tested: apt has no docker-registry ({done.stderr})")
    (package,) = work.glob("docker-registry_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, work / "root"], check=True)
    return work / "root/usr/bin/docker-registry"


@pytest.fixture
def registry(program: Path, tmp_path: Path) -> Iterator[registries.Served]:
    """The running registry, as the role configures it."""
    port = registries.free_port()
    template = Template((ROOT / "roles/utility/templates/registry.yml.j2").read_text(encoding="utf-8"))
    served = registries.Served(f"127.0.0.1:{port}", tmp_path / "storage", tmp_path / "registry.log")
    configuration = tmp_path / "config.yml"
    configuration.write_text(template.render(
        utility_registry_storage=served.storage, utility_registry_local_port=port), encoding="utf-8")
    with served.log.open("ab") as log, subprocess.Popen(
        [program, "serve", configuration], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]},
    ) as process:
        try:
            registries.wait(served, process)
            yield served
        finally:
            process.kill()


def test_it_takes_and_serves_the_images_of_a_bundle(registry: registries.Served, tmp_path: Path) -> None:
    images = Images(tmp_path / "bundle")
    for number, reference in enumerate(IMAGES):
        images.add(reference, b"a layer %d" % number)
    desired = registry_load.images(images.digests)
    client = Registry(registry.address)
    assert len(registry_load.steps(desired, client)) == len(IMAGES)
    registry_load.fill(str(images.layout), desired, client)
    assert registry_load.steps(desired, client) == []
    assert registry.blobs() == {path.name for path in (images.layout / "blobs/sha256").iterdir()}
    assert is_registry(int(registry.address.rpartition(":")[2]))
