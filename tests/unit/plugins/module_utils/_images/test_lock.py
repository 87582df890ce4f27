# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import lock as image_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.lock import Entry, Lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.reference import parse

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
PAUSE, APP = "registry.k8s.io/pause:3.10.2", "utility:5000/course/app:1"
LOCK = Lock(("linux/amd64", "linux/arm64"), {PAUSE: Entry(A, B), APP: Entry(B, B), "quay.io/x@" + A: Entry(A, A)})


@pytest.mark.parametrize("lock", [LOCK, Lock(("all",), {}), Lock(("all",), {PAUSE: Entry(A, A)})])
def test_what_is_written_is_read_and_is_yaml(tmp_path: Path, lock: Lock) -> None:
    path = tmp_path / "images.lock.yml"

    image_lock.write(str(path), lock)

    assert image_lock.read(str(path)) == lock
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["copies"] == {name: entry.copied for name, entry in lock.entries.items()}
    assert not [left for left in tmp_path.iterdir() if left != path]
    # As another tool writes it
    path.write_text(yaml.safe_dump(document, default_style="'").replace("'", '"', 2), encoding="utf-8")
    assert image_lock.read(str(tmp_path / "none.yml")) is None


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quoted_lines_are_read(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "images.lock.yml"
    text = image_lock.text(LOCK)
    for word in (A, B, PAUSE):
        text = text.replace(word, quote + word + quote)
    path.write_text(text.replace("quay.io/x@" + quote + A + quote, "quay.io/x@" + A), encoding="utf-8")

    assert image_lock.read(str(path)) == LOCK


TEXT = image_lock.text(LOCK)


@pytest.mark.parametrize(("text", "found"), [
    ("", "no line 'schema: 1'"),
    (TEXT.replace("schema: 1", "schema: 2"), "no line 'schema: 1'"),
    (TEXT.replace("platforms:", "# platforms:"), "no lines that name the platforms"),
    (TEXT.replace("copies:", "# copies:"), "no list of copies"),
    (TEXT.replace("copies:", "images:"), "more than one list of images"),
    (TEXT[:-100], "the line"),
    (TEXT[: TEXT.rindex("  " + "utility")], "in one of its two lists only"),
    (TEXT.replace("  " + PAUSE + ": " + A, "  " + PAUSE + ": " + A[:-1]), "the line"),
    (TEXT.replace("  " + PAUSE + ": " + A, "  " + PAUSE), "the line"),
    (TEXT.replace("  " + PAUSE + ": " + A, ("  " + PAUSE + ": " + A + "\n") * 2), PAUSE + " twice"),
    (TEXT.replace("  " + PAUSE + ": " + A + "\n", ""), PAUSE + " in one of its two lists only"),
])
def test_a_damaged_lock_is_refused(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "images.lock.yml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ClassroomError) as refused:
        image_lock.read(str(path))
    assert str(path) in str(refused.value) and found in str(refused.value)


def test_every_cut_of_a_lock_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "images.lock.yml"
    for length in range(len(TEXT) - 1):
        path.write_text(TEXT[:length], encoding="utf-8")
        with pytest.raises(ClassroomError):
            image_lock.read(str(path))


PINNED = "registry.k8s.io/pause:3.10.2@" + B


@pytest.mark.parametrize(("platforms", "desired", "update", "said"), [
    (("linux/arm64", "linux/amd64"), (PAUSE, APP), (), ""),
    (("linux/amd64", "linux/arm64"), (PAUSE, APP, "quay.io/new:1"), (), ""),
    (("linux/amd64",), (PAUSE, APP), (), "found it for linux/amd64, linux/arm64"),
    (("all",), (PAUSE, APP), (), "found it for linux/amd64, linux/arm64"),
    (("linux/amd64", "linux/arm64"), (PAUSE,), (), APP),
    (("linux/amd64", "linux/arm64"), (PAUSE,), (APP,), ""),
    (("linux/amd64", "linux/arm64"), (PINNED, APP), (), "with the digest " + B + ", found " + A),
    (("linux/amd64", "linux/arm64"), (PINNED, APP), (PAUSE,), ""),
])
def test_a_lock_of_something_else_is_refused(
    platforms: tuple[str, ...], desired: tuple[str, ...], update: tuple[str, ...], said: str
) -> None:
    lock = Lock(LOCK.platforms, {PAUSE: Entry(A, B), APP: Entry(B, B)})
    references = {parse(text).name: parse(text) for text in desired}

    if not said:
        image_lock.compare("/srv/lock", lock, platforms, references, update)
        return
    with pytest.raises(ClassroomError) as refused:
        image_lock.compare("/srv/lock", lock, platforms, references, update)
    assert said in str(refused.value) and "/srv/lock" in str(refused.value)
