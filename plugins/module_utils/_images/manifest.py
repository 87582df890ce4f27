# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests of images and lists of them, of OCI's and of Docker's media types."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEDIA_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

ALL = "all"
PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")


@dataclass(frozen=True)
class Descriptor:
    """What a manifest says of something it names; `size` in bytes, -1 where it does not say."""

    digest: str
    size: int
    media_type: str
    platform: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest: of one image with its `blobs`, or a list with its `entries`."""

    digest: str
    media_type: str
    content: bytes
    blobs: tuple[Descriptor, ...] = ()
    entries: tuple[Descriptor, ...] = ()

    @property
    def is_list(self) -> bool:
        return self.media_type in (OCI_INDEX, DOCKER_LIST)


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def parse(content: bytes, told: str = "") -> Manifest:
    """A manifest from its bytes; `told` is the media type that its place gives, for one that does not say itself.

    Raises ValueError with what was found for anything else.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("no manifest")
    if document.get("schemaVersion") == 1:
        raise ValueError("a manifest of Docker's schema 1, which has no digest to keep")
    media_type = document.get("mediaType") or (told if told in MEDIA_TYPES else _guess(document))
    if media_type not in MEDIA_TYPES:
        raise ValueError(f"a manifest of type {media_type}")
    if media_type in (OCI_INDEX, DOCKER_LIST):
        entries = tuple(_descriptor(entry) for entry in document.get("manifests", ()))
        return Manifest(digest_of(content), media_type, content, entries=entries)
    named = [document["config"]] if "config" in document else []
    blobs = tuple(_descriptor(entry) for entry in [*named, *document.get("layers", ())] if not _is_elsewhere(entry))
    return Manifest(digest_of(content), media_type, content, blobs=tuple(dict.fromkeys(blobs)))


def closure(read: Callable[[str], Manifest], top: str) -> tuple[Manifest, ...]:
    """A manifest and, before it, those that it lists, each once. `read` raises for one that is not there."""
    found: dict[str, Manifest] = {}
    _collect(read, top, found)
    return tuple(found.values())


def blobs(parts: Iterable[Manifest]) -> dict[str, Descriptor]:
    """All that these manifests name, by digest."""
    return {blob.digest: blob for part in parts for blob in part.blobs}


def size(parts: Sequence[Manifest]) -> int:
    """Bytes of these manifests and of what they name, each blob counted once."""
    return sum(len(part.content) for part in parts) + sum(max(blob.size, 0) for blob in blobs(parts).values())


def choose(whole: Manifest, platforms: Sequence[str]) -> tuple[Descriptor, ...]:
    """The entries of a list for the wanted platforms, in the order of the list."""
    chosen = []
    for wanted in platforms:
        fitting = [entry for entry in whole.entries if _fits(entry.platform, wanted)]
        if not fitting:
            there = sorted(entry.platform for entry in whole.entries if entry.platform)
            raise ClassroomError(
                "wanted it for {0}, found it for {1}; take {0} out of the platforms, or the image out of the list"
                .format(wanted, ", ".join(there) or "no platform that it names")
            )
        chosen.append(fitting[0])
    return tuple(entry for entry in whole.entries if entry in chosen)


def reduced(whole: Manifest, chosen: Sequence[Descriptor]) -> Manifest:
    """The list with some of its entries only. The same entries of the same list always give the same bytes."""
    document = json.loads(whole.content)
    wanted = {entry.digest for entry in chosen}
    document["manifests"] = [entry for entry in document["manifests"] if entry["digest"] in wanted]
    return parse(json.dumps(document, separators=(",", ":"), sort_keys=True).encode(), whole.media_type)


def _collect(read: Callable[[str], Manifest], digest: str, found: dict[str, Manifest]) -> None:
    if digest in found:
        return
    manifest = read(digest)
    for entry in manifest.entries:
        _collect(read, entry.digest, found)
    found[digest] = manifest


def _guess(document: Mapping[str, Any]) -> str:
    # OCI's documents need not name their own type
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document else ""


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    platform = entry.get("platform") or {}
    words = [platform.get(key) for key in ("os", "architecture", "variant")]
    shown = "/".join(word for word in words if word)
    return Descriptor(entry["digest"], entry.get("size", -1), entry.get("mediaType", ""), shown)


def _is_elsewhere(entry: Mapping[str, Any]) -> bool:
    """Layers that may not be distributed stay where their URL says, whoever copies the image."""
    media_type = entry.get("mediaType", "")
    return "nondistributable" in media_type or "foreign" in media_type


def _fits(found: str, wanted: str) -> bool:
    """Whether an entry is for a platform; without a variant in the wish any will do."""
    return found == wanted or found.startswith(wanted + "/") or wanted == found + "/v8"
