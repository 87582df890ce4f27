# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources and destinations of images with a common interface: registries, directories, the storage of containers."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .._core.errors import ClassroomError
from . import layout as image_layout
from . import manifest as image_manifest
from . import reference as image_reference
from . import skopeo
from .manifest import Manifest
from .reference import Reference
from .registry import Access, Registry
from .registry_auth import Credentials

REGISTRY, DIRECTORY, LAYOUT, STORAGE = "registry", "dir", "oci", "containers_storage"


@dataclass(frozen=True)
class EndpointSpec:
    """A desired source or destination; `names` is mirror or scoped and is used with `address` only."""

    kind: str
    path: str = ""
    scoped: bool = False
    address: str = ""
    ca: str = ""
    tls: bool = True
    names: str = "mirror"

    def __str__(self) -> str:
        return self.address or self.path or {REGISTRY: "the upstream registries"}.get(self.kind, self.kind)


@dataclass(frozen=True)
class TransferOptions:
    """Common options: a temporary directory, credentials, and timeout (seconds) and retries for a registry."""

    work: str
    authfile: str = ""
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    timeout: float = 120
    retries: int = 3


class Source(Protocol):
    """The interface of a place from which images are copied."""

    def digest(self, image: Reference) -> str:
        """Return the current digest of the image's tag, empty if there is none."""

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        """Return a manifest by tag or digest, None if there is none."""

    def blob(self, image: Reference, digest: str) -> bytes:
        """Return the content of a small blob; raise ClassroomError if it is missing."""

    def opened(
        self, image: Reference, top: Manifest, parts: Sequence[Manifest]
    ) -> contextlib.AbstractContextManager[skopeo.End]:
        """Return a context with skopeo's name and options of the image `top`."""

    def named(self, image: Reference) -> str:
        """Return the name of the image at this place, for messages."""

    def identity(self, image: Reference, whole: Manifest) -> str:
        """Return the digest that is locked for a name: the one that `digest` returns."""


class RegistryPlace:
    """A Source in the upstream registries, or with an address in one registry that replaces all of them."""

    def __init__(self, wanted: EndpointSpec, means: TransferOptions) -> None:
        self._wanted = wanted
        self._means = means
        self._registries: dict[str, Registry] = {}
        self._making = threading.Lock()
        self._options = tuple(self._skopeo_options())

    def where(self, image: Reference) -> tuple[str, str]:
        """Return host and repository of an image."""
        if not self._wanted.address:
            return image.host, image.repository
        host, slash, prefix = self._wanted.address.partition("/")
        path = [prefix] if slash and prefix else []
        if self._wanted.names == "scoped":
            path.append(image.host)
        return host, "/".join([*path, image.repository])

    def digest(self, image: Reference) -> str:
        """Return the current digest of the image's tag, with a request that registries do not count as a pull."""
        host, repository = self.where(image)
        return self.registry(host).digest(repository, image.ending)

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        host, repository = self.where(image)
        return self.registry(host).manifest(repository, ending)

    def blob(self, image: Reference, digest: str) -> bytes:
        host, repository = self.where(image)
        return self.registry(host).blob(repository, digest)

    def has_blob(self, image: Reference, digest: str, size: int) -> bool:
        """Return whether the registry has a blob of this size (-1: of any size)."""
        host, repository = self.where(image)
        found = self.registry(host).blob_size(repository, digest)
        return found is not None and (found == size or -1 in (found, size))

    def end(self, image: Reference, ending: str) -> skopeo.End:
        """Return skopeo's name and options of an image by tag or digest."""
        host, repository = self.where(image)
        name = "docker://{}/{}{}{}".format(host, repository, "@" if ":" in ending else ":", ending)
        return skopeo.End(name, self._options)

    @contextlib.contextmanager
    def opened(self, image: Reference, top: Manifest, parts: Sequence[Manifest]) -> Iterator[skopeo.End]:
        yield self.end(image, top.digest)

    def named(self, image: Reference) -> str:
        host, repository = self.where(image)
        return f"docker://{host}/{repository}"

    def identity(self, image: Reference, whole: Manifest) -> str:
        return whole.digest

    def registry(self, host: str) -> Registry:
        """Return the registry of a host, the same object for each call."""
        with self._making:
            if host not in self._registries:
                access = Access(
                    self._wanted.tls, self._wanted.ca, self._means.credentials, self._means.timeout,
                    self._means.retries)
                self._registries[host] = Registry(host, access)
            return self._registries[host]

    def _skopeo_options(self) -> Iterator[str]:
        yield "tls-verify={}".format("true" if self._wanted.tls else "false")
        if self._means.authfile:
            yield f"authfile={self._means.authfile}"
        else:
            # Logins of the user are not used: a run has only the given credentials
            yield "no-creds"
        if self._wanted.ca:
            # skopeo requires a directory and reads only names that end in crt
            directory = tempfile.mkdtemp(prefix="ca.", dir=self._means.work)
            try:
                shutil.copyfile(self._wanted.ca, os.path.join(directory, "ca.crt"))
            except OSError as problem:
                raise ClassroomError(
                    f"The CA of the registry cannot be read: expected a certificate (PEM) in {self._wanted.ca}, found: "
                    f"{problem.strerror}. Set the file with the CA of the registry.") from problem
            yield f"cert-dir={directory}"


