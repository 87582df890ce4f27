# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write an OCI image layout.

buildah is not used: an image of this bundle is one or two tar files and two JSON documents, the same inputs give the
same bytes (so that digests can be locked and compared), no container storage or root is required, and a layer of
several images is compressed once.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.classroom.kubeadm.plugins.module_utils._images.reference import REFERENCE
from bundle.builder.cache_key import sha256
from bundle.builder.errors import BundleError

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"

# The level was measured, see bundle/README.md.
ZSTD_LEVEL = "-3"


@dataclass(frozen=True)
class Layer:
    """A layer as listed in a manifest, and the checksum of its uncompressed tar for the configuration."""

    digest: str
    size: int
    diff_id: str

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": LAYER_TYPE, "digest": self.digest, "size": self.size}


class _Tee:
    """Computes the checksum of a tar on its way to the compressor."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.sum = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        return self._sink.write(data)


class Layout:
    """An OCI layout to which images are added; `finish` makes it valid."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._manifests: list[dict[str, Any]] = []

    def add_layer(self, fill: Callable[[tarfile.TarFile], None]) -> Layer:
        """Add a layer with the files that the callback adds to a tar."""
        partial = self.root / "layer.partial"
        with partial.open("wb") as sink:
            compressor = subprocess.Popen(
                ["zstd", ZSTD_LEVEL, "-T0", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=sink
            )
            assert compressor.stdin is not None
            tee = _Tee(compressor.stdin)
            with tarfile.open(fileobj=cast(IO[bytes], tee), mode="w|", bufsize=1 << 20) as tar:
                fill(tar)
            compressor.communicate()
        if compressor.returncode != 0:
            raise BundleError("zstd to compress a layer", f"exit code {compressor.returncode}", "see its message above")
        size = partial.stat().st_size
        return Layer(self._keep(partial), size, f"sha256:{tee.sum.hexdigest()}")

    def add_image(self, reference: str, layers: Sequence[Layer], config: Mapping[str, Any], architecture: str) -> str:
        """Add an image; return the digest of its manifest."""
        configuration = {
            "architecture": architecture,
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self._add_json(CONFIG_TYPE, configuration),
            "layers": [layer.descriptor() for layer in layers],
        }
        descriptor = self._add_json(MANIFEST_TYPE, manifest)
        descriptor["platform"] = {"architecture": architecture, "os": "linux"}
        descriptor["annotations"] = {REFERENCE: reference}
        self._manifests.append(descriptor)
        return str(descriptor["digest"])

    def finish(self) -> None:
        """Write the files that make a directory a layout, last."""
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": self._manifests}
        (self.root / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        (self.root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n', encoding="utf-8")

    def _add_json(self, media_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
        partial = self.root / "document.partial"
        partial.write_text(json.dumps(content, sort_keys=True, separators=(",", ":")), encoding="utf-8")
        size = partial.stat().st_size
        return {"mediaType": media_type, "digest": self._keep(partial), "size": size}

    def _keep(self, partial: Path) -> str:
        checksum = sha256(partial)
        partial.rename(self._blobs / checksum)
        return f"sha256:{checksum}"


def add_file(tar: tarfile.TarFile, path: str, content: Path | bytes, mode: int = 0o755) -> None:
    """Add a file with its parent directories; owner root and no time, so that equal content makes an equal layer."""
    for parent in reversed(Path(path).parents[:-1]):
        add_directory(tar, str(parent), 0o755)
    member = tarfile.TarInfo(path.lstrip("/"))
    member.mode = mode
    if isinstance(content, bytes):
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
        return
    member.size = content.stat().st_size
    with content.open("rb") as stream:
        tar.addfile(member, stream)


def add_directory(tar: tarfile.TarFile, path: str, mode: int) -> None:
    """Add a directory, once."""
    name = path.strip("/")
    if name not in tar.getnames():
        member = tarfile.TarInfo(name)
        member.type = tarfile.DIRTYPE
        member.mode = mode
        tar.addfile(member)
