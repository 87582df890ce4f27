# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receive a bundle file by file, and replace the served bundle when it is complete.

The new bundle is received in a directory of the served one, so that both are on one disk: common files are hard links,
and the replacement is a rename. A file is stored there only with the digest of the lock, so files of an interrupted
copy are valid and are not sent again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .._core import disk_space
from .._core.errors import ClassroomError
from .._core.files import checksum_of, read_text, write_text
from . import lock as bundle_lock
from .lock import NAME, SIGNATURE, Lock

# A bundle has no names that begin with a dot
INCOMING, FORMER = ".incoming", ".former"
_PART = ".part"
# Where a bundle and a registry's storage have layers and manifests, by their digests
_BLOBS, _REGISTRY_BLOBS = "oci/blobs/sha256/", "docker/registry/v2/blobs/sha256"


@dataclass(frozen=True)
class TransferSpec:
    """The text of a lock, the bytes of each of its files, and the lock's signature (empty when it has none).

    `storage` is the directory of the registry that will get the images (empty when there is none).
    """

    dest: str
    text: str
    sizes: Mapping[str, int]
    signature: str = ""
    storage: str = ""

    @property
    def lock(self) -> Lock:
        """Return the parsed lock."""
        return bundle_lock.parse(os.path.join(self.dest, NAME), self.text)

    @property
    def incoming(self) -> str:
        """Return the directory of received files."""
        return os.path.join(self.dest, INCOMING)


def is_there(spec: TransferSpec, stamp: str) -> bool:
    """Return whether the desired bundle exists and was verified in its current state.

    `stamp` is the file in which a verification is recorded (see bundle_lock.write_stamp). Without a record of exactly
    these files their digests are compared: after a power failure a file can have its size and no content.
    """
    lock = spec.lock
    return _is_named_so(spec) and (
        bundle_lock.is_stamped(stamp, spec.dest, lock, bundle_lock.traits(spec.dest, lock))
        or not bundle_lock.problems(spec.dest, lock))


def _is_named_so(spec: TransferSpec) -> bool:
    """Return whether lock, signature, and names and sizes of all files are the desired ones."""
    return (
        read_text(os.path.join(spec.dest, NAME)) == spec.text
        and (read_text(os.path.join(spec.dest, SIGNATURE)) or "") == spec.signature
        and all(_size(os.path.join(spec.dest, name)) == size for name, size in spec.sizes.items())
    )


def missing(spec: TransferSpec) -> list[str]:
    """Return the files that have to be sent: those that are neither served nor received yet.

    Raises ClassroomError for sizes that do not belong to the lock, and without sufficient disk space.
    """
    lock = spec.lock
    if set(lock.files) != set(spec.sizes):
        raise ClassroomError(
            "The lock and the files that are sent do not agree: expected the size of each file of the lock, found {} "
            "without one. Build the bundle again. Nothing was changed.".format(
                ", ".join(sorted(set(lock.files) ^ set(spec.sizes))[:5])))
    found = [
        name for name in sorted(lock.files)
        if not _is_locked(spec.incoming, spec, lock, name) and not _is_locked(spec.dest, spec, lock, name)
    ]
    _require_space(spec, sum(spec.sizes[name] for name in found))
    return found


def _require_space(spec: TransferSpec, files: int) -> None:
    """Raise ClassroomError without disk space for the files, and for the images that the registry will get of them."""
    images = sum(size for name, size in spec.sizes.items() if _is_missing_blob(spec, name)) if spec.storage else 0
    if images and disk_space.same_file_system(spec.dest, spec.storage):
        disk_space.require(spec.storage, files + images, "the files of the bundle and the images of the registry")
        return
    disk_space.require(spec.dest, files, "the files of the bundle")
    if images:
        disk_space.require(spec.storage, images, "the images of the registry")


def _is_missing_blob(spec: TransferSpec, name: str) -> bool:
    """Return whether a file of the bundle is a layer or manifest that the registry does not store yet."""
    if not name.startswith(_BLOBS):
        return False
    digest = name[len(_BLOBS):]
    return not os.path.exists(os.path.join(spec.storage, _REGISTRY_BLOBS, digest[:2], digest, "data"))


