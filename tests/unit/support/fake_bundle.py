# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles of small images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


class Bundle:
    """A bundle of small images in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.images: dict[str, str] = {}
        (directory / "oci" / "blobs" / "sha256").mkdir(parents=True)

    def blob(self, content: bytes) -> str:
        checksum = hashlib.sha256(content).hexdigest()
        (self.directory / "oci" / "blobs" / "sha256" / checksum).write_bytes(content)
        return "sha256:" + checksum

    def manifest(self, *layers: bytes) -> str:
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": self.blob(b"config of " + layers[-1])},
            "layers": [{"digest": self.blob(layer)} for layer in layers],
        }
        return self.blob(json.dumps(document).encode())

    def add(self, reference: str, *layers: bytes) -> None:
        self.images[reference] = self.manifest(*layers)

    def add_index(self, reference: str, *architectures: bytes) -> None:
        entries = [{"digest": self.manifest(layer)} for layer in architectures]
        self.images[reference] = self.blob(json.dumps({"mediaType": INDEX, "manifests": entries}).encode())

    def lock(self) -> None:
        named = "org.opencontainers.image.ref.name"
        index = [{"digest": digest, "annotations": {named: name}} for name, digest in self.images.items()]
        (self.directory / "oci" / "index.json").write_text(json.dumps({"manifests": index}), encoding="utf-8")
        files = {
            str(path.relative_to(self.directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.directory.rglob("*") if path.is_file() and path.name != "bundle.lock.yml"
        }
        text = "---\nschema: 1\n" + _section("images", self.images) + _section("files", files)
        (self.directory / "bundle.lock.yml").write_text(text, encoding="utf-8")


def _section(title: str, entries: Mapping[str, str]) -> str:
    return title + ":\n" + "".join("  {}: {}\n".format(*entry) for entry in entries.items())


def locked_bundle(directory: Path, images: Mapping[str, tuple[bytes, ...]]) -> Bundle:
    """A bundle of images with these layers."""
    bundle = Bundle(directory)
    for reference, layers in images.items():
        bundle.add(reference, *layers)
    bundle.lock()
    return bundle
