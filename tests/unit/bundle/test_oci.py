# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A layout of real, tiny images: readable, honest about its digests, the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._images.reference import REFERENCE as NAME
from bundle.builder import oci

REFERENCE = "registry.k8s.io/coredns/coredns:v1.14.2"


def write(root: Path, program: Path) -> str:
    layout = oci.Layout(root)
    base = layout.add_layer(lambda tar: oci.add_directory(tar, "/tmp", 0o1777))
    own = layout.add_layer(lambda tar: oci.add_file(tar, "/usr/local/bin/coredns", program))
    digest = layout.add_image(REFERENCE, [base, own], {"Entrypoint": ["/coredns"]}, "amd64")
    layout.add_image("registry.example/other:1", [base], {}, "amd64")
    layout.finish()
    return digest


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    # More than one of the writer's pieces, and not a multiple of one.
    path.write_bytes(bytes(range(256)) * 9000 + b"end")
    path.chmod(0o600)
    return path


def blob(root: Path, digest: str) -> bytes:
    content = (root / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
    return content


def document(root: Path, digest: str) -> dict[str, Any]:
    content = json.loads(blob(root, digest))
    assert isinstance(content, dict)
    return content


def test_the_index_names_every_image(tmp_path: Path, program: Path) -> None:
    digest = write(tmp_path / "oci", program)
    index = json.loads((tmp_path / "oci" / "index.json").read_text(encoding="utf-8"))
    names = {manifest["annotations"][NAME]: manifest["digest"] for manifest in index["manifests"]}
    assert names[REFERENCE] == digest
    assert set(names) == {REFERENCE, "registry.example/other:1"}


def test_sizes_digests_and_diff_ids_are_those_of_the_blobs(tmp_path: Path, program: Path) -> None:
    root = tmp_path / "oci"
    manifest = document(root, write(root, program))
    configuration = document(root, manifest["config"]["digest"])
    for layer, diff_id in zip(manifest["layers"], configuration["rootfs"]["diff_ids"], strict=True):
        compressed = blob(root, layer["digest"])
        assert len(compressed) == layer["size"]
        tar = subprocess.run(["zstd", "-dcq"], input=compressed, capture_output=True, check=True).stdout
        assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == diff_id


def test_a_layer_holds_the_whole_file_with_its_directories(tmp_path: Path, program: Path) -> None:
    root = tmp_path / "oci"
    manifest = document(root, write(root, program))
    compressed = blob(root, manifest["layers"][1]["digest"])
    tar = subprocess.run(["zstd", "-dcq"], input=compressed, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/coredns"]
        member = archive.getmember("usr/local/bin/coredns")
        assert (member.mode, member.uid, member.gid, member.mtime) == (0o755, 0, 0, 0)
        content = archive.extractfile(member)
        assert content is not None
        assert content.read() == program.read_bytes()


def test_images_share_the_blob_of_a_common_layer(tmp_path: Path, program: Path) -> None:
    write(tmp_path / "oci", program)
    # Two layers, two configurations, two manifests.
    assert len(list((tmp_path / "oci" / "blobs" / "sha256").iterdir())) == 6


def test_the_same_inputs_give_the_same_digest(tmp_path: Path, program: Path) -> None:
    first = write(tmp_path / "first", program)
    program.touch()
    program.chmod(0o755)
    assert write(tmp_path / "second", program) == first


def test_nothing_unfinished_is_left(tmp_path: Path, program: Path) -> None:
    write(tmp_path / "oci", program)
    assert sorted(path.name for path in (tmp_path / "oci").iterdir()) == ["blobs", "index.json", "oci-layout"]
