# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy one image to its destination completely, or so that the copy can be resumed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from .._core.errors import ClassroomError
from . import layout as image_layout
from . import manifest as image_manifest
from . import skopeo
from .endpoints import RegistryPlace, Source
from .manifest import Manifest
from .plan import Choice, Found
from .reference import Reference

Moved = Callable[[int], None]


class Destination(Protocol):
    """The interface of a place to which images are copied."""

    def found(self, image: Reference, wanted: str, thorough: bool) -> Found:
        """Return what the destination has under the name of an image; `thorough` reads each blob."""

    def lacking(self, image: Reference, parts: Sequence[Manifest]) -> Mapping[str, int]:
        """Return the blobs of an image that have to be copied, with their sizes in bytes."""

    def take(self, source: Source, image: Reference, choice: Choice, timeout: float, moved: Moved) -> None:
        """Copy an image and give it its name; `timeout` is the longest time in seconds without progress."""


class ToRegistry:
    """A Destination in a registry, which keeps each complete blob, so that the next run sends only the others."""

    def __init__(self, place: RegistryPlace) -> None:
        self._place = place

    def found(self, image: Reference, wanted: str, thorough: bool) -> Found:
        top = self._place.manifest(image, image.ending)
        if top is None or top.digest != wanted:
            return Found(top.digest if top else "")
        parts, lacking = _collected(lambda digest: self._place.manifest(image, digest), top)
        if thorough:
            lacking += [
                f"the blob {blob.digest} is missing" for blob in image_manifest.blobs(parts).values()
                if not self._place.has_blob(image, blob.digest, blob.size)]
        return Found(top.digest, image_manifest.size(parts), tuple(lacking))

    def lacking(self, image: Reference, parts: Sequence[Manifest]) -> Mapping[str, int]:
        return {blob.digest: blob.size for blob in image_manifest.blobs(parts).values()}

    def take(self, source: Source, image: Reference, choice: Choice, timeout: float, moved: Moved) -> None:
        for top in choice.tops:
            # All except the one with the name are pushed by digest
            ending = image.ending if top is choice.top else top.digest
            with source.opened(image, top, choice.parts) as end:
                skopeo.copy(end, self._place.end(image, ending), whole=top.is_list, same_digest=True,
                            timeout=timeout, moved=moved)
        if choice.top not in choice.tops:
            host, repository = self._place.where(image)
            self._place.registry(host).push_manifest(
                repository, image.ending, choice.top.media_type, choice.top.content)
        there = self._place.manifest(image, image.ending)
        if there is None or there.digest != choice.top.digest:
            raise ClassroomError("expected {} there after the copy, found {}".format(
                choice.top.digest, there.digest if there else "nothing"))


