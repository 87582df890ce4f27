# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of an image registry over HTTP (OCI distribution specification), for queries and for filling a mirror.

Login follows that specification and Docker's token specification: a registry that answers 401 names the scheme, Basic
or a Bearer token from another server.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import json
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .manifest import MEDIA_TYPES, Manifest, digest_of, parse
from .reference import ADDRESSES
from .registry_auth import Credentials

TIMEOUT = 120
# Largest manifest or configuration in bytes; both are read into memory
MAX_DOCUMENT = 32 << 20
# Seconds before the first retry, doubled for each further one, and the longest delay that a registry may request
RETRY_DELAY = 0.5
LONGEST_DELAY = 60
REDIRECTS = 5
# Directories in which podman, skopeo and docker look for the CA of one registry
CERTIFICATES = ("/etc/containers/certs.d", "/etc/docker/certs.d")

_ROUTE = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags)/")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryUnreachable(ClassroomError):
    """An unreachable registry: perhaps it is not installed yet."""


class RegistryRefused(ClassroomError):
    """A response of the registry that is not the expected one."""


class _NoResponse(Exception):
    """A missing or incomplete response. The message is what was found."""

    def __init__(self, found: str, lasting: bool = False) -> None:
        super().__init__(found)
        self.lasting = lasting


