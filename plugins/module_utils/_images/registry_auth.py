# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read credentials for registries from a file in the format of `podman login --authfile` and `docker login`."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .._core.errors import ClassroomError
from .._core.files import read_text
from .reference import DOCKER_HUB

# Names of Docker Hub in files of Docker
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", DOCKER_HUB)
HIDDEN = "********"


@dataclass(frozen=True)
class Credentials:
    """The entries of an auth file: the base64 of "user:password" by host or host/path. Never shown."""

    entries: Mapping[str, str] = field(default_factory=dict, repr=False)

    def basic(self, host: str, repository: str) -> str:
        """Return the value of a Basic header for a repository, empty for none; the longest matching path wins."""
        for key in _keys(host, repository):
            if key in self.entries:
                return self.entries[key]
        return ""

    def redacted(self, text: str) -> str:
        """Return a text in which all secrets of the credentials are masked."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def _secrets(self) -> Iterator[str]:
        for encoded in self.entries.values():
            yield encoded
            password = _decoded(encoded).partition(":")[2]
            # Shorter ones may occur in any text
            if len(password) > 3:
                yield password


def read(path: str) -> Credentials:
    """Return the credentials in a file, none for an empty path; raise ClassroomError for an invalid file."""
    if not path:
        return Credentials()
    text = read_text(path)
    if text is None:
        raise ClassroomError(
            f"The credentials cannot be read: expected an auth file in {path}, found none. Create it with 'skopeo "
            f"login --authfile {path} REGISTRY'.")
    try:
        document = json.loads(text)
        found = {key: entry["auth"] for key, entry in document.get("auths", {}).items() if entry.get("auth")}
        for encoded in found.values():
            _decoded(encoded)
    except (ValueError, AttributeError, TypeError) as problem:
        # Without its text, which may be a password
        raise ClassroomError(
            f"The credentials cannot be read: expected an auth file as podman, skopeo and docker write it in {path}, "
            f"found another text. Create it with 'skopeo login --authfile {path} REGISTRY'.") from problem
    return Credentials({_plain(key): value for key, value in found.items()})


def _keys(host: str, repository: str) -> Iterator[str]:
    parts = repository.split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join([host, *parts[:length]])
    yield host
    if host == DOCKER_HUB:
        yield from map(_plain, _DOCKER_HUB_KEYS)


def _plain(key: str) -> str:
    """Return a key without the scheme and version that Docker adds to a host."""
    bare = key.partition("://")[2] or key
    host, slash, rest = bare.partition("/")
    return host if not slash or rest.strip("/") in ("v1", "v2", "") else bare


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except binascii.Error as problem:
        raise ValueError("not base64") from problem
