# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image registry over HTTP, as the OCI distribution specification has it: just what a mirror is filled with."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from .errors import ClassroomError

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
TIMEOUT = 120


class RegistrySilent(ClassroomError):
    """Nothing answers at the registry's address: perhaps it is not installed yet."""


class Registry:
    """A registry without TLS and login, on this machine or on one that it trusts.

    May be used by several threads: each has a connection of its own, kept open between calls.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._threads = threading.local()

    def digest(self, repository: str, reference: str) -> str:
        """The digest of the manifest that a tag or digest names, empty if there is none."""
        status, headers, _body = self._ask(
            "HEAD", "/v2/{0}/manifests/{1}".format(repository, reference), {"Accept": ", ".join(MANIFEST_TYPES)}
        )
        return headers.get("docker-content-digest", "") if status == 200 else ""

    def has_blob(self, repository: str, digest: str) -> bool:
        return self._ask("HEAD", "/v2/{0}/blobs/{1}".format(repository, digest))[0] == 200

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Make a blob of another repository one of this too, without sending it; False if the registry will not."""
        query = urlencode({"mount": digest, "from": source})
        status, headers, _body = self._ask("POST", "/v2/{0}/blobs/uploads/?{1}".format(repository, query))
        if status == 202:
            # It offers an upload instead, which would stay open
            self._ask("DELETE", headers["location"])
        return status == 201

    def push_blob(self, repository: str, digest: str, path: str) -> None:
        """Send a file. The registry compares the digest before the blob exists."""
        status, headers, body = self._ask("POST", "/v2/{0}/blobs/uploads/".format(repository))
        if status != 202:
            raise self._refused("an upload to {0}".format(repository), status, body)
        location = headers["location"]
        location += ("&" if "?" in location else "?") + urlencode({"digest": digest})
        with open(path, "rb") as stream:
            length = {"Content-Length": str(os.fstat(stream.fileno()).st_size)}
            status, _headers, body = self._ask(
                "PUT", location, {"Content-Type": "application/octet-stream", **length}, stream
            )
        if status != 201:
            raise self._refused("the blob {0} in {1}".format(digest, repository), status, body)

    def push_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        """Send a manifest; all that it names must be there."""
        path = "/v2/{0}/manifests/{1}".format(repository, reference)
        status, _headers, body = self._ask("PUT", path, {"Content-Type": media_type}, content)
        if status != 201:
            raise self._refused("the manifest {0}:{1}".format(repository, reference), status, body)

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on this thread's connection, with all of its answer read, so that the next can follow."""
        problem: Exception | None = None
        # A connection that the registry closed meanwhile shows only when it is used, so a request that can be made
        # again has a second try; the stream of a file is used up by the first
        for _attempt in range(2 if body is None or isinstance(body, bytes) else 1):
            try:
                return self._once(method, target, headers, body)
            except (http.client.HTTPException, OSError) as error:
                problem = error
                self._forget()
        raise RegistrySilent(
            "Wanted an answer from the registry at {0}, found: {1}; see that its service runs and listens there."
            .format(self.address, problem or type(problem).__name__)
        )

    def _once(
        self, method: str, target: str, headers: Mapping[str, str] | None, body: Any
    ) -> tuple[int, dict[str, str], bytes]:
        connection = getattr(self._threads, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT, blocksize=1 << 20)
            self._threads.connection = connection
        url = urlsplit(target)
        path = url.path + ("?" + url.query if url.query else "")
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, content

    def _forget(self) -> None:
        connection = getattr(self._threads, "connection", None)
        if connection is not None:
            connection.close()
            self._threads.connection = None

    def _refused(self, what: str, status: int, body: bytes) -> ClassroomError:
        return ClassroomError(
            "Wanted the registry at {0} to take {1}, found HTTP status {2}: {3}; see the registry's log and the space "
            "on its disk.".format(self.address, what, status, body.decode("utf-8", "replace").strip()[:500])
        )
