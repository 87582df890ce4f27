# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write images in directories of this host: OCI layouts, and directories in the format of `skopeo sync`.

Both keep files that are named by digest. An image is assembled in a separate directory, where the copy can be resumed,
and then gets its name in one step, so that an incomplete image never has its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .._core.errors import ClassroomError
from .._core.files import checksum_of, read_text, write_text
from . import manifest as image_manifest
from .manifest import Manifest
from .reference import REFERENCE, Reference

# The annotation with which containerd and Docker name an image in a layout; their ref.name is only the tag
CONTAINERD_NAME = "io.containerd.image.name"
STAGES = ".classroom-mirror"
DIR_VERSION = "Directory Transport Version: 1.1\n"


class Local(Protocol):
    """The interface of a directory with images on this host."""

    root: str

    def digest(self, image: Reference) -> str:
        """Return the digest of an image, empty if it is missing."""

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        """Return a manifest by its digest, or that of the image's tag; None if it is missing or damaged."""

    def blob_path(self, image: Reference, digest: str) -> str | None:
        """Return the path of a blob, None if it is missing."""

    def publish(self, image: Reference, parts: Sequence[Manifest], stage: str) -> None:
        """Move the files of a stage into the directory and give the image its name."""


class Layout:
    """An OCI image layout, in which the name of an image is its full reference."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._writing = threading.Lock()
        self._read: tuple[tuple[int, int], list[dict[str, Any]]] | None = None

    def digest(self, image: Reference) -> str:
        for entry in self._entries():
            if _is_named(entry, image.name):
                return str(entry["digest"])
        return image.digest if image.digest and os.path.exists(self._path(image.digest)) else ""

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        """Return a manifest by its digest, or that of the image's tag."""
        digest = ending if ":" in ending else self.digest(image)
        return read_manifest(self._path(digest), digest) if digest else None

    def blob_path(self, image: Reference, digest: str) -> str | None:
        path = self._path(digest)
        return path if os.path.exists(path) else None

    def publish(self, image: Reference, parts: Sequence[Manifest], stage: str) -> None:
        """Move the files of a stage into the layout, then add the image to the index."""
        os.makedirs(os.path.join(self.root, "blobs", "sha256"), exist_ok=True)
        for digest in [*image_manifest.blobs(parts), *(part.digest for part in parts)]:
            staged = stage_path(stage, digest)
            if os.path.lexists(staged) and not os.path.islink(staged):
                os.rename(staged, self._path(digest))
        top = parts[-1]
        fresh = {
            "mediaType": top.media_type, "digest": top.digest, "size": len(top.content),
            "annotations": {REFERENCE: image.name},
        }
        # One writer at a time; several skopeo processes would overwrite each other's index
        with self._writing:
            entries = [entry for entry in self._entries() if not _is_named(entry, image.name)]
            index = {"schemaVersion": 2, "mediaType": image_manifest.OCI_INDEX, "manifests": [*entries, fresh]}
            write_text(os.path.join(self.root, "oci-layout"), '{"imageLayoutVersion": "1.0.0"}\n')
            write_text(os.path.join(self.root, "index.json"), json.dumps(index, indent=2) + "\n")

    def _path(self, digest: str) -> str:
        return os.path.join(self.root, "blobs", *digest.split(":", 1))

    def _entries(self) -> list[dict[str, Any]]:
        path = os.path.join(self.root, "index.json")
        try:
            stat = os.stat(path)
        except OSError:
            return []
        trait = (stat.st_mtime_ns, stat.st_ino)
        if self._read is None or self._read[0] != trait:
            try:
                entries = [dict(entry) for entry in json.loads(read_text(path) or "{}")["manifests"]]
            except (ValueError, KeyError, TypeError) as problem:
                raise ClassroomError(
                    f"The image layout is damaged: expected the index of an OCI layout in {path}, found another text. "
                    "Restore the layout from an intact copy, or remove it.") from problem
            self._read = (trait, entries)
        return self._read[1]


