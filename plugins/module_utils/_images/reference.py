# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse references of images, and find names that would be equal in a destination."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .._core.errors import ClassroomError

# The annotation with which an OCI layout names its images
REFERENCE = "org.opencontainers.image.ref.name"

DOCKER_HUB = "docker.io"
# The host of a registry, where it is not the name of the registry
ADDRESSES = {DOCKER_HUB: "registry-1.docker.io"}

# The grammar of the distribution specification; a host may have a port
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
ADDRESS = re.compile(rf"{_HOST.pattern}(?:/{_REPOSITORY.pattern})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """The full name of an image. `tag` or `digest` may be empty, not both."""

    host: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Return the name under which the image is stored: with the tag if there is one, otherwise with the digest."""
        end = ":" + self.tag if self.tag else "@" + self.digest
        return f"{self.host}/{self.repository}{end}"

    @property
    def ending(self) -> str:
        """Return the registry's name of the manifest: the tag, otherwise the digest."""
        return self.tag or self.digest


def parse(text: str) -> Reference:
    """Parse a reference; raise ClassroomError for an invalid one.

    A name without a host belongs to Docker Hub, as in container runtimes.
    """
    rest, at, digest = text.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = DOCKER_HUB, rest if slash else "library/" + rest
    repository, colon, tag = path.partition(":")
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        raise _unusable(text, "no such name")
    if (colon and not _TAG.fullmatch(tag)) or (at and not DIGEST.fullmatch(digest)):
        raise _unusable(text, "no such tag or digest")
    if not tag and not digest:
        raise _unusable(text, "neither tag nor digest")
    return Reference(host, repository, tag, digest)


def clashes(owners: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return a text such as "this and that" for each name that several owners need.

    Each owner is a tuple of the needed name, the identity of the owner, and its name for messages. A mirror, for
    example, has one repository of a name, so that two hosts must not need the same.
    """
    wanted: dict[str, dict[str, str]] = {}
    for name, owner, told in owners:
        wanted.setdefault(name, {})[owner] = told
    return [" and ".join(sorted(found.values())) for found in wanted.values() if len(found) > 1]


def _unusable(text: str, found: str) -> ClassroomError:
    # A mistaken name with credentials must not be shown
    shown = text.rpartition("@")[2] if "://" in text else text
    return ClassroomError(
        "The reference of an image is invalid: expected a full name with tag or digest, like "
        f"registry.k8s.io/pause:3.10.2, found {found} in '{shown}'. Write the tag, also if it is latest.")
