# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry in memory that speaks real HTTP, strict about what the distribution specification asks of a client."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Contents:
    """What the registry has, and what was asked of it."""

    def __init__(self) -> None:
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.requests: list[str] = []
        self.mounts = True
        self.refuse = 0
        self.address = ""

    def count(self, method: str, part: str) -> int:
        return sum(line.startswith(method + " ") and part in line for line in self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    contents: Contents

    def log_message(self, *_args: object) -> None:
        """Tests print nothing."""

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _route(self) -> tuple[str, str, str]:
        """The request as repository, kind and name; remembered."""
        self.contents.requests.append(f"{self.command} {self.path}")
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.*)", urlsplit(self.path).path)
        assert match, self.path
        return match.group(1), match.group(2), match.group(3)

    def do_HEAD(self) -> None:
        repository, kind, name = self._route()
        if kind == "blobs":
            self._answer(200 if (repository, name) in self.contents.blobs else 404)
            return
        assert "application/vnd.oci.image.manifest.v1+json" in self.headers["Accept"]
        found = self.contents.manifests.get((repository, name))
        digest = {"Docker-Content-Digest": "sha256:" + hashlib.sha256(found[1]).hexdigest()} if found else {}
        self._answer(200 if found else 404, digest)

    def do_POST(self) -> None:
        repository, _kind, _name = self._route()
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        source = self.contents.blobs.get((query.get("from", ""), query.get("mount", "")))
        if source is not None and self.contents.mounts:
            self.contents.blobs[(repository, query["mount"])] = source
            self._answer(201)
            return
        location = f"http://{self.contents.address}/v2/{repository}/blobs/uploads/1?state=x"
        self._answer(202, {"Location": location})

    def do_PUT(self) -> None:
        repository, kind, name = self._route()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.contents.refuse:
            self._answer(self.contents.refuse, body=b'{"errors":[{"message":"disk full"}]}')
            return
        if kind == "blobs":
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            assert digest == "sha256:" + hashlib.sha256(body).hexdigest()
            self.contents.blobs[(repository, digest)] = body
        else:
            media_type = self.headers["Content-Type"]
            for reference in (name, "sha256:" + hashlib.sha256(body).hexdigest()):
                self.contents.manifests[(repository, reference)] = (media_type, body)
        self._answer(201)

    def do_DELETE(self) -> None:
        self._route()
        self._answer(204)


@contextmanager
def serving() -> Iterator[Contents]:
    """A registry on a free port of this machine."""
    contents = Contents()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"contents": contents}))
    contents.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield contents
    finally:
        server.shutdown()
        server.server_close()
