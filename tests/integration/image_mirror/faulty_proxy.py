# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proxy in front of a registry that answers badly on purpose, and remembers what it passed on."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16


@dataclass
class Fault:
    """What happens to requests that fit, `times` times: another status, a pause, an answer cut off, or a slow one.

    `fits` is a regular expression for "METHOD PATH"; `delay` is in seconds, `cut` and `rate` (per second) in bytes.
    """

    fits: str
    times: int = 1 << 30
    status: int = 0
    retry_after: str = ""
    delay: float = 0
    cut: int = -1
    rate: int = 0


@dataclass
class Traffic:
    """The proxy's address, its faults, and for each answered request (method, path, bytes of the answer's body)."""

    address: str = ""
    faults: list[Fault] = field(default_factory=list)
    answered: list[tuple[str, str, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, line: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.fits, line):
                    fault.times -= 1
                    return fault
        return None

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, f"{method} {path}")) for method, path, _size in self.answered)

    def sent(self, pattern: str) -> int:
        """Bytes of all answers to requests that fit."""
        return sum(size for method, path, size in self.answered if re.search(pattern, f"{method} {path}"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    traffic: Traffic
    upstream: str

    def log_message(self, *_args: object) -> None:
        """Tests print nothing."""

    def _serve(self) -> None:
        body = self._body()
        fault = self.traffic.fault(f"{self.command} {self.path}")
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.status:
            extra = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            self._answer(fault.status, {"Content-Type": "text/plain", **extra}, b"this proxy is faulty")
            return
        upstream = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            # skopeo sends a header for each type that it accepts
            for name, value in self.headers.items():
                if name.lower() not in ("transfer-encoding", "content-length"):
                    upstream.putheader(name, value)
            if body is not None:
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            self._pass_on(upstream.getresponse(), fault)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while length := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length) if length else None

    def _pass_on(self, response: http.client.HTTPResponse, fault: Fault | None) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        sent = 0
        while self.command != "HEAD" and (piece := response.read(PIECE)):
            if fault and fault.cut >= 0:
                piece = piece[: fault.cut - sent]
            self.wfile.write(piece)
            sent += len(piece)
            if fault and fault.rate:
                time.sleep(len(piece) / fault.rate)
            if fault and 0 <= fault.cut <= sent:
                self.close_connection = True
                break
        self._remember(sent)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self._remember(0)

    def _remember(self, size: int) -> None:
        with self.traffic.lock:
            self.traffic.answered.append((self.command, self.path, size))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed half way is what tests do."""


@contextlib.contextmanager
def before(upstream: str) -> Iterator[Traffic]:
    """A proxy in front of the registry at HOST:PORT."""
    traffic = Traffic()
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"traffic": traffic, "upstream": upstream}))
    traffic.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield traffic
    finally:
        server.shutdown()
        server.server_close()