@dataclass(frozen=True)
class Access:
    """Options of the connection: `timeout` in seconds for one response, `retries` after the first attempt."""

    tls: bool = False
    ca: str = ""
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    timeout: float = TIMEOUT
    retries: int = 0


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry:
    """A registry on this host or another one; without `access` one without TLS and login.

    It may be used by several threads: each has separate connections, which stay open between calls. All methods raise
    RegistryUnreachable or RegistryRefused.
    """

    def __init__(self, address: str, access: Access | None = None) -> None:
        self.address = address
        self.access = access or Access()
        self._threads = threading.local()
        self._tokens: dict[tuple[str, str, bool], str] = {}
        self._given_up = False

    def digest(self, repository: str, reference: str) -> str:
        """Return the digest of a manifest by tag or digest, empty if there is none."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask("HEAD", path, {"Accept": ", ".join(MEDIA_TYPES)})
        if answer.status not in (200, 404):
            raise self._refused(f"the digest of {repository}:{reference}", answer)
        if answer.status == 404:
            return ""
        told = answer.headers.get("docker-content-digest", "")
        if not told:
            # Only recommended by the specification
            manifest = self.manifest(repository, reference)
            told = manifest.digest if manifest else ""
        return told

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return a manifest by tag or digest, None if there is none."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask("GET", path, {"Accept": ", ".join(MEDIA_TYPES)})
        if answer.status == 404:
            return None
        what = f"the manifest {repository}:{reference}"
        if answer.status != 200:
            raise self._refused(what, answer)
        if ":" in reference and digest_of(answer.body) != reference:
            raise RegistryRefused(
                f"The registry at {self.address} sent wrong content: expected {what}, found other content under this "
                "digest. Check proxies between this host and the registry.")
        try:
            return parse(answer.body, answer.headers.get("content-type", "").partition(";")[0])
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise RegistryRefused(
                f"The registry at {self.address} sent an unsupported manifest: expected {what}, found {problem}. Use "
                "an image of OCI or of Docker's schema 2; only these can be copied.") from problem

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a small blob, such as the configuration of an image, after verifying its digest."""
        answer = self._ask("GET", f"/v2/{repository}/blobs/{digest}")
        if answer.status != 200 or digest_of(answer.body) != digest:
            raise self._refused(f"the blob {digest} of {repository}", answer)
        return answer.body

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether the registry has a blob."""
        return self.blob_size(repository, digest) is not None

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Return the size of a blob in bytes, -1 if the registry does not report it, None if there is no such blob."""
        answer = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}")
        if answer.status not in (200, 404):
            raise self._refused(f"the size of the blob {digest} in {repository}", answer)
        return int(answer.headers.get("content-length", -1)) if answer.status == 200 else None

    def mount_blob(self, repository: str, digest: str, source: str) -> bool:
        """Mount a blob of another repository in this one without sending it; return False if that is not possible."""
        query = urlencode({"mount": digest, "from": source})
        answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/?{query}")
        if answer.status == 202:
            # The registry offers an upload instead, which would stay open
            self._ask("DELETE", _local(answer.headers["location"]))
        return answer.status == 201

    def push_blob(self, repository: str, digest: str, path: str) -> None:
        """Upload a file. The registry verifies the digest before the blob exists."""
        answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        if answer.status != 202:
            raise self._refused(f"an upload to {repository} to be accepted", answer)
        location = _local(answer.headers["location"])
        location += ("&" if "?" in location else "?") + urlencode({"digest": digest})
        with open(path, "rb") as stream:
            length = {"Content-Length": str(os.fstat(stream.fileno()).st_size)}
            answer = self._ask("PUT", location, {"Content-Type": "application/octet-stream", **length}, stream)
        if answer.status != 201:
            raise self._refused(f"the blob {digest} to be accepted in {repository}", answer)

    def push_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> None:
        """Upload a manifest; its blobs must exist."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask("PUT", path, {"Content-Type": media_type}, content)
        if answer.status != 201:
            raise self._refused(f"the manifest {repository}:{reference} to be accepted", answer)

    def _ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> _Answer:
        """Send a request and return the response, with retries while the registry is unreachable, busy or broken.

        The stream of a file is consumed by the first attempt. After all retries have failed once, an unreachable
        registry is not retried again.
        """
        repeatable = body is None or isinstance(body, bytes)
        retries = self.access.retries if repeatable and not self._given_up else 0
        for attempt in range(retries + 1):
            delay = RETRY_DELAY * 2 ** attempt
            try:
                answer = self._authorised(method, target, dict(headers or {}), body)
            except _NoResponse as problem:
                if attempt == retries or problem.lasting:
                    self._given_up = self._given_up or repeatable
                    raise RegistryUnreachable(
                        f"The registry is unreachable: expected a response from {self.address}, found: {problem}. "
                        f"Check that its service runs and listens there{self._conditions()}.") from problem
            else:
                if answer.status != 429 and answer.status < 500:
                    return answer
                delay = max(delay, _requested_delay(answer))
                if attempt == retries or delay > LONGEST_DELAY:
                    return answer
            time.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _authorised(self, method: str, target: str, headers: dict[str, str], body: Any) -> _Answer:
        """Send one request, with a login if it is required, and follow redirections."""
        url = urljoin(self._base(), target)
        for _redirect in range(REDIRECTS + 1):
            key = self._key(method, url)
            answer = self._send(method, url, headers, body, self._tokens.get(key, ""))
            if answer.status == 401 and "www-authenticate" in answer.headers:
                token = self._login(url, answer.headers["www-authenticate"], key[1])
                if token and token != self._tokens.get(key) and (body is None or isinstance(body, bytes)):
                    self._tokens[key] = token
                    answer = self._send(method, url, headers, body, token)
            if answer.status not in (301, 302, 303, 307, 308) or method not in ("GET", "HEAD"):
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise _NoResponse(f"more than {REDIRECTS} redirections", lasting=True)

    def _conditions(self) -> str:
        """Return further conditions for a response, for the message."""
        tls = ", with TLS" if self.access.tls else ""
        base = urlsplit(self._base())
        if not _proxy(base.scheme, base.netloc).address:
            return tls
        return tls + ", and that the proxy of the environment accepts the login in its URL"

    def _base(self) -> str:
        host = ADDRESSES.get(self.address, self.address)
        return "{}://{}/".format("https" if self.access.tls else "http", host)

    def _key(self, method: str, url: str) -> tuple[str, str, bool]:
        """Return the scope of a token: host, repository, and whether it is for writing."""
        parts = urlsplit(url)
        route = _ROUTE.match(parts.path)
        return parts.netloc, route.group(1) if route else "", method not in ("GET", "HEAD")

    def _login(self, url: str, challenge: str, repository: str) -> str:
        """Return the Authorization header for a challenge, empty if there are no matching credentials."""
        scheme, _blank, rest = challenge.partition(" ")
        host = urlsplit(url).netloc
        named = self.address if host == urlsplit(self._base()).netloc else host
        basic = self.access.credentials.basic(named, repository)
        if scheme.lower() == "basic":
            return "Basic " + basic if basic else ""
        words = dict(_PARAMETER.findall(rest))
        realm = words.pop("realm", "")
        if scheme.lower() != "bearer" or not realm:
            return ""
        if basic and self.access.tls and not realm.startswith("https://"):
            # A password that is meant for TLS is not sent without
            basic = ""
        query = urlencode({key: words[key] for key in ("service", "scope") if key in words})
        answer = self._send(
            "GET", realm + ("&" if "?" in realm else "?") + query, {}, None, "Basic " + basic if basic else "")
        with contextlib.suppress(ValueError, AttributeError):
            document = json.loads(answer.body)
            token = document.get("token") or document.get("access_token")
            if answer.status == 200 and token:
                return f"Bearer {token}"
        return ""

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Any, authorization: str) -> _Answer:
        """Send one request on the connection of this thread and read the whole response, so that it can be reused."""
        parts = urlsplit(url)
        known = self._connections()
        key = (parts.scheme, parts.netloc)
        # A connection that the registry has closed is noticed only when it is used, so a repeatable request has a
        # second try; the stream of a file is consumed by the first
        for fresh in (False, True):
            reused = key in known
            connection = known.get(key) or self._connected(parts.scheme, parts.netloc)
            known[key] = connection
            try:
                sent = dict(headers, Authorization=authorization) if authorization else dict(headers)
                path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
                proxy = _proxy(parts.scheme, parts.netloc)
                if proxy.address and parts.scheme == "http":
                    path = "http://" + parts.netloc + path
                    sent.update(proxy.headers)
                connection.request(method, path, body=body, headers=sent)
                return self._read(connection.getresponse())
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                del known[key]
                if fresh or not reused or not (body is None or isinstance(body, bytes)):
                    raise _NoResponse(_words(error), isinstance(error, ssl.SSLCertVerificationError)) from error
        raise AssertionError("the second attempt returns or raises")

    def _read(self, response: http.client.HTTPResponse) -> _Answer:
        deadline = Deadline(self.access.timeout)
        pieces: list[bytes] = []
        while True:
            piece = response.read1(1 << 16)
            if not piece:
                break
            pieces.append(piece)
            if deadline.expired or sum(map(len, pieces)) > MAX_DOCUMENT:
                raise TimeoutError(f"no end of the answer within {self.access.timeout:g} s")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Without this the connection cannot send another request
        response.close()
        headers = {key.lower(): value for key, value in response.getheaders()}
        return _Answer(response.status, headers, b"".join(pieces))

    def _connections(self) -> dict[tuple[str, str], http.client.HTTPConnection]:
        if not hasattr(self._threads, "connections"):
            self._threads.connections = {}
        found: dict[tuple[str, str], http.client.HTTPConnection] = self._threads.connections
        return found

    def _connected(self, scheme: str, host: str) -> http.client.HTTPConnection:
        """Return a connection to the host, or to its proxy from the environment.

        A request to a proxy without TLS names the whole URL (RFC 9112, 3.2.2), one with TLS goes through a tunnel.
        """
        timeout = self.access.timeout
        proxy = _proxy(scheme, host)
        if scheme != "https":
            return http.client.HTTPConnection(proxy.address or host, timeout=timeout, blocksize=1 << 20)
        connection = http.client.HTTPSConnection(
            proxy.address or host, timeout=timeout, blocksize=1 << 20, context=self._trust(host))
        if proxy.address:
            connection.set_tunnel(host, headers=proxy.headers)
        return connection

    def _trust(self, host: str) -> ssl.SSLContext:
        """Return a context with the CAs of the system, of podman and skopeo for the registry, and the given one."""
        context = ssl.create_default_context()
        # The CA of a classroom need not have every extension of RFC 5280; Python 3.13 requires them, skopeo does not
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            for path in _certificates(host):
                context.load_verify_locations(path)
            if self.access.ca:
                context.load_verify_locations(self.access.ca)
        except (OSError, ssl.SSLError) as problem:
            raise ClassroomError(
                f"The CA of the registry cannot be read: expected a certificate (PEM) in {self.access.ca}, found: "
                f"{problem}. Set the file with the CA of the registry.") from problem
        return context

    def _refused(self, what: str, answer: _Answer) -> RegistryRefused:
        told = answer.body.decode("utf-8", "replace").strip()[:500]
        advice = {
            401: "Check that the repository exists and that the auth file has credentials for it",
            403: "Check that these credentials permit the request",
            407: "Add the proxy's login to its URL in the environment (http_proxy, https_proxy)",
            429: "Wait until the registry accepts more requests, or log in",
        }.get(answer.status, "Check the registry's log and the space on its disk")
        return RegistryRefused(self.access.credentials.redacted(
            "The registry at {} rejected a request: expected {}, found HTTP status {}{}. {}.".format(
                self.address, what, answer.status, ": " + told if told else "", advice)
        ))


def _local(location: str) -> str:
    """Return the path of an upload without its host: behind a TLS proxy a registry does not know its address."""
    url = urlsplit(location)
    return url.path + ("?" + url.query if url.query else "")


def _certificates(host: str) -> Iterator[str]:
    for directory in CERTIFICATES:
        with contextlib.suppress(OSError):
            names = sorted(os.listdir(os.path.join(directory, host)))
            yield from (os.path.join(directory, host, name) for name in names if name.endswith(".crt"))


@dataclass(frozen=True)
class _Proxy:
    """A proxy as `host:port`, empty for a direct connection, and the headers that it requires."""

    address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def _proxy(scheme: str, host: str) -> _Proxy:
    """Return the proxy of the environment (`http_proxy`, `https_proxy`, `no_proxy`) for a URL of this host.

    A login in its URL is percent-encoded (RFC 3986, 3.2.1). Raises ClassroomError for a proxy that is no HTTP proxy.
    """
    url = "" if _is_direct(host) else getproxies().get(scheme, "")
    if not url:
        return _Proxy()
    parts = urlsplit(url if "://" in url else "//" + url, scheme="http")
    try:
        address = "{}:{}".format(parts.netloc.rpartition("@")[2].partition(":")[0], parts.port or 80)
        if parts.hostname and ":" in parts.hostname:
            address = f"[{parts.hostname}]:{parts.port or 80}"
    except ValueError:
        address = ""
    if parts.scheme != "http" or not parts.hostname or not address:
        # Without the URL, which may have a password
        raise ClassroomError(
            f"The environment variable {scheme}_proxy is not the URL of an HTTP proxy: expected http://host:port, "
            f"found another form. Correct it, or name {host} in no_proxy. Nothing was changed.")
    if parts.username is None:
        return _Proxy(address)
    login = "{}:{}".format(unquote(parts.username), unquote(parts.password or ""))
    return _Proxy(address, {
        "Proxy-Authorization": "Basic " + base64.b64encode(login.encode("utf-8")).decode("ascii")})


def _is_direct(host: str) -> bool:
    """Return whether a host is reached without a proxy: this host, and the names and networks of `no_proxy`."""
    name = urlsplit("//" + host).hostname or ""
    if name == "localhost" or proxy_bypass(host):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or any(
        address in network for entry in getproxies().get("no", "").split(",") for network in _networks(entry.strip()))


def _networks(text: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    # urllib compares only names; the Go programs of containers support networks, too
    with contextlib.suppress(ValueError):
        yield ipaddress.ip_network(text, strict=False)


def _requested_delay(answer: _Answer) -> float:
    """Return the delay in seconds that a busy registry requests; registries do not use the form with a date."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdigit() else 0


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return "an answer without TLS"
    if isinstance(error, http.client.IncompleteRead):
        return "an answer that was cut off"
    return str(error) or type(error).__name__
