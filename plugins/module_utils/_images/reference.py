# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of images: what a reference says, and which names would fall together in a destination."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .._core.errors import ClassroomError

# How an OCI layout names its images
REFERENCE = "org.opencontainers.image.ref.name"

DOCKER_HUB = "docker.io"

# The grammar of the distribution specification; a host may have a port
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
ADDRESS = re.compile(rf"{_HOST.pattern}(?:/{_REPOSITORY.pattern})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """An image by its full name. `tag` or `digest` may be empty, not both."""

    host: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """The name that it is kept under: by tag if there is one, since a tag is what a name is for."""
        end = ":" + self.tag if self.tag else "@" + self.digest
        return f"{self.host}/{self.repository}{end}"

    @property
    def ending(self) -> str:
        """What a registry calls this manifest."""
        return self.tag or self.digest


def parse(text: str) -> Reference:
    """What a reference says. A name without a host is one of Docker Hub, as container runtimes have it."""
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
    """Names that several owners want, as "this and that".

    Each owner is (the name that it wants, what tells owners apart, how a person knows it). A mirror, for example, has
    one repository of a name, so that two hosts must not want the same.
    """
    wanted: dict[str, dict[str, str]] = {}
    for name, owner, told in owners:
        wanted.setdefault(name, {})[owner] = told
    return [" and ".join(sorted(found.values())) for found in wanted.values() if len(found) > 1]


def _unusable(text: str, found: str) -> ClassroomError:
    # A name with credentials in it is somebody's mistake, and not to be repeated
    shown = text.rpartition("@")[2] if "://" in text else text
    return ClassroomError(
        f"Wanted images by full name with tag or digest, like registry.k8s.io/pause:3.10.2, found {found} in "
        f"'{shown}'; write "
        "the tag that is meant, also where it is latest."
    )