def receive(spec: TransferSpec, arrived: Mapping[str, str]) -> None:
    """Store received files (name in the bundle -> path); raise ClassroomError for a file that differs from the lock."""
    lock = spec.lock
    for name, path in arrived.items():
        found = checksum_of(path)
        if found != lock.files[name]:
            raise ClassroomError(
                f"{name}: expected sha256 {lock.files[name]}, found sha256 {found} after it was sent. The bundle on "
                "the controller is damaged: build it again, or copy it again from its source. The bundle that is "
                "served stays.")
        target = os.path.join(spec.incoming, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _move(path, target, 0o755 if name.startswith("bin/") else 0o644)


def finish(spec: TransferSpec, stamp: str) -> None:
    """Replace the served bundle by the new one, and record in `stamp` that it was verified."""
    lock = spec.lock
    for name in lock.files:
        if not _has(spec, name):
            target = os.path.join(spec.incoming, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _drop(target)
            os.link(os.path.join(spec.dest, name), target)
    for name, text in ((SIGNATURE, spec.signature), (NAME, spec.text)):
        _drop(os.path.join(spec.incoming, name))
        if text:
            write_text(os.path.join(spec.incoming, name), text, 0o644)
    problems = bundle_lock.problems(spec.incoming, lock)
    if problems:
        raise ClassroomError("\n".join(problems))
    _exchange(spec)
    # A rename does not change size and time
    bundle_lock.write_stamp(stamp, spec.dest, lock, bundle_lock.traits(spec.dest, lock))


def _exchange(spec: TransferSpec) -> None:
    """Replace the directories one by one, the lock last: after an interruption the next run finds the former lock."""
    former = os.path.join(spec.dest, FORMER)
    shutil.rmtree(former, ignore_errors=True)
    os.makedirs(former)
    if not spec.signature:
        _drop(os.path.join(spec.dest, SIGNATURE))
    for name in sorted(os.listdir(spec.incoming), key=lambda name: (name == NAME, name)):
        served = os.path.join(spec.dest, name)
        with contextlib.suppress(FileNotFoundError):
            os.rename(served, os.path.join(former, name))
        os.rename(os.path.join(spec.incoming, name), served)
    os.rmdir(spec.incoming)
    shutil.rmtree(former)


def _has(spec: TransferSpec, name: str) -> bool:
    return _size(os.path.join(spec.incoming, name)) == spec.sizes[name]


def _is_locked(directory: str, spec: TransferSpec, lock: Lock, name: str) -> bool:
    """Return whether a directory has the file with the size and the digest of the lock."""
    path = os.path.join(directory, name)
    return _size(path) == spec.sizes[name] and checksum_of(path) == lock.files[name]


def _size(path: str) -> int:
    """Return the size of a file in bytes, -1 if it is missing."""
    return os.path.getsize(path) if os.path.isfile(path) and not os.path.islink(path) else -1


def _move(path: str, target: str, mode: int) -> None:
    """Move a file, also from another disk, so that an incomplete file never has the final name."""
    try:
        os.rename(path, target + _PART)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        shutil.copyfile(path, target + _PART)
        _drop(path)
    os.chmod(target + _PART, mode)
    if os.geteuid() == 0:
        os.chown(target + _PART, 0, 0)
    # Without it the name may reach the disk before the content: a power failure would leave an empty file of that size
    with open(target + _PART, "rb") as stream:
        os.fsync(stream.fileno())
    os.rename(target + _PART, target)


def _drop(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def batches(names: Sequence[str], sizes: Mapping[str, int], limit: int) -> list[list[str]]:
    """Return the names in their order, in groups of at most `limit` bytes; a larger file is a separate group."""
    groups: list[list[str]] = []
    room = 0
    for name in names:
        if not groups or sizes[name] > room:
            groups.append([])
            room = limit
        groups[-1].append(name)
        room -= sizes[name]
    return groups
