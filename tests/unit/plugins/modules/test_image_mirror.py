# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What needs neither skopeo nor a registry; the rest is in tests/integration/image_mirror, with real ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._images import lock as image_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.lock import Entry, Lock
from ansible_collections.classroom.kubeadm.plugins.modules.image_mirror import main

PAUSE = "registry.k8s.io/pause:3.10.2"


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    """An image as `skopeo sync --scoped` leaves it, and its lock."""
    place = tmp_path / "tree" / PAUSE
    place.mkdir(parents=True)
    layer = b"pause"
    (place / hashlib.sha256(layer).hexdigest()).write_bytes(layer)
    content = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "layers": [{"digest": "sha256:" + hashlib.sha256(layer).hexdigest(), "size": len(layer)}]}).encode()
    (place / "manifest.json").write_bytes(content)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    image_lock.write(str(tmp_path / "lock.yml"), Lock(("linux/amd64",), {PAUSE: Entry(digest, digest)}))
    return {
        "images": [PAUSE], "destination": {"type": "dir", "path": str(tmp_path / "tree"), "scoped": True},
        "lock": str(tmp_path / "lock.yml"), "report": str(tmp_path / "report.json"),
        "progress": str(tmp_path / "progress.log"),
    }


def everything(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", ["present", "verified"])
def test_present_images_need_no_program(
    run_main: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, check: bool
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    before = everything(tmp_path)

    result = run_main(main, {**options, "state": state}, check=check)

    assert (result["failed"], result["changed"]) == (False, False)
    assert [(image["reference"], image["state"]) for image in result["images"]] == [(PAUSE, "present")]
    after = everything(tmp_path)
    assert {path: after[path] for path in before} == before
    new = {Path(path).name for path in set(after) - set(before)}
    assert new == (set() if check else {"report.json"} | ({"progress.log"} if state == "present" else set()))


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", ["present", "verified"])
@pytest.mark.parametrize(("more", "said"), [
    ({"images": ["registry.k8s.io/pause"]}, "neither tag nor digest"),
    ({"images": [PAUSE, "quay.io/a:1@sha256:0"]}, "no such tag or digest"),
    ({"platforms": []}, "found none"),
    ({"platforms": ["all", "linux/amd64"]}, "found all, linux/amd64"),
    ({"platforms": ["amd64"]}, "found amd64"),
    ({"platforms": ["linux/arm64"]}, "found it for linux/amd64"),
    ({"parallel": 0}, "parallel is invalid: expected a number of at least 1"),
    ({"timeout": 0}, "timeout is invalid: expected a number of at least 1"),
    ({"destination": {"type": "registry"}}, "address"),
    ({"destination": {"type": "oci"}}, "path"),
    ({"destination": {"type": "registry", "address": "https://utility:5000"}}, "HOST:PORT"),
    ({"source": {"type": "dir"}}, "path"),
    ({"authfile": "/nonexistent/auth.json"}, "skopeo login"),
    ({"images": ["quay.io/other:1"]}, PAUSE),
])
def test_what_cannot_be_is_refused_before_anything(
    run_main: Any, options: dict[str, Any], tmp_path: Path, more: dict[str, Any], said: str, state: str, check: bool
) -> None:
    before = everything(tmp_path)

    result = run_main(main, {**options, "state": state, **more}, check=check)

    assert result["failed"] and said in result["msg"], result["msg"]
    assert everything(tmp_path) == before


def test_verified_wants_a_lock(run_main: Any, options: dict[str, Any], tmp_path: Path) -> None:
    result = run_main(main, {**options, "state": "verified", "lock": str(tmp_path / "none.yml")})

    assert result["failed"] and "state: present first" in result["msg"]


def test_verified_tells_what_is_missing_and_what_is_not_locked(
    run_main: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    next((tmp_path / "tree" / PAUSE).glob("????????????????????????????????????????????????????????????????")).unlink()

    result = run_main(main, {**options, "state": "verified", "images": [PAUSE, "quay.io/new:1"]})

    assert result["failed"] and not result["changed"]
    assert [image["state"] for image in result["images"]] == ["different", "missing"]
    assert "missing or too short" in result["msg"] and "quay.io/new:1: it is not locked yet" in result["msg"]
