# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import manifest as image_manifest
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import plan as image_plan
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.lock import Entry
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.plan import DIFFERENT, MISSING, PRESENT, Found
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.reference import parse

TAGGED, PINNED = parse("quay.io/app:1"), parse("quay.io/app@sha256:" + "a" * 64)


class Shelf:
    """Manifests by digest, as a source gives them."""

    def __init__(self) -> None:
        self.manifests: dict[str, Manifest] = {}

    def __call__(self, digest: str) -> Manifest | None:
        return self.manifests.get(digest)

    def put(self, document: dict[str, Any]) -> Manifest:
        manifest = image_manifest.parse(json.dumps(document).encode())
        self.manifests[manifest.digest] = manifest
        return manifest

    def image(self, name: str, *layers: tuple[str, int]) -> Manifest:
        return self.put({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"digest": "config " + name, "size": 10},
            "layers": [{"digest": digest, "size": size} for digest, size in layers or ((name, 1000),)],
        })

    def list(self, *platforms: str, media_type: str = OCI_INDEX) -> Manifest:
        entries = []
        for platform in platforms:
            words = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
            entry = self.image(platform)
            entries.append({"mediaType": OCI_MANIFEST, "digest": entry.digest, "size": 1, "platform": words})
        return self.put({"schemaVersion": 2, "mediaType": media_type, "manifests": entries, "annotations": {"a": "b"}})


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.mark.parametrize(("document", "told", "found"), [
    ({"mediaType": OCI_MANIFEST, "config": {"digest": "c"}}, "", OCI_MANIFEST),
    ({"mediaType": DOCKER_LIST, "manifests": []}, OCI_MANIFEST, DOCKER_LIST),
    ({"config": {"digest": "c"}}, DOCKER_MANIFEST, DOCKER_MANIFEST),
    ({"config": {"digest": "c"}}, "application/json", OCI_MANIFEST),
    ({"manifests": []}, "", OCI_INDEX),
])
def test_the_type_of_a_manifest(document: dict[str, Any], told: str, found: str) -> None:
    assert image_manifest.parse(json.dumps(document).encode(), told).media_type == found


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b'{"schemaVersion": 1, "fsLayers": []}', b'{"mediaType": "application/vnd.cncf.helm"}',
])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        image_manifest.parse(content)