class ToLocal:
    """A Destination in a directory: blobs are copied into a stage, manifests are written as the source has them.

    skopeo would convert the manifests of an OCI layout to OCI's format, which changes the digest of a Docker image.
    """

    def __init__(self, place: image_layout.Local) -> None:
        self._place = place

    @property
    def root(self) -> str:
        return self._place.root

    def found(self, image: Reference, wanted: str, thorough: bool) -> Found:
        digest = self._place.digest(image)
        top = self._place.manifest(image, digest) if digest else None
        if top is None:
            return Found(digest, 0, ("its manifest is missing or damaged",) if digest else ())
        if top.digest != wanted:
            return Found(top.digest)
        parts, lacking = _collected(lambda wanted: self._place.manifest(image, wanted), top)
        for blob in image_manifest.blobs(parts).values():
            path = self._whole(image, blob.digest, blob.size)
            if path is None:
                lacking.append(f"the blob {blob.digest} is missing or too short")
            elif thorough and not image_layout.has_digest(path, blob.digest):
                lacking.append(f"the file {path} is damaged (remove it to have it copied again)")
        return Found(top.digest, image_manifest.size(parts), tuple(lacking))

    def lacking(self, image: Reference, parts: Sequence[Manifest]) -> Mapping[str, int]:
        stage = image_layout.stage_of(self.root, image)
        return {
            blob.digest: blob.size for blob in image_manifest.blobs(parts).values()
            if self._whole(image, blob.digest, blob.size) is None
            and not _is_whole(image_layout.stage_path(stage, blob.digest), blob.size)
        }

    def take(self, source: Source, image: Reference, choice: Choice, timeout: float, moved: Moved) -> None:
        stage = image_layout.stage_of(self.root, image)
        self._prepare(stage, image, choice)
        wanted = image_manifest.blobs(choice.parts)
        for top in choice.tops:
            layout = os.path.join(stage, "layout")
            shutil.rmtree(layout, ignore_errors=True)
            parts = _parts_of(top, choice.parts)
            if all(os.path.exists(image_layout.stage_path(stage, digest)) for digest in image_manifest.blobs(parts)):
                continue
            os.mkdir(layout)
            with source.opened(image, top, choice.parts) as end:
                # Relative to the stage: skopeo takes the part after a colon in a path for a name
                target = skopeo.End("oci:layout", (
                    "shared-blob-dir={}".format(os.path.join(stage, "blobs")), "oci-accept-uncompressed-layers"))
                skopeo.copy(end, target, whole=top.is_list, same_digest=False, timeout=timeout, cwd=stage,
                            moved=moved)
        for part in choice.parts:
            _write(image_layout.stage_path(stage, part.digest), part.content)
        for blob in wanted.values():
            path = image_layout.stage_path(stage, blob.digest)
            if not os.path.exists(path):
                # The configuration of an image in Docker's format: skopeo converted it to OCI's
                _write(path, source.blob(image, blob.digest))
            if blob.size >= 0 and os.path.getsize(path) != blob.size:
                raise ClassroomError(f"expected {blob.size} bytes of {blob.digest}, found {os.path.getsize(path)}")
        self._place.publish(image, choice.parts, stage)
        shutil.rmtree(stage, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the stages of images that are no longer requested."""
        shutil.rmtree(os.path.join(self.root, image_layout.STAGES), ignore_errors=True)

    def _prepare(self, stage: str, image: Reference, choice: Choice) -> None:
        """Keep the blobs of a former attempt, and link those that other images have."""
        blobs = os.path.join(stage, "blobs", "sha256")
        os.makedirs(blobs, exist_ok=True)
        wanted = image_manifest.blobs(choice.parts)
        for name in os.listdir(blobs):
            path = os.path.join(blobs, name)
            kept = wanted.get("sha256:" + name)
            if kept is None or os.path.islink(path) or not _is_whole(path, kept.size):
                os.unlink(path)
        for blob in wanted.values():
            there = self._whole(image, blob.digest, blob.size)
            staged = image_layout.stage_path(stage, blob.digest)
            if there and not os.path.exists(staged):
                # If links are not possible, the blob is copied again
                with contextlib.suppress(OSError):
                    os.symlink(os.path.abspath(there), staged)

    def _whole(self, image: Reference, digest: str, size: int) -> str | None:
        path = self._place.blob_path(image, digest)
        return path if path and _is_whole(path, size) else None


class Queue:
    """A queue of images in which no two images with a common large blob are copied at the same time."""

    # Copying smaller blobs twice takes less time than waiting
    LARGE = 1 << 20

    def __init__(self, needs: Mapping[str, Mapping[str, int]]) -> None:
        self._needs = {
            name: {digest for digest, size in blobs.items() if size >= self.LARGE or size < 0}
            for name, blobs in needs.items()
        }
        self._waiting = list(needs)
        self._busy: dict[str, set[str]] = {}
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self) -> Iterator[str]:
        """Yield the next image as soon as one can be copied, an empty name when none is left."""
        with self._changed:
            while True:
                name = self._next()
                if name or not self._waiting:
                    break
                self._changed.wait()
            if name:
                self._waiting.remove(name)
                self._busy[name] = self._needs[name]
        try:
            yield name
        finally:
            with self._changed:
                self._busy.pop(name, None)
                self._changed.notify_all()

    def _next(self) -> str:
        taken = {digest for blobs in self._busy.values() for digest in blobs}
        for name in self._waiting:
            if not self._needs[name] & taken:
                return name
        return ""


def explained(problem: Exception) -> str:
    """Return the message of an exception."""
    if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({problem})"
    return str(problem) or type(problem).__name__


def is_lasting(problem: Exception) -> bool:
    """Return whether another attempt is useless: an own rule rejects the image, or the disk is full."""
    if isinstance(problem, skopeo.SkopeoFailed):
        return problem.lasting
    return True


def _collected(read: Callable[[str], Manifest | None], top: Manifest) -> tuple[list[Manifest], list[str]]:
    """Return the manifests of an image that exist, and a message for each missing one."""
    parts, lacking = [], []
    for entry in top.entries:
        found = read(entry.digest)
        if found is None:
            lacking.append(f"the manifest {entry.digest} ({entry.platform}) is missing")
            continue
        below, odd = _collected(read, found)
        parts += below
        lacking += odd
    return [*parts, top], lacking


def _parts_of(top: Manifest, parts: Sequence[Manifest]) -> list[Manifest]:
    by_digest = {part.digest: part for part in parts}
    return list(image_manifest.closure(by_digest.__getitem__, top.digest))


def _is_whole(path: str, size: int) -> bool:
    try:
        return size < 0 or os.path.getsize(path) == size
    except OSError:
        return False


def _write(path: str, content: bytes) -> None:
    if os.path.islink(path):
        return
    with open(path, "wb") as stream:
        stream.write(content)
