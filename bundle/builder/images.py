# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the images in images.yml, under the names and tags that kubeadm requires."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bundle.builder import base_rootfs as debian
from bundle.builder import oci
from bundle.builder.commands import output
from bundle.builder.config import Base, Image, Recipe
from bundle.builder.errors import BundleError
from bundle.builder.progress import Step

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The module of an image in kubeadm's list, if it is not Kubernetes itself.
FOREIGN = {"registry.k8s.io/etcd": "etcd", "registry.k8s.io/coredns/coredns": "coredns"}


@dataclass(frozen=True)
class Material:
    """The inputs of images: compiled programs by module, and the Debian base."""

    programs: Mapping[str, Path]
    debian: Path

    def content(self, source: str) -> Path | bytes:
        """Return the file for a declaration: module/program, or debian/path."""
        module, _, name = source.partition("/")
        return debian.read_file(self.debian, f"/{name}") if module == "debian" else self.programs[module] / name


def references(recipe: Recipe, kubeadm: Path) -> dict[str, str]:
    """Return the tag by repository: those that this kubeadm requires, and those in versions.yml."""
    version = recipe.versions.modules["kubernetes"]
    printed = output([str(kubeadm), "config", "images", "list", f"--kubernetes-version={version}"])
    asked = dict(line.rsplit(":", 1) for line in printed.split())
    for repository, module in FOREIGN.items():
        _require_same_version(repository, asked[repository], recipe.versions.modules[module])
    tags = {**asked, **recipe.versions.images}
    if set(tags) != set(recipe.images):
        raise BundleError(
            "images.yml to describe what kubeadm lists and versions.yml names",
            f"{', '.join(sorted(set(tags) ^ set(recipe.images)))} in one of them only",
            "describe it in images.yml, or take it out there",
        )
    return tags


def _require_same_version(repository: str, tag: str, version: str) -> None:
    if tag.removeprefix("v").partition("-")[0] != version.removeprefix("v"):
        raise BundleError(
            f"{repository} in the version that kubeadm asks for, {tag}",
            f"{version} in versions.yml",
            "change it there and run `python -m bundle update`",
        )


def build(
    recipe: Recipe, tags: Mapping[str, str], material: Material, target: Path, architecture: str, step: Step
) -> dict[str, str]:
    """Write the layout; return the digest of each image by its full reference."""
    layout = oci.Layout(target)
    bases = {name: _base_layer(layout, base, material) for name, base in recipe.bases.items()}
    digests = {}
    for repository, image in recipe.images.items():
        step.detail = repository
        layers = [bases[image.base]] if image.base else []
        layers.append(layout.add_layer(partial(_fill, files=image.files, material=material)))
        reference = f"{repository}:{tags[repository]}"
        digests[reference] = layout.add_image(reference, layers, _config(image), architecture)
    layout.finish()
    return digests


def _base_layer(layout: oci.Layout, base: Base, material: Material) -> oci.Layer:
    if base.packages:
        return layout.add_layer(partial(debian.copy_tree, material.debian))
    return layout.add_layer(partial(_fill_base, base=base, material=material))


def _fill_base(tar: tarfile.TarFile, base: Base, material: Material) -> None:
    for path, mode in base.directories.items():
        oci.add_directory(tar, path, mode)
    for path, text in base.files.items():
        oci.add_file(tar, path, text.encode(), 0o644)
    for path, source in base.copies.items():
        oci.add_file(tar, path, material.content(source), 0o644)


def _fill(tar: tarfile.TarFile, files: Mapping[str, str], material: Material) -> None:
    for path, source in files.items():
        oci.add_file(tar, path, material.content(source))


def _config(image: Image) -> dict[str, object]:
    config: dict[str, object] = {"Env": [PATH], "WorkingDir": "/"}
    if image.entrypoint:
        config["Entrypoint"] = list(image.entrypoint)
    if image.command:
        config["Cmd"] = list(image.command)
    if image.user:
        config["User"] = image.user
    return config