def test_size_and_blobs_count_what_is_shared_once_and_leave_out_what_is_elsewhere(shelf: Shelf) -> None:
    one, two = shelf.image("one", ("base", 500), ("own", 5)), shelf.image("two", ("base", 500), ("base", 500))
    foreign = shelf.put({"mediaType": DOCKER_MANIFEST, "layers": [
        {"digest": "x", "size": 9, "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"digest": "unknown"}]})

    assert set(image_manifest.blobs((one, two, foreign))) == {"config one", "config two", "base", "own", "unknown"}
    assert image_manifest.size((one, two)) == len(one.content) + len(two.content) + 10 + 10 + 500 + 5


@pytest.mark.parametrize(("platforms", "chosen"), [
    (("linux/amd64",), ["linux/amd64"]),
    (("linux/s390x", "linux/amd64"), ["linux/amd64", "linux/s390x"]),
    (("linux/arm64",), ["linux/arm64/v8"]),
    (("linux/arm64/v8",), ["linux/arm64/v8"]),
    (("linux/arm/v7",), ["linux/arm/v7"]),
    (("linux/arm",), ["linux/arm/v6"]),
    (("linux/s390x/v8",), ["linux/s390x"]),
])
def test_the_entries_of_a_list_for_platforms(shelf: Shelf, platforms: tuple[str, ...], chosen: list[str]) -> None:
    whole = shelf.list("linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/s390x")

    assert [entry.platform for entry in image_manifest.choose(whole, platforms)] == chosen


def test_a_platform_that_is_not_there_is_told(shelf: Shelf) -> None:
    with pytest.raises(ClassroomError, match=r"linux/arm64, found it for linux/amd64, linux/s390x"):
        image_manifest.choose(shelf.list("linux/s390x", "linux/amd64"), ["linux/amd64", "linux/arm64"])


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_what_is_copied(shelf: Shelf, media_type: str) -> None:
    single = shelf.image("single")
    whole = shelf.list("linux/amd64", "linux/arm64", "linux/s390x", media_type=media_type)
    platform, second = (shelf.manifests[entry.digest] for entry in whole.entries[:2])

    def chosen(top: Manifest, *platforms: str, pinned: bool = False) -> image_plan.Choice:
        return image_plan.chosen(shelf, top, PINNED if pinned else TAGGED, platforms)

    assert chosen(single, "linux/arm64") == image_plan.Choice(single, (single,), (single,))
    assert chosen(whole, "linux/amd64") == image_plan.Choice(platform, (platform,), (platform,))
    for all_of_it in (chosen(whole, "all"), chosen(whole, "linux/amd64", pinned=True),
                      chosen(whole, "linux/s390x", "linux/arm64", "linux/amd64")):
        assert (all_of_it.top, all_of_it.tops, len(all_of_it.parts)) == (whole, (whole,), 4)
    two, other_order = chosen(whole, "linux/amd64", "linux/arm64"), chosen(whole, "linux/arm64", "linux/amd64")
    assert two == other_order and two.tops == (platform, second) and two.parts == (platform, second, two.top)
    assert two.top.media_type == media_type and two.top.entries == whole.entries[:2]
    assert json.loads(two.top.content)["annotations"] == {"a": "b"}


def test_a_list_without_one_of_its_images_is_told(shelf: Shelf) -> None:
    whole = shelf.list("linux/amd64", "linux/arm64")
    del shelf.manifests[whole.entries[1].digest]

    with pytest.raises(ClassroomError, match=whole.entries[1].digest):
        image_plan.chosen(shelf, whole, TAGGED, ["all"])
    assert image_plan.chosen(shelf, whole, TAGGED, ["linux/amd64"]).top.digest == whole.entries[0].digest


def test_what_is_locked_is_found_upstream_and_in_a_copy(shelf: Shelf) -> None:
    whole = shelf.list("linux/amd64", "linux/arm64", "linux/s390x")
    platforms = ["linux/amd64", "linux/arm64"]
    choice = image_plan.chosen(shelf, whole, TAGGED, platforms)
    entry = Entry(whole.digest, choice.top.digest)

    def located(now: str = "", locked: Entry = entry) -> image_plan.Choice:
        return image_plan.located(shelf, locked, TAGGED, platforms, lambda: now)

    assert located() == choice
    shelf.manifests[choice.top.digest] = choice.top
    del shelf.manifests[whole.digest]
    assert located().top == choice.top and located().parts == choice.parts
    del shelf.manifests[choice.top.digest]
    with pytest.raises(ClassroomError, match=r"the tag is sha256:new now.*option update"):
        located("sha256:new")
    with pytest.raises(ClassroomError, match="found no such image"):
        located()
    shelf.manifests[whole.digest] = whole
    with pytest.raises(ClassroomError, match="option update"):
        located(locked=Entry(whole.digest, "sha256:other"))


LOCKED = Entry("list", "copy")


@pytest.mark.parametrize(("entry", "found", "state", "reason"), [
    (None, Found(), MISSING, "not locked yet"),
    (LOCKED, Found(), MISSING, "it is missing"),
    (LOCKED, Found("", 0, ("its manifest is missing",)), MISSING, "manifest"),
    (LOCKED, Found("list"), DIFFERENT, "another image"),
    (LOCKED, Found("copy", 1, ("one", "two", "three")), DIFFERENT, "one and 2 more"),
    (LOCKED, Found("copy", 1), PRESENT, ""),
])
def test_states(entry: Entry | None, found: Found, state: str, reason: str) -> None:
    told = image_plan.state_of(entry, found)

    assert told[0] == state and reason in told[1] and bool(told[1]) == (state != PRESENT)


def test_steps_are_lines_of_the_lock_and_images() -> None:
    entries = {"new": Entry("1", "1"), "same": LOCKED, "anew": Entry("3", "3")}
    locked = {"same": LOCKED, "anew": Entry("2", "2"), "gone": LOCKED}
    found = {"new": Found(), "same": Found("copy"), "anew": Found("2")}

    steps = image_plan.steps(entries, locked, found)

    assert [(step.action, step.target, step.before, step.after) for step in steps] == [
        ("locked digest", "anew", "2", "3"), ("locked digest", "gone", "list", "absent"),
        ("locked digest", "new", "absent", "1"),
        ("image", "anew", "2", "3"), ("image", "new", "absent", "1"),
    ]
    assert all(step.reason for step in steps)
    assert image_plan.steps({"same": LOCKED}, {"same": LOCKED}, {"same": Found("copy")}) == []
