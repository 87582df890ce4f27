# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the Kubernetes API that distinguishes its failures.

One connection is kept for all requests of a module: a TLS handshake takes longer than the requests themselves. No proxy
is used, because a cluster's API is on the network of its own hosts.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from .kubeconfig import Kubeconfig

# OpenSSL's numbers for an unknown issuer: the server's certificate is from another CA.
_FOREIGN = frozenset({2, 7, 18, 19, 20, 21, 27})
_DATES = frozenset({9, 10})
_NAMES = frozenset({62, 63, 64})


class ApiError(Exception):
    """A request without a result; the message contains the response or its absence."""


class Unreachable(ApiError):
    """No response, a response that is not an API server's, or (subclass Unavailable) a temporary failure."""


class Unavailable(Unreachable):
    """The server responded with 429 or 5xx: this request failed, and another one may succeed."""


class Untrusted(ApiError):
    """The server's certificate is not trusted: `why` is `ca`, `dates`, `name` or `other`."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


class AccessDenied(ApiError):
    """401: the client's certificate is not accepted. 403: it is, but may not do this."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotFound(ApiError):
    """The server responded that the object does not exist."""


class RequestRejected(ApiError):
    """Any other response that is not a success."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def is_lost(problem: ApiError) -> bool:
    """Return whether the server does not respond at all, so that every further request would wait for its timeout."""
    return isinstance(problem, Unreachable) and not isinstance(problem, Unavailable)


class Api(Protocol):
    """The requests that modules make; unit tests implement their own."""

    def get(self, path: str) -> Any: ...
    def post(self, path: str, body: dict[str, Any]) -> Any: ...
    def patch(self, path: str, body: dict[str, Any]) -> Any: ...
    def delete(self, path: str) -> Any: ...


def segment(name: str) -> str:
    """Return a name as one segment of a path, where a colon is allowed, as in kubeadm:nodes."""
    return quote(name, safe=":")


def address(server: str) -> str:
    """Return `host:port` of a server given as URL or as host with or without port; the default port is 6443."""
    host, port = _host_and_port(server)
    return "{}:{}".format(f"[{host}]" if ":" in host else host, port)


def _host_and_port(server: str) -> tuple[str, int]:
    default = 6443
    if "//" in server:
        default = 443
    else:
        server = "https://" + (f"[{server}]" if server.count(":") > 1 and "[" not in server else server)
    parts = urlsplit(server)
    return parts.hostname or "", parts.port or default


# The timeout for a response, as a multiple of that for the connection: an API server that accepts connections runs,
# and on a busy host it may need longer than it takes to detect that a host is down
_ANSWER_FACTOR = 4


class Client:
    """Client of one API server, on one connection. Nothing is sent before the server's certificate was verified.

    `timeout` is in seconds, for the connection; a response may take four times as long.
    """

    def __init__(self, server: str, ca: str, identity: Kubeconfig | None = None, timeout: float = 5.0) -> None:
        self.server = address(server)
        self._host, self._port = _host_and_port(server)
        self._ca = ca
        self._identity = identity
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._request("POST", path, json.dumps(body))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Merge these fields into an object (RFC 7386)."""
        return self._request("PATCH", path, json.dumps(body), "application/merge-patch+json")

    def delete(self, path: str) -> Any:
        return self._request("DELETE", path)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._context()
            )
        if not self._connection.sock:
            self._connection.connect()
            self._connection.sock.settimeout(self._timeout * _ANSWER_FACTOR)
        return self._connection

    def _context(self) -> ssl.SSLContext:
        # Not create_default_context: newer Pythons add X.509 rules there that kubeadm's CA was not written for.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self._ca)
        if self._identity is not None:
            _present(context, self._identity)
        return context

    def _request(self, method: str, path: str, body: str | None = None, kind: str = "application/json") -> Any:
        try:
            connection = self._connected()
            connection.request(method, path, body, {"Accept": "application/json", "Content-Type": kind})
            answer = connection.getresponse()
            status, content = answer.status, answer.read().decode("utf-8", "replace")
        except ssl.SSLCertVerificationError as problem:
            self.close()
            raise Untrusted(
                f"the certificate of {self.server} does not pass: {problem.verify_message}", _why(problem)
            ) from problem
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.close()
            raise Unreachable(f"no answer from {self.server}: {_words(problem)}") from problem
        return _parse_response(status, content, f"{method} {path} at {self.server}")


def _present(context: ssl.SSLContext, identity: Kubeconfig) -> None:
    """Give the context the client's certificate."""
    if identity.certificate_file:
        context.load_cert_chain(identity.certificate_file, identity.key_file or None)
    elif identity.certificate:
        with _in_memory(identity.certificate + identity.key) as name:
            context.load_cert_chain(name)


@contextlib.contextmanager
def _in_memory(text: str) -> Any:
    """Yield a file name for a key that is only in memory: the ssl module reads certificates from files only."""
    descriptor = os.memfd_create("identity")
    try:
        os.write(descriptor, text.encode("utf-8"))
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _why(problem: ssl.SSLCertVerificationError) -> str:
    for codes, name in ((_FOREIGN, "ca"), (_DATES, "dates"), (_NAMES, "name")):
        if problem.verify_code in codes:
            return name
    return "other"


def _words(problem: Exception) -> str:
    if isinstance(problem, socket.timeout):
        return "time ran out"
    return str(getattr(problem, "strerror", None) or problem or type(problem).__name__)


def _parse_response(status: int, content: str, request: str) -> Any:
    if status < 300:
        try:
            return json.loads(content)
        except ValueError:
            # /readyz and similar paths respond with plain text.
            return content
    message = f"{request}: {status} {_message(content)}"
    if status == 404:
        raise NotFound(message)
    if status in (401, 403):
        raise AccessDenied(message, status)
    if status == 429 or status >= 500:
        raise Unavailable(message)
    raise RequestRejected(message, status)


def _message(content: str) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, LookupError, TypeError):
        return content.strip()[:300]


def reachable(server: str, timeout: float = 5.0) -> str:
    """Return why a connection to the server fails, empty when it succeeds. Sends nothing."""
    try:
        with socket.create_connection(_host_and_port(server), timeout=timeout):
            return ""
    except OSError as problem:
        return _words(problem)
