# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small images, written as `skopeo sync` writes a directory and pushed by skopeo: nothing of the module makes them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OCI = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
       "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip")
DOCKER = ("application/vnd.docker.distribution.manifest.v2+json",
          "application/vnd.docker.distribution.manifest.list.v2+json",
          "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(seed: str, size: int) -> tuple[bytes, str]:
    """A layer with one file of random bytes, the same for the same seed, and the checksum of its tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo("data")
        member.size = size
        tar.addfile(member, io.BytesIO(random.Random(seed).randbytes(size)))
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0), digest(packed.getvalue())


def image(
    directory: Path, seed: str, *, layers: Sequence[tuple[str, int]] = (), platforms: Sequence[str] = (),
    types: tuple[str, str, str, str] = OCI,
) -> str:
    """An image, or with `platforms` a list of one for each; `layers` are (seed, bytes). The answer is its digest."""
    directory.mkdir(parents=True)
    (directory / "version").write_text("Directory Transport Version: 1.1\n", encoding="utf-8")
    layers = layers or [(seed, 1000)]
    if not platforms:
        top = _manifest(directory, seed, "linux/amd64", layers, types)
    else:
        entries = []
        for platform in platforms:
            content = _manifest(directory, seed, platform, [(f"{name} {platform}", size) for name, size in layers],
                                types)
            name = hashlib.sha256(content).hexdigest()
            (directory / f"{name}.manifest.json").write_bytes(content)
            words = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
            entries.append(
                {"mediaType": types[0], "digest": f"sha256:{name}", "size": len(content), "platform": words})
        top = json.dumps({"schemaVersion": 2, "mediaType": types[1], "manifests": entries}).encode()
    (directory / "manifest.json").write_bytes(top)
    return digest(top)


def push(directory: Path, address: str, name: str) -> None:
    """Bring an image into a registry without TLS and login, as it is."""
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false", f"dir:{directory}",
         f"docker://{address}/{name}"], check=True)


def _manifest(
    directory: Path, seed: str, platform: str, layers: Sequence[tuple[str, int]], types: tuple[str, str, str, str]
) -> bytes:
    made = [layer(*one) for one in layers]
    system, architecture, *_variant = platform.split("/")
    config = {
        "os": system, "architecture": architecture, "config": {"Labels": {"seed": seed}},
        "rootfs": {"type": "layers", "diff_ids": [checksum for _content, checksum in made]},
    }
    return json.dumps({
        "schemaVersion": 2, "mediaType": types[0], "config": _blob(directory, types[2], json.dumps(config).encode()),
        "layers": [_blob(directory, types[3], content) for content, _checksum in made],
    }).encode()


def _blob(directory: Path, media_type: str, content: bytes) -> dict[str, Any]:
    (directory / hashlib.sha256(content).hexdigest()).write_bytes(content)
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}
