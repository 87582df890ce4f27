# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Assemble a bundle of packages, images and optionally another bundle: plan it, then create it in a new directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core import disk_space
from .._core.command import Runner, run
from .._core.errors import ClassroomError
from .._core.files import checksum_of
from .._images import manifest as image_manifest
from .._images import reference
from .._images import reference as image_reference
from .._images.layout import Layout
from .._images.manifest import Manifest
from .._packages.package_file import PackageFile
from . import contents as bundle_contents
from . import lock as bundle_lock
from .contents import Contents, LockedPackage

KUBECTL = "bin/kubectl"


@dataclass(frozen=True)
class BundleSpec:
    """The desired parts of a bundle.

    `images` maps full references to digests in the OCI layout `layout`; `kubectl` is the path of the program or empty;
    the content of `existing`, the directory of another bundle, is added. `versions` maps components to versions.
    """

    architecture: str
    packages: tuple[PackageFile, ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""
    kubectl: str = ""
    existing: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BundlePlan:
    """The plan of a bundle: `sources` maps a path in the bundle to its source file."""

    draft: Contents
    sources: Mapping[str, str]
    index: Sequence[Mapping[str, Any]]


def plan(spec: BundleSpec, signer: str) -> BundlePlan:
    """Return the plan of a bundle, with a key that is equal for equal inputs and an equal signing key `signer`.

    Reads manifests and the checksums of new files; raises ClassroomError for parts that do not fit together.
    """
    base = _base(spec)
    architecture = base.architecture if base else spec.architecture
    if base and spec.architecture and base.architecture != spec.architecture:
        raise ClassroomError(
            f"The existing bundle has another architecture: expected a bundle for {spec.architecture}, found one for "
            f"{base.architecture} in {spec.existing}. Use a separate bundle for each architecture.")
    sources = {name: os.path.join(spec.existing, name) for name in base.files if _is_kept(name)} if base else {}
    sums = {name: base.files[name] for name in sources} if base else {}
    packages = _packages(spec, architecture, base.packages if base else (), sources, sums)
    images, index = _images(spec, architecture, base.images if base else {}, sources)
    if spec.kubectl:
        sources[KUBECTL] = spec.kubectl
        sums[KUBECTL] = checksum_of(spec.kubectl)
    facts = [bundle_lock.SCHEMA, signer, architecture, sorted(sums.items()), sorted(images.items())]
    draft = Contents(
        key=hashlib.sha256(json.dumps(facts).encode()).hexdigest(),
        architecture=architecture,
        go=base.go if base else "",
        versions={**(base.versions if base else {}), **spec.versions},
        packages=packages,
        images=images,
        debian=base.debian if base else {},
        distributions=base.distributions if base else {},
    )
    return BundlePlan(draft, sources, index)


def make(prepared: BundlePlan, directory: str, secret: str, runner: Runner = run) -> Contents:
    """Store all parts in `directory`, which must not exist yet, and seal it; return the contents.

    Files of the same file system become hard links, so that the files of another bundle need no space.
    """
    disk_space.require(directory, _bytes_to_copy(prepared, os.path.dirname(directory)), "the bundle")
    for target, source in sorted(prepared.sources.items()):
        _take(source, os.path.join(directory, target))
    if prepared.index:
        content = {"schemaVersion": 2, "mediaType": image_manifest.OCI_INDEX, "manifests": list(prepared.index)}
        for name, document in (("index.json", content), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
            with open(os.path.join(directory, "oci", name), "w", encoding="utf-8") as stream:
                json.dump(document, stream, indent=2)
                stream.write("\n")
    contents = bundle_contents.seal(directory, prepared.draft, secret, runner)
    _check_blobs(contents)
    return contents


def _base(spec: BundleSpec) -> Contents | None:
    if not spec.existing:
        return None
    contents = bundle_contents.read(spec.existing)
    found = bundle_lock.all_problems(spec.existing, bundle_lock.read(spec.existing))
    if found:
        raise ClassroomError("\n".join(found))
    return contents


def _is_kept(name: str) -> bool:
    """Return whether a file of another bundle is reused; indexes, signatures and the image index are created again."""
    parts = name.split("/")
    is_distribution = parts[0] == bundle_contents.DISTRIBUTIONS and len(parts) > 3 and parts[2] == "pool"
    return is_distribution or name.startswith(("apt/pool/", "rpm/pool/", "oci/blobs/", "bin/"))


def _packages(
    spec: BundleSpec, architecture: str, known: Sequence[LockedPackage], sources: dict[str, str], sums: dict[str, str]
) -> tuple[LockedPackage, ...]:
    strange = [package for package in spec.packages if not package.fits(architecture)]
    if strange:
        raise ClassroomError(
            "Packages have another architecture: expected packages for {}, found {}. Leave them out, or create a "
            "separate bundle for their architecture.".format(
                architecture, ", ".join(f"{each.path} for {each.architecture}" for each in strange)))
    locked = {package.file: package for package in known}
    for package in spec.packages:
        checksum = checksum_of(package.path)
        # rpm files of a bundle have its signature, so they never equal their source files
        if sums.get(package.target, checksum) != checksum and package.target.startswith("apt/"):
            raise ClassroomError(
                f"A package is ambiguous: expected one package {package.name} {package.version}, found two of "
                f"different content, {sources[package.target]} and {package.path}. Leave one of them out.")
        sources[package.target], sums[package.target] = package.path, checksum
        locked[package.target] = LockedPackage(package.name, package.version, package.target)
    return tuple(locked[name] for name in sorted(locked))


def _images(
    spec: BundleSpec, architecture: str, known: Mapping[str, str], sources: dict[str, str]
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return all images by reference, and their index; add their blobs to the sources."""
    images = {**known, **spec.images}
    kept = {name: path for name, path in sources.items() if not name.startswith("oci/blobs/")}
    places = {True: Layout(spec.layout), False: Layout(os.path.join(spec.existing, "oci"))}
    index = []
    for name, digest in sorted(images.items()):
        place = places[name in spec.images]
        parts = _closure(place, name, digest)
        _check_platform(place, name, parts, architecture)
        for blob in [*image_manifest.blobs(parts), *(part.digest for part in parts)]:
            path = place.blob_path(image_reference.parse(name), blob)
            if path is None:
                raise _incomplete(place, name, blob)
            kept["oci/blobs/{}".format(blob.replace(":", "/"))] = path
        index.append(_entry(name, parts[-1]))
    # Blobs of replaced images are omitted
    sources.clear()
    sources.update(kept)
    return images, index


def _entry(name: str, top: Manifest) -> dict[str, Any]:
    return {
        "mediaType": top.media_type, "digest": top.digest, "size": len(top.content),
        "annotations": {reference.REFERENCE: name},
    }


def _closure(place: Layout, name: str, digest: str) -> tuple[Manifest, ...]:
    image = image_reference.parse(name)

    def read(wanted: str) -> Manifest:
        found = place.manifest(image, wanted)
        if found is None:
            raise _incomplete(place, name, wanted)
        return found

    return image_manifest.closure(read, digest)


def _check_platform(place: Layout, name: str, parts: Iterable[Manifest], architecture: str) -> None:
    """Raise ClassroomError for an image of another architecture, if the image names its architecture."""
    found = set()
    for part in parts:
        for digest in [] if part.is_list else [blob.digest for blob in part.blobs[:1]]:
            try:
                with open(str(place.blob_path(image_reference.parse(name), digest)), encoding="utf-8") as stream:
                    found.add(str(json.load(stream)["architecture"]))
            except (OSError, ValueError, KeyError, TypeError):
                # Not a container image, or reported as a missing blob
                return
    if found and architecture not in found:
        raise ClassroomError(
            "An image has another architecture: expected {0} for {1}, found it for {2}. Name a tag for {1}, or mirror "
            "that platform.".format(
                name, architecture, ", ".join(sorted(found))))


def _incomplete(place: Layout, name: str, digest: str) -> ClassroomError:
    return ClassroomError(
        f"An image is incomplete: expected {name} in {place.root}, found that {digest} of it is missing or damaged "
        "there. Copy the image again.")


def _check_blobs(contents: Contents) -> None:
    """Raise ClassroomError for blobs whose name is not their checksum."""
    prefix = "oci/blobs/sha256/"
    wrong = [
        f"{name}: expected content with the checksum in its name, found sha256 {checksum}. Copy its image again."
        for name, checksum in contents.files.items() if name.startswith(prefix) and name != prefix + checksum
    ]
    if wrong:
        raise ClassroomError("\n".join(wrong))


def _bytes_to_copy(prepared: BundlePlan, parent: str) -> int:
    """Return the size of files that cannot be links: those of other file systems, and packages that are signed."""
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    device = os.stat(parent).st_dev
    total = 0
    for target, source in prepared.sources.items():
        found = os.stat(source)
        if found.st_dev != device or target.startswith("rpm/"):
            total += found.st_size
    return total


def _take(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        try:
            shutil.copy2(source, target)
        except OSError as problem:
            raise ClassroomError(
                f"A file cannot be copied: expected {target} as a copy of {source}, found: {problem.strerror}. Correct "
                "that and run this again.") from problem