class Tree:
    """A directory tree of `skopeo sync`: one directory per image, in `scoped` trees below its host and path."""

    def __init__(self, root: str, scoped: bool) -> None:
        self.root = root
        self.scoped = scoped
        # Paths of the blobs of images that were read, for other images that share them
        self._known: dict[str, str] = {}

    def place(self, image: Reference) -> str:
        """Return the directory of an image."""
        return os.path.join(self.root, image.name if self.scoped else image.name.rpartition("/")[2])

    def digest(self, image: Reference) -> str:
        manifest = self._top(image)
        return manifest.digest if manifest else ""

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        """Return a manifest by its digest, or that of the image's tag."""
        top = self._top(image)
        if top is not None and (":" not in ending or top.digest == ending):
            found: Manifest | None = top
        else:
            name = "{}.manifest.json".format(ending.partition(":")[2])
            found = read_manifest(os.path.join(self.place(image), name), ending)
        for blob in found.blobs if found else ():
            path = os.path.join(self.place(image), blob.digest.partition(":")[2])
            if os.path.exists(path):
                self._known[blob.digest] = path
        return found

    def blob_path(self, image: Reference, digest: str) -> str | None:
        path = os.path.join(self.place(image), digest.partition(":")[2])
        return path if os.path.exists(path) else self._known.get(digest)

    def publish(self, image: Reference, parts: Sequence[Manifest], stage: str) -> None:
        """Assemble the image in the stage and rename it; a blob of another image becomes a hard link."""
        fresh, old = os.path.join(stage, "fresh"), os.path.join(stage, "old")
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        os.mkdir(fresh)
        for digest in image_manifest.blobs(parts):
            _take(stage_path(stage, digest), os.path.join(fresh, digest.partition(":")[2]))
        for part in parts:
            name = "manifest.json" if part is parts[-1] else "{}.manifest.json".format(part.digest.partition(":")[2])
            with open(os.path.join(fresh, name), "wb") as stream:
                stream.write(part.content)
        write_text(os.path.join(fresh, "version"), DIR_VERSION)
        place = self.place(image)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rename(place, old)
        os.rename(fresh, place)
        for digest in image_manifest.blobs(parts):
            self._known[digest] = os.path.join(place, digest.partition(":")[2])

    def _top(self, image: Reference) -> Manifest | None:
        return read_manifest(os.path.join(self.place(image), "manifest.json"))


def read_manifest(path: str, digest: str = "") -> Manifest | None:
    """Return the manifest in a file, None if it is missing or its content does not match the digest."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise ClassroomError(f"{path} cannot be read: {problem.strerror}.") from problem
    if digest and image_manifest.digest_of(content) != digest:
        return None
    try:
        return image_manifest.parse(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        # A truncated file counts as missing and is copied again
        return None


def has_digest(path: str, digest: str) -> bool:
    """Return whether the content of a file matches a digest. Reads the whole file."""
    return "sha256:" + checksum_of(path) == digest


def stage_of(root: str, image: Reference) -> str:
    """Return the directory in which an image is assembled; each run uses the same one, so that it can resume."""
    return os.path.join(root, STAGES, hashlib.sha256(image.name.encode()).hexdigest()[:16])


def stage_path(stage: str, digest: str) -> str:
    """Return the path of a blob or manifest in a stage."""
    return os.path.join(stage, "blobs", *digest.split(":", 1))


def view(directory: str, top: Manifest, files: Mapping[str, str]) -> None:
    """Create an OCI layout of links with one manifest, so that skopeo can read any local image by its digest."""
    blobs = os.path.join(directory, "blobs", "sha256")
    os.makedirs(blobs)
    for digest, path in files.items():
        os.symlink(os.path.abspath(path), os.path.join(blobs, digest.partition(":")[2]))
    entry = {"mediaType": top.media_type, "digest": top.digest, "size": len(top.content)}
    for name, content in (
        ("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", {"schemaVersion": 2, "manifests": [entry]}),
    ):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as stream:
            json.dump(content, stream)


def _is_named(entry: Mapping[str, Any], name: str) -> bool:
    annotations = entry.get("annotations") or {}
    return name in (annotations.get(REFERENCE), annotations.get(CONTAINERD_NAME))


def _take(source: str, target: str) -> None:
    """Move a staged file; turn a link to the file of another image into a hard link."""
    if not os.path.islink(source):
        os.rename(source, target)
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)
