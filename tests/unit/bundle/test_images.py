# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images are made, from what, and under which tags."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from bundle.builder import base_rootfs, images
from bundle.builder.config import Recipe
from bundle.builder.errors import BundleError
from bundle.builder.progress import Step

LISTED = """\
registry.k8s.io/kube-apiserver:v1.36.3
registry.k8s.io/kube-controller-manager:v1.36.3
registry.k8s.io/kube-scheduler:v1.36.3
registry.k8s.io/kube-proxy:v1.36.3
registry.k8s.io/coredns/coredns:v1.14.2
registry.k8s.io/pause:3.10.2
registry.k8s.io/etcd:3.6.8-0
"""

STATUS = """\
Package: nftables
Version: 1.1.3
Description: Program to control packet filtering
 Not: a field

Package: bash
Version: 5.2
"""

MakeKubeadm = Callable[[str], Path]


@pytest.fixture
def kubeadm(tmp_path: Path) -> MakeKubeadm:
    """A program that prints such a list."""

    def make(listed: str) -> Path:
        path = tmp_path / "kubeadm"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{listed}END\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    """A Debian base with what images.yml takes out of it, and with what it leaves behind."""
    path = tmp_path / "base.tar"
    files = {
        "./etc/ssl/certs/ca-certificates.crt": b"authorities",
        "./usr/bin/catatonit": b"catatonit",
        "./usr/bin/perl": b"perl",
        "./usr/lib/x86_64-linux-gnu/gconv/IBM500.so": b"conversion",
        "./usr/sbin/nft": b"nft",
        "./etc/hostname": b"builder",
        "./var/lib/dpkg/status": STATUS.encode(),
    }
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
        device = tarfile.TarInfo("./dev/null")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    return path


def test_tags_are_kubeadms_and_the_declared_ones(declared: Recipe, kubeadm: MakeKubeadm) -> None:
    tags = images.references(declared, kubeadm(LISTED))
    assert tags["registry.k8s.io/pause"] == "3.10.2"
    assert tags["ghcr.io/flannel-io/flannel"] == declared.versions.images["ghcr.io/flannel-io/flannel"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("coredns:v1.14.2", "coredns:v1.15.0", r"coredns in the version that kubeadm asks for, v1.15.0.*v1.14.2"),
        ("etcd:3.6.8-0", "etcd:3.6.10-0", r"etcd in the version that kubeadm asks for, 3.6.10-0.*v3.6.8"),
        ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/sandbox:1", "registry.k8s.io/pause, registry.k8s.io/sandbox"),
    ],
)
def test_a_kubeadm_that_asks_for_something_else_is_noticed(
    declared: Recipe, kubeadm: MakeKubeadm, old: str, new: str, message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        images.references(declared, kubeadm(LISTED.replace(old, new)))


def test_every_declared_image_is_written(declared: Recipe, kubeadm: MakeKubeadm, debian: Path, tmp_path: Path) -> None:
    programs = {name: tmp_path / "programs" / name for name in declared.modules}
    for name, module in declared.modules.items():
        programs[name].mkdir(parents=True)
        for program in module.programs:
            (programs[name] / program).write_text(program, encoding="utf-8")
    tags = images.references(declared, kubeadm(LISTED))
    material = images.Material(programs, debian)
    digests = images.build(declared, tags, material, tmp_path / "oci", "amd64", Step("images"))
    assert set(digests) == {f"{name}:{tags[name]}" for name in declared.images}
    index = json.loads((tmp_path / "oci" / "index.json").read_text(encoding="utf-8"))
    assert [manifest["digest"] for manifest in index["manifests"]] == list(digests.values())


def test_a_base_leaves_behind_what_a_container_does_not_need(debian: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w") as target:
        base_rootfs.copy_tree(debian, target)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        assert layer.getnames() == [
            "./etc/ssl/certs/ca-certificates.crt",
            "./usr/bin/catatonit",
            "./usr/sbin/nft",
            "./var/lib/dpkg/status",
        ]


def test_the_packages_of_a_base_are_known(debian: Path) -> None:
    assert base_rootfs.installed_packages(debian) == {"nftables": "1.1.3", "bash": "5.2"}


def test_a_file_that_the_base_does_not_have_is_named(debian: Path) -> None:
    with pytest.raises(BundleError, match="expected /usr/bin/tini in the Debian base"):
        images.Material({}, debian).content("debian/usr/bin/tini")


def test_an_image_without_a_base_has_one_layer(declared: Recipe, debian: Path, tmp_path: Path) -> None:
    name = "registry.k8s.io/pause"
    alone = replace(declared, bases={}, images={name: declared.images[name]})
    digests = images.build(alone, {name: "3.10.2"}, images.Material({}, debian), tmp_path / "oci", "arm64", Step(""))
    manifest = tmp_path / "oci" / "blobs" / "sha256" / digests[f"{name}:3.10.2"].removeprefix("sha256:")
    content = json.loads(manifest.read_text(encoding="utf-8"))
    assert len(content["layers"]) == 1
    config = tmp_path / "oci" / "blobs" / "sha256" / content["config"]["digest"].removeprefix("sha256:")
    assert json.loads(config.read_text(encoding="utf-8"))["config"] == {
        "Env": [images.PATH],
        "WorkingDir": "/",
        "Entrypoint": ["/pause", "-P"],
        "User": "65535:65535",
    }
