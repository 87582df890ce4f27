# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse manifests of images and lists of them, in the media types of OCI and of Docker."""

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
    """An entry of a manifest; `size` is in bytes, -1 if the manifest does not have it."""

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
        """Return whether this is a list of manifests, for example for several platforms."""
        return self.media_type in (OCI_INDEX, DOCKER_LIST)


def digest_of(content: bytes) -> str:
    """Return the digest of a manifest or blob."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def parse(content: bytes, told: str = "") -> Manifest:
    """Parse a manifest; `told` is the media type from its source, for a manifest that does not name its own.

    Raises ValueError that says what was found instead.
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
    """Return a manifest after those that it lists, each once. `read` raises an exception for a missing one."""
    found: dict[str, Manifest] = {}
    _collect(read, top, found)
    return tuple(found.values())


def blobs(parts: Iterable[Manifest]) -> dict[str, Descriptor]:
    """Return all blobs of these manifests by digest."""
    return {blob.digest: blob for part in parts for blob in part.blobs}


def size(parts: Sequence[Manifest]) -> int:
    """Return the size in bytes of these manifests and of their blobs, each blob counted once."""
    return sum(len(part.content) for part in parts) + sum(max(blob.size, 0) for blob in blobs(parts).values())


def choose(whole: Manifest, platforms: Sequence[str]) -> tuple[Descriptor, ...]:
    """Return the entries of a list for the desired platforms, in the order of the list.

    Raises ClassroomError for a platform that the list does not have.
    """
    chosen = []
    for wanted in platforms:
        fitting = [entry for entry in whole.entries if _fits(entry.platform, wanted)]
        if not fitting:
            there = sorted(entry.platform for entry in whole.entries if entry.platform)
            raise ClassroomError(
                "expected it for {0}, found it for {1}. Remove {0} from the platforms, or the image from the list"
                .format(wanted, ", ".join(there) or "no platform that it names")
            )
        chosen.append(fitting[0])
    return tuple(entry for entry in whole.entries if entry in chosen)


def reduced(whole: Manifest, chosen: Sequence[Descriptor]) -> Manifest:
    """Return a list with only some of its entries; equal lists and entries result in equal bytes."""
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
    # The documents of OCI need not name their type
    if "manifests" in document:
        return OCI_INDEX
    return OCI_MANIFEST if "config" in document else ""


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    platform = entry.get("platform") or {}
    words = [platform.get(key) for key in ("os", "architecture", "variant")]
    shown = "/".join(word for word in words if word)
    return Descriptor(entry["digest"], entry.get("size", -1), entry.get("mediaType", ""), shown)


def _is_elsewhere(entry: Mapping[str, Any]) -> bool:
    """Return whether this is a layer that may not be distributed and is always downloaded from its own URL."""
    media_type = entry.get("mediaType", "")
    return "nondistributable" in media_type or "foreign" in media_type


def _fits(found: str, wanted: str) -> bool:
    """Return whether an entry is for a platform; a platform without a variant accepts any variant."""
    return found == wanted or found.startswith(wanted + "/") or wanted == found + "/v8"
