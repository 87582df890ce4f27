# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle put together of packages, images and, where there is one, another bundle: planned, then made aside."""

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
    """What a bundle is to be made of.

    `images` maps full references to digests, to be found in the OCI layout `layout`; `kubectl` is a program's path or
    empty; what `existing`, another bundle's directory, has comes in as well. `versions` names components' versions.
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
    """What goes where: `sources` maps a path in the bundle to the file that it is made of."""

    draft: Contents
    sources: Mapping[str, str]
    index: Sequence[Mapping[str, Any]]


def plan(spec: BundleSpec, signer: str) -> BundlePlan:
    """What the bundle will be made of, with a key that is equal for equal inputs and an equal signing key `signer`.

    Reads manifests and the checksums of what is added; raises ClassroomError for what cannot be together.
    """
    base = _base(spec)
    architecture = base.architecture if base else spec.architecture
    if base and spec.architecture and base.architecture != spec.architecture:
        raise ClassroomError(
            f"Wanted a bundle for {spec.architecture}, found one for {base.architecture} in {spec.existing}; give each "
            "architecture a bundle of its own.")
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
    """Put everything into `directory`, which must not be there yet, and seal it.

    Files of the same file system become links, so that a bundle of another one's files costs nothing.
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
    """Whether a file of another bundle is taken over; indexes and signatures are made anew, as is the images' list."""
    parts = name.split("/")
    is_distribution = parts[0] == bundle_contents.DISTRIBUTIONS and len(parts) > 3 and parts[2] == "pool"
    return is_distribution or name.startswith(("apt/pool/", "rpm/pool/", "oci/blobs/", "bin/"))


def _packages(
    spec: BundleSpec, architecture: str, known: Sequence[LockedPackage], sources: dict[str, str], sums: dict[str, str]
) -> tuple[LockedPackage, ...]:
    strange = [package for package in spec.packages if not package.fits(architecture)]
    if strange:
        raise ClassroomError("Wanted packages for {}, found {}; leave them out, or make a bundle for theirs.".format(
            architecture, ", ".join(f"{each.path} for {each.architecture}" for each in strange)))
    locked = {package.file: package for package in known}
    for package in spec.packages:
        checksum = checksum_of(package.path)
        # rpm files of a bundle carry its own signature, so that they never equal the file that they were made of
        if sums.get(package.target, checksum) != checksum and package.target.startswith("apt/"):
            raise ClassroomError(
                f"Wanted one package {package.name} {package.version}, found two of different content, "
                f"{sources[package.target]} and {package.path}; leave one of them out."
            )
        sources[package.target], sums[package.target] = package.path, checksum
        locked[package.target] = LockedPackage(package.name, package.version, package.target)
    return tuple(locked[name] for name in sorted(locked))


def _images(
    spec: BundleSpec, architecture: str, known: Mapping[str, str], sources: dict[str, str]
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """All images by reference, and the index that names them; their blobs become sources."""
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
    # Blobs of images that have others under their names now are left behind
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
    """Refuse an image that no machine of the bundle's architecture can run, where that can be seen."""
    found = set()
    for part in parts:
        for digest in [] if part.is_list else [blob.digest for blob in part.blobs[:1]]:
            try:
                with open(str(place.blob_path(image_reference.parse(name), digest)), encoding="utf-8") as stream:
                    found.add(str(json.load(stream)["architecture"]))
            except (OSError, ValueError, KeyError, TypeError):
                # No image of a container, or told as a missing blob
                return
    if found and architecture not in found:
        raise ClassroomError(
            "Wanted {0} for {1}, found it for {2}; name a tag that is for {1}, or ask for that platform.".format(
                name, architecture, ", ".join(sorted(found))))


def _incomplete(place: Layout, name: str, digest: str) -> ClassroomError:
    return ClassroomError(
        f"Wanted {name} in {place.root}, found that {digest} of it is missing or damaged there; copy the image again.")


def _check_blobs(contents: Contents) -> None:
    """A blob's name is its checksum."""
    prefix = "oci/blobs/sha256/"
    wrong = [
        f"{name}: its content has sha256 {checksum}; copy its image again."
        for name, checksum in contents.files.items() if name.startswith(prefix) and name != prefix + checksum
    ]
    if wrong:
        raise ClassroomError("\n".join(wrong))


def _bytes_to_copy(prepared: BundlePlan, parent: str) -> int:
    """What linking does not save: files of other file systems, and packages that get a signature."""
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
            raise ClassroomError(f"Wanted {target} as a copy of {source}, found: {problem.strerror}.") from problem
