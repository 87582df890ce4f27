# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of place is copied from and to, and what arrives has the digests that upstream has."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.image_mirror.conftest import APP, BIG, WEB, Mirror, Upstream
from tests.integration.image_mirror.registries import Served
from tools.paths import BUNDLE

ONE, TWO, ALL = ["linux/amd64"], ["linux/amd64", "linux/s390x"], ["all"]


def state(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run says of each image, without the seconds."""
    return [{key: value for key, value in image.items() if key != "seconds"} for image in result["images"]]


def raw_digest(image: str, *options: str) -> str:
    """The digest of a manifest as skopeo reads it."""
    raw = subprocess.run(["skopeo", "inspect", "--raw", *options, image], check=True, capture_output=True).stdout
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def files(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("kind", "platforms"), [
    ("oci", ONE), ("oci", TWO), ("dir", ALL), ("scoped", TWO), ("registry", ONE), ("registry", TWO), ("registry", ALL),
])
def test_upstream_to_every_place_and_again(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tmp_path: Path, kind: str, platforms: list[str],
) -> None:
    place = tmp_path / "place"
    if kind == "registry":
        destination = {"type": "registry", "address": serve().address, "tls": False}
    else:
        destination = {"type": "oci" if kind == "oci" else "dir", "path": str(place), "scoped": kind == "scoped"}
    options: dict[str, Any] = {"destination": destination, "platforms": platforms}

    predicted = mirror(check=True, **options)
    assert not place.exists() and not Path(mirror.options["lock"]).exists()
    first = mirror(**options)
    asked = len(upstream.proxy.answered)
    verified = mirror(state="verified", **options)
    again = mirror(**options)

    assert first.result["changed"] and set(first.states.values()) == {"copied"}
    assert state(predicted.result) == state(first.result)
    assert predicted.result["diff"] == first.result["diff"]
    assert set(verified.states.values()) == {"present"}
    assert not verified.result["changed"] and not again.result["changed"]
    # A complete copy asks nothing of its source
    assert len(upstream.proxy.answered) == asked
    digests = {image["reference"]: image["digest"] for image in first.result["images"]}
    assert digests[WEB] == upstream.digests[WEB] and digests[BIG] == upstream.digests[BIG]
    assert (digests[APP] == upstream.digests[APP]) == (platforms == ALL)
    for name, digest in digests.items():
        assert raw_digest(*skopeo_name(destination, name)) == digest
    if platforms != ONE:
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", *reversed(skopeo_name(destination, APP))], check=True, capture_output=True)
        there = [entry["platform"]["architecture"] for entry in json.loads(raw.stdout)["manifests"]]
        assert there == (["amd64", "s390x"] if platforms == TWO else ["amd64", "arm64", "s390x"])


def skopeo_name(destination: dict[str, Any], name: str) -> tuple[str, ...]:
    """How skopeo calls an image of a destination, with an option if it needs one."""
    if destination["type"] == "registry":
        return f"docker://{destination['address']}/{name.partition('/')[2]}", "--tls-verify=false"
    if destination["type"] == "dir":
        return (f"dir:{destination['path']}/{name if destination['scoped'] else name.rpartition('/')[2]}",)
    # By its only kind of name; 1.9 wants OCI's types for a named image, which Docker's are not
    index = json.loads((Path(destination["path"]) / "index.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in index["manifests"] if name in entry["annotations"].values())
    view = Path(destination["path"]).parent / "view"
    view.mkdir(exist_ok=True)
    (view / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    (view / "index.json").write_text(json.dumps({**index, "manifests": [entry]}), encoding="utf-8")
    return f"oci:{view}", f"--shared-blob-dir={destination['path']}/blobs"


def test_with_one_lock_from_upstream_by_way_of_a_directory_to_a_registry(
    mirror: Mirror, serve: Callable[..., Served], tmp_path: Path
) -> None:
    """The second run has only what the first one copied: one platform, not the list that is locked."""
    stick = {"type": "dir", "path": str(tmp_path / "stick"), "scoped": True}
    mirror(destination=stick)
    lock = Path(mirror.options["lock"]).read_text(encoding="utf-8")
    served = serve()

    loaded = mirror(source=stick, destination={"type": "registry", "address": served.address, "tls": False})

    assert set(loaded.states.values()) == {"copied"} and loaded.result["moved"] == []
    assert Path(mirror.options["lock"]).read_text(encoding="utf-8") == lock


@pytest.mark.parametrize("scoped", [False, True])
def test_what_skopeo_sync_wrote_is_complete(mirror: Mirror, upstream: Upstream, tmp_path: Path, scoped: bool) -> None:
    tree = tmp_path / "tree"
    names = [f"{upstream.served.address}/{name}" for name in ("web:1", "course/big:1", "course/app:1")]
    for name in names:
        subprocess.run(
            ["skopeo", "sync", "--src", "docker", "--dest", "dir", "--src-tls-verify=false",
             *(["--scoped"] if scoped else []), name, str(tree)], check=True, capture_output=True)
    before = files(tree)
    place = {"type": "dir", "path": str(tree), "scoped": scoped}

    # As a destination nothing is copied to it, as a source all is there
    run = mirror(images=names, source={"type": "registry", "tls": False}, destination=place)
    layout = mirror(images=names, source=place)

    assert set(run.states.values()) == {"present"} and set(layout.states.values()) == {"copied"}
    assert files(tree) == before


def test_layers_that_images_share_are_moved_once(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tmp_path: Path
) -> None:
    upstream.push("course/other:1", "other", layers=[("shared", 1_500_000), ("other", 1000)])
    names = [WEB, "quay.io/course/other:1"]

    for place in (
        {"type": "oci", "path": str(tmp_path / "oci")}, {"type": "dir", "path": str(tmp_path / "dir")},
        {"type": "registry", "address": serve().address, "tls": False},
    ):
        upstream.proxy.answered.clear()
        mirror(images=names, destination=place, lock=str(tmp_path / f"{place['type']}.lock"))

        assert upstream.proxy.sent("/blobs/") < 2 * 1_500_000
    # One file with two names
    assert sorted(path.stat().st_nlink for path in (tmp_path / "dir").rglob("*") if path.stat().st_size > 1_000_000
                  and path.is_file()) == [2, 2]


def test_a_reference_with_a_digest_is_copied_with_all_platforms(mirror: Mirror, upstream: Upstream) -> None:
    digest = upstream.digests[APP]

    run = mirror(images=[f"quay.io/course/app@{digest}", f"registry.k8s.io/web:1@{upstream.digests[WEB]}"])

    assert [image["digest"] for image in run.result["images"]] == [digest, upstream.digests[WEB]]


def test_one_image_new(mirror: Mirror, upstream: Upstream) -> None:
    mirror(images=[APP, BIG])
    upstream.proxy.answered.clear()

    run = mirror()

    assert run.states == {APP: "present", WEB: "copied", BIG: "present"}
    # Nothing at all is asked of the source for the other two
    assert upstream.proxy.count("/web/") > 0 == upstream.proxy.count("/course/")


def test_an_image_of_podmans_storage(mirror: Mirror, upstream: Upstream, tmp_path: Path) -> None:
    """Its layers are kept unpacked, so that only what is exported has a digest to lock."""
    storage = f"vfs@{tmp_path}/graph+{tmp_path}/run"
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{upstream.served.address}/web:1",
         f"containers-storage:[{storage}]{WEB}"], check=True)
    options: dict[str, Any] = {"images": [WEB], "source": {"type": "containers_storage", "path": storage}}

    predicted = mirror(check=True, **options)
    first = mirror(**options)
    again = mirror(**options)
    unknown = mirror(ok=False, **{**options, "images": ["quay.io/none:1"], "lock": str(tmp_path / "other.lock")})

    assert state(predicted.result) == state(first.result)
    assert (first.states, again.states) == ({WEB: "copied"}, {WEB: "present"})
    assert "quay.io/none:1" in unknown.message and "no such tag" in unknown.message


def test_the_bundles_images_by_a_playbook(
    mirror: Mirror, serve: Callable[..., Served], playbook: Callable[..., Any], tmp_path: Path
) -> None:
    """As a user runs it: check mode, the run, the run again, and what it left to be read."""
    names = list(json.loads((BUNDLE / "oci" / "index.json").read_text(encoding="utf-8"))["manifests"])
    images = [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in names][-4:]
    options: dict[str, Any] = {
        **mirror.options, "images": images, "source": {"type": "oci", "path": str(BUNDLE / "oci")},
        "destination": {"type": "registry", "address": serve().address, "tls": False, "names": "scoped"},
    }
    tasks = [{"name": "The registry has the images", "classroom.kubeadm.image_mirror": options}]

    predicted = playbook(tasks, "--check", "--diff")
    first = playbook(tasks)
    again = playbook(tasks)

    assert [run.returncode for run in (predicted, first, again)] == [0] * 3, first.stdout
    assert ["changed=1" in run.stdout for run in (predicted, first, again)] == [True, True, False], again.stdout
    assert f"image {images[0]}: (it is missing)" in predicted.stdout
    report = json.loads(Path(mirror.options["report"]).read_text(encoding="utf-8"))
    assert [image["state"] for image in report["images"]] == ["present"] * 4
    assert any(f"{images[0]}: copied" in line for line in mirror.lines())
