# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError

DIGEST = "sha256:" + "a" * 64
LOCK = """\
---
# Written by the builder: images: none
schema: 1
go: '1.26'
packages:
- name: kubelet
  file: apt/a.deb
images:
  registry.k8s.io/pause:3.10.2: {digest}
debian:
  packages:
    libc6: '2.41'
files:
{files}"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of two files, one of which has a name and a checksum that YAML puts in quotes."""
    directory = tmp_path / "bundle"
    (directory / "apt").mkdir(parents=True)
    (directory / "apt" / "a.deb").write_bytes(b"package")
    (directory / "b").write_bytes(b"other")
    files = "  'apt/a.deb': '{}'\n  b: {}\n".format(sha256(b"package"), sha256(b"other"))
    (directory / bundle_lock.NAME).write_text(LOCK.format(digest=DIGEST, files=files), encoding="utf-8")
    return directory


def test_a_lock_is_read(bundle: Path) -> None:
    lock = bundle_lock.read(str(bundle))

    assert lock.files == {"apt/a.deb": sha256(b"package"), "b": sha256(b"other")}
    assert lock.images == {"registry.k8s.io/pause:3.10.2": DIGEST}
    assert lock.checksum == sha256((bundle / bundle_lock.NAME).read_bytes())


def test_no_lock_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(bundle_lock.BundleMissing, match=r"found no bundle\.lock\.yml"):
        bundle_lock.read(str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema: 1", "schema: 2", "another schema"),
        ("files:", "file:", "no list of files"),
        (DIGEST, "sha256:abc", "the line 'registry.k8s.io/pause:3.10.2: sha256:abc'"),
        ("  b: ", "  ? b\n  : ", "the line '\\? b'"),
    ],
)
def test_a_lock_of_another_kind_is_refused(bundle: Path, old: str, new: str, words: str) -> None:
    path = bundle / bundle_lock.NAME
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    with pytest.raises(ClassroomError, match=words):
        bundle_lock.read(str(bundle))


def test_a_bundle_as_locked_has_no_problem(bundle: Path) -> None:
    assert bundle_lock.problems(str(bundle), bundle_lock.read(str(bundle))) == []


def test_every_wrong_file_is_named_with_both_checksums(bundle: Path) -> None:
    lock = bundle_lock.read(str(bundle))
    (bundle / "apt" / "a.deb").write_bytes(b"tampered")
    (bundle / "b").unlink()

    first, second = bundle_lock.problems(str(bundle), lock)

    assert all(word in first for word in ("apt/a.deb", sha256(b"package"), sha256(b"tampered"), "Copy it again"))
    assert "found no such file" in second


def stamped(bundle: Path, stamp: Path) -> bool:
    lock = bundle_lock.read(str(bundle))
    return bundle_lock.is_stamped(str(stamp), str(bundle), lock, bundle_lock.traits(str(bundle), lock))


def touch(bundle: Path) -> None:
    os.utime(bundle / "b", ns=(0, 0))


def grow(bundle: Path) -> None:
    times = (bundle / "b").stat()
    (bundle / "b").write_bytes(b"longer than before")
    os.utime(bundle / "b", ns=(times.st_atime_ns, times.st_mtime_ns))


def remove(bundle: Path) -> None:
    (bundle / "b").unlink()


def lock_anew(bundle: Path) -> None:
    with (bundle / bundle_lock.NAME).open("a", encoding="utf-8") as stream:
        stream.write("# built again\n")


@pytest.mark.parametrize("change", [touch, grow, remove, lock_anew])
def test_a_stamp_holds_until_something_changes(bundle: Path, tmp_path: Path, change: object) -> None:
    stamp = tmp_path / "var" / "stamp.json"
    assert not stamped(bundle, stamp)
    lock = bundle_lock.read(str(bundle))

    bundle_lock.write_stamp(str(stamp), str(bundle), lock, bundle_lock.traits(str(bundle), lock))
    assert stamped(bundle, stamp)

    assert callable(change)
    change(bundle)
    assert not stamped(bundle, stamp)


def test_a_stamp_is_of_one_bundle(bundle: Path, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp.json"
    lock = bundle_lock.read(str(bundle))
    bundle_lock.write_stamp(str(stamp), "/elsewhere", lock, bundle_lock.traits(str(bundle), lock))

    assert not stamped(bundle, stamp)