class LocalSource:
    """A Source in an OCI layout or in a tree of directories."""

    def __init__(self, place: image_layout.Local, means: TransferOptions) -> None:
        self._place = place
        self._means = means

    def digest(self, image: Reference) -> str:
        return self._place.digest(image)

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        return self._place.manifest(image, ending)

    def blob(self, image: Reference, digest: str) -> bytes:
        path = self._place.blob_path(image, digest)
        if path is None:
            raise ClassroomError(f"the blob {digest} is missing in {self._place.root}")
        with open(path, "rb") as stream:
            return stream.read()

    @contextlib.contextmanager
    def opened(self, image: Reference, top: Manifest, parts: Sequence[Manifest]) -> Iterator[skopeo.End]:
        with tempfile.TemporaryDirectory(prefix="view.", dir=self._means.work) as work:
            files = {}
            for part in parts:
                files[part.digest] = os.path.join(work, part.digest.partition(":")[2])
                with open(files[part.digest], "wb") as stream:
                    stream.write(part.content)
            for digest in image_manifest.blobs(parts):
                path = self._place.blob_path(image, digest)
                if path is None:
                    raise ClassroomError(
                        f"the blob {digest} is missing in {self._place.root}. Copy the source again")
                files[digest] = path
            layout = os.path.join(work, "layout")
            image_layout.view(layout, top, files)
            yield skopeo.End("oci:" + layout)

    def named(self, image: Reference) -> str:
        if isinstance(self._place, image_layout.Tree):
            return "dir:" + self._place.place(image)
        return f"oci:{self._place.root}:{image.name}"

    def identity(self, image: Reference, whole: Manifest) -> str:
        return whole.digest


class StorageSource:
    """A Source in the storage of podman, buildah and CRI-O.

    The storage keeps layers unpacked, so its images have no digest that a copy can have. Each image is exported once
    into a temporary layout, and the digest there is locked.
    """

    def __init__(self, path: str, means: TransferOptions) -> None:
        self._path = path
        self._means = means
        self._exported: dict[str, LocalSource] = {}
        self._exporting = threading.Lock()

    def digest(self, image: Reference) -> str:
        try:
            return image_manifest.digest_of(skopeo.raw_manifest(self._end(image), self._means.timeout))
        except skopeo.SkopeoFailed as problem:
            if skopeo.is_missing(problem) or "not known" in str(problem) or "not resolve" in str(problem):
                return ""
            raise

    def manifest(self, image: Reference, ending: str) -> Manifest | None:
        found = self._export(image).manifest(image, image.ending) if self.digest(image) else None
        # Another version of skopeo may pack the same image differently
        return found if found is None or ":" not in ending or found.digest == ending else None

    def blob(self, image: Reference, digest: str) -> bytes:
        return self._export(image).blob(image, digest)

    def opened(
        self, image: Reference, top: Manifest, parts: Sequence[Manifest]
    ) -> contextlib.AbstractContextManager[skopeo.End]:
        return self._export(image).opened(image, top, parts)

    def named(self, image: Reference) -> str:
        return self._end(image).name

    def identity(self, image: Reference, whole: Manifest) -> str:
        return self.digest(image)

    def _end(self, image: Reference) -> skopeo.End:
        return skopeo.End("containers-storage:{}{}".format(f"[{self._path}]" if self._path else "",
                                                           image.name))

    def _export(self, image: Reference) -> LocalSource:
        with self._exporting:
            if image.name not in self._exported:
                root = tempfile.mkdtemp(prefix="export.", dir=self._means.work)
                skopeo.copy(self._end(image), skopeo.End(f"oci:{root}:exported"), whole=False,
                            same_digest=False, timeout=self._means.timeout)
                self._exported[image.name] = LocalSource(_Single(root), self._means)
            return self._exported[image.name]


