# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCI layouts of images that hold next to nothing, with the lock that image_mirror writes for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAME = "org.opencontainers.image.ref.name"


class Images:
    """A layout that grows image by image, and the lock of its images."""

    def __init__(self, directory: Path) -> None:
        self.layout = directory / "oci"
        self.lock = directory / "images.lock.yml"
        self.digests: dict[str, str] = {}
        (self.layout / "blobs" / "sha256").mkdir(parents=True)

    def add(self, reference: str, content: bytes, architecture: str = "amd64") -> str:
        """An image with one layer of this content; the answer is its digest."""
        config = json.dumps({"architecture": architecture, "os": "linux"}).encode()
        document = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self._blob(config), "layers": [self._blob(content)],
        }
        self.digests[reference] = str(self._blob(json.dumps(document).encode())["digest"])
        self._write()
        return self.digests[reference]

    def blob(self, content: bytes) -> Path:
        """The file of a layer."""
        return self.layout / "blobs" / "sha256" / hashlib.sha256(content).hexdigest()

    def _blob(self, content: bytes) -> Mapping[str, object]:
        self.blob(content).write_bytes(content)
        return {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content), "mediaType": MANIFEST}

    def _write(self) -> None:
        entries = [
            {"mediaType": MANIFEST, "digest": digest, "annotations": {NAME: name}}
            for name, digest in self.digests.items()
        ]
        (self.layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        lines = ["---", "schema: 1", "platforms: linux/amd64"]
        for title in ("images", "copies"):
            lines += [f"{title}:", *(f"  {name}: {digest}" for name, digest in sorted(self.digests.items()))]
        self.lock.write_text("\n".join(lines) + "\n", encoding="utf-8")
