# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fill a registry from an OCI layout, as a mirror of several upstream registries.

A container runtime requests a repository from a mirror without the host of the upstream registry. So the images of all
upstream registries share one namespace, and two of them must not have the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from .._core.errors import ClassroomError
from .._core.plan import Change
from .._images import manifest as image_manifest
from .._images import reference as image_reference
from .._images.manifest import Manifest

PARALLEL = 4


class Target(Protocol):
    """The interface of a registry for filling it, see `_images.registry.Registry`."""

    def digest(self, repository: str, reference: str) -> str:
        """Return the digest of a manifest, empty if there is none."""

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether the registry has a blob."""

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Mount a blob of another repository; return False if that is not possible."""

    def push_blob(self, repository: str, digest: str, path: str) -> None:
        """Upload a file."""

    def push_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        """Upload a manifest."""


@dataclass(frozen=True)
class Image:
    """An image of the bundle and its name in the mirror."""

    reference: str
    host: str
    repository: str
    tag: str
    digest: str


def images(references: Mapping[str, str]) -> list[Image]:
    """Return the images of a lock with their names in the mirror; raise ClassroomError if two have the same name."""
    found = [_named(reference, digest) for reference, digest in sorted(references.items())]
    clashes = image_reference.clashes((image.repository, image.host, image.reference) for image in found)
    if clashes:
        raise ClassroomError(
            "Images have the same name in the mirror: expected each repository from one upstream registry, since a "
            "mirror ignores the host, found {}. Leave one of each out of the bundle.".format("; ".join(clashes)))
    return found


def steps(desired: Iterable[Image], target: Target) -> list[Change]:
    """Return the images that are missing or different in the mirror, as planned changes."""
    found = []
    for image in desired:
        there = target.digest(image.repository, image.tag)
        if there != image.digest:
            reason = "another image is under its name" if there else "not in the registry"
            found.append(Change("image", image.reference, there or "absent", image.digest, reason))
    return found


def predicted(desired: Iterable[Image], reason: str) -> list[Change]:
    """Return the planned changes for a registry that is not reachable yet."""
    return [Change("image", image.reference, "absent", image.digest, reason) for image in desired]


def weight(layout: str, desired: Iterable[Image]) -> int:
    """Return the size of these images in bytes, each blob counted once, even if the mirror has some of them."""
    blobs = {digest for image in desired for digest in image_manifest.blobs(_closure(layout, image.digest))}
    return sum(os.path.getsize(_blob_path(layout, digest)) for digest in blobs)


def fill(layout: str, desired: Sequence[Image], target: Target) -> None:
    """Copy images from the layout: first all blobs, several at a time and each only once, then the manifests."""
    manifests = {image: _closure(layout, image.digest) for image in desired}
    repositories: dict[str, list[str]] = {}
    for image, parts in manifests.items():
        for blob in image_manifest.blobs(parts):
            if image.repository not in repositories.setdefault(blob, []):
                repositories[blob].append(image.repository)
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        list(pool.map(lambda item: _send(layout, target, *item), repositories.items()))
        list(pool.map(lambda item: _publish(target, *item), manifests.items()))


def _named(reference: str, digest: str) -> Image:
    try:
        found = image_reference.parse(reference)
    except ClassroomError as problem:
        raise _nameless(reference) from problem
    if not found.tag:
        raise _nameless(reference)
    return Image(reference, found.host, found.repository, found.tag, digest)


def _nameless(reference: str) -> ClassroomError:
    return ClassroomError(
        f"The name of an image in the bundle is invalid: expected full name and tag, found '{reference}'. Build the "
        "bundle with a name like registry.k8s.io/pause:3.10.2.")


def _blob_path(layout: str, digest: str) -> str:
    return os.path.join(layout, "blobs", *digest.split(":", 1))


def _closure(layout: str, digest: str) -> tuple[Manifest, ...]:
    """Return a manifest after those that it lists (one for each architecture)."""
    return image_manifest.closure(lambda wanted: _manifest(_blob_path(layout, wanted)), digest)


def _manifest(path: str) -> Manifest:
    try:
        with open(path, "rb") as stream:
            return image_manifest.parse(stream.read())
    except (OSError, ValueError) as error:
        raise ClassroomError(
            f"An image of the bundle is damaged: expected its manifest in {path}, found: {error}. Build the bundle "
            "again.") from error


def _send(layout: str, target: Target, digest: str, repositories: Sequence[str]) -> None:
    """Store a blob in all repositories that need it."""
    lacking = [repository for repository in repositories if not target.has_blob(repository, digest)]
    holders = [repository for repository in repositories if repository not in lacking]
    for repository in lacking:
        if not holders or not target.mount_blob(repository, digest, holders[0]):
            target.push_blob(repository, digest, _blob_path(layout, digest))
        holders.append(repository)


def _publish(target: Target, image: Image, parts: Sequence[Manifest]) -> None:
    for manifest in parts:
        reference = image.tag if manifest.digest == image.digest else manifest.digest
        target.push_manifest(image.repository, reference, manifest.media_type, manifest.content)