class _Single(image_layout.Layout):
    """A layout of one image with any name."""

    def digest(self, image: Reference) -> str:
        return str(self._entries()[0]["digest"])


def source_of(wanted: EndpointSpec, means: TransferOptions) -> Source:
    """Return the source of a specification; raise ClassroomError for a missing directory."""
    if wanted.kind == REGISTRY:
        return RegistryPlace(wanted, means)
    if wanted.kind == STORAGE:
        return StorageSource(wanted.path, means)
    if not os.path.isdir(wanted.path):
        raise ClassroomError(
            f"The source of the images is missing: expected the directory {wanted.path}, found none. Set the path of "
            "the directory that has them.")
    return LocalSource(local_of(wanted), means)


def local_of(wanted: EndpointSpec) -> image_layout.Local:
    """Return the directory tree or OCI layout of a specification."""
    if wanted.kind == DIRECTORY:
        return image_layout.Tree(wanted.path, wanted.scoped)
    return image_layout.Layout(wanted.path)


def check_names(wanted: EndpointSpec, images: Mapping[str, Reference]) -> None:
    """Raise ClassroomError for images that would get the same name, or an invalid one, in a destination."""
    found = image_reference.clashes(_owners(wanted, images.values()))
    if found:
        raise ClassroomError(
            "Images have the same name at the destination: expected a unique name for each image in {}, found {}. {}, "
            "or leave one of each out.".format(
                wanted, "; ".join(found),
                "Scope the names (names: scoped)" if wanted.kind == REGISTRY else "Scope the names (scoped: true)"))
    if wanted.kind == REGISTRY and wanted.names == "scoped":
        odd = sorted(image.name for image in images.values() if ":" in image.host)
        if odd:
            raise ClassroomError(
                "Names of images cannot be scoped: expected hosts without a port as a part of the names in {}, found "
                "hosts with a port, which a repository's name cannot have: {}. Use names: mirror for these.".format(
                    wanted, ", ".join(odd)))


def _owners(wanted: EndpointSpec, images: Iterable[Reference]) -> Iterator[tuple[str, str, str]]:
    for image in images:
        if wanted.kind == REGISTRY and wanted.names == "mirror":
            yield image.repository, image.host, image.name
        elif wanted.kind == DIRECTORY and not wanted.scoped:
            yield image.name.rpartition("/")[2], image.name, image.name


def parsed(options: Mapping[str, Any]) -> EndpointSpec:
    """Return a source or destination from the options of the module; raise ClassroomError for an invalid address."""
    address = options.get("address") or ""
    if address and not image_reference.ADDRESS.fullmatch(address):
        # Not shown: it may have a password
        raise ClassroomError(
            "The address of a registry is invalid: expected HOST:PORT or HOST:PORT/PATH, found another form. Leave out "
            "scheme and login, which have separate options.")
    return EndpointSpec(
        options["type"], options.get("path") or "", bool(options.get("scoped")), address,
        options.get("ca") or "", options.get("tls") is not False, options.get("names") or "mirror")
