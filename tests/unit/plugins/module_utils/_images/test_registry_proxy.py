# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry behind a real proxy that wants a login, for plain requests and for tunnels."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import registry as registry_api
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.manifest import OCI_MANIFEST, digest_of
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry import Access, Registry
from tests.support import proxy_server

# A name that only the proxy can reach
NAME = "registry.example.test"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"digest": "c"}, "layers": []}).encode()
LOGIN = "teacher:p@ss:w/rd"
ENCODED = "teacher:p%40ss%3Aw%2Frd"


class _Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers.items()))
        self.send_response(200)
        self.send_header("Content-Type", OCI_MANIFEST)
        self.send_header("Content-Length", str(len(MANIFEST)))
        self.end_headers()
        self.wfile.write(MANIFEST)

    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@contextmanager
def served(server: http.server.ThreadingHTTPServer) -> Iterator[tuple[str, int]]:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield "127.0.0.1", int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("tls")
    crt, key = directory / "crt.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(crt)],
        check=True, capture_output=True)
    return crt, key


@pytest.fixture(params=["http", "https"])
def registry(
    request: pytest.FixtureRequest, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, str, Access, list[dict[str, str]], Path]]:
    """The scheme, the proxy's address, how to ask the registry, the headers it got, and the proxy's log."""
    asked: list[dict[str, str]] = []
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Upstream", (_Upstream,), {"asked": asked}))
    access = Access(timeout=10)
    if request.param == "https":
        crt, key = certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        upstream.socket = context.wrap_socket(upstream.socket, server_side=True)
        access = Access(tls=True, ca=str(crt), timeout=10)
    log = tmp_path / "log"
    log.touch()

    class Handler(proxy_server.Handler):
        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    Handler.login, Handler.log = LOGIN, log
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with served(upstream) as place, served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as proxy:
        monkeypatch.setattr(proxy_server, "PACKAGES", place)
        monkeypatch.setattr(proxy_server, "REGISTRY", place)
        yield request.param, f"127.0.0.1:{proxy[1]}", access, asked, log


Fixture = tuple[str, str, Access, list[dict[str, str]], Path]


@pytest.mark.parametrize("prefix", ["http://", ""])
def test_the_login_of_the_proxy_is_sent_to_it_alone(
    registry: Fixture, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    scheme, proxy, access, asked, log = registry
    monkeypatch.setenv(scheme + "_proxy", f"{prefix}{ENCODED}@{proxy}")
    client = Registry(f"{NAME}:5000", access)

    found = [client.manifest("course/app", "1"), client.manifest("course/app", "2")]

    assert [manifest.digest for manifest in found if manifest] == [digest_of(MANIFEST)] * 2
    assert not any("roxy-" in name for headers in asked for name in headers)
    assert {headers["Host"] for headers in asked} == {f"{NAME}:5000"}
    line = log.read_text(encoding="utf-8").splitlines()[0]
    assert line.split()[1:] == (
        ["GET", f"http://{NAME}:5000/v2/course/app/manifests/1"] if scheme == "http" else ["CONNECT", f"{NAME}:5000"])


@pytest.mark.parametrize("login", ["", "teacher:wrong@"])
def test_a_login_that_the_proxy_rejects_is_named_without_the_password(
    registry: Fixture, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    scheme, proxy, access, asked, _log = registry
    monkeypatch.setenv(scheme + "_proxy", f"http://{login}{proxy}")

    with pytest.raises(ClassroomError, match=r"407.*login") as caught:
        Registry(f"{NAME}:5000", access).manifest("course/app", "1")

    assert "wrong" not in str(caught.value) and asked == []


@pytest.mark.parametrize("url", ["https://proxy.example:3128", "socks5://proxy.example:1080", "http://", "http://p:x"])
def test_what_is_no_http_proxy_is_rejected(registry: Fixture, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    scheme, _proxy, access, _asked, _log = registry
    monkeypatch.setenv(scheme + "_proxy", url.replace("//", "//u:secret@"))

    with pytest.raises(ClassroomError, match="expected http://host:port") as caught:
        Registry(f"{NAME}:5000", access).manifest("course/app", "1")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("host", "no_proxy", "direct"), [
    ("localhost:5000", "", True), ("127.0.0.1:5000", "", True), ("[::1]:5000", "", True),
    ("registry.example.test:5000", "", False), ("registry.example.test:5000", ".example.test", True),
    ("192.0.2.10:5000", "", False), ("192.0.2.10:5000", "192.0.2.0/24", True),
    ("192.0.2.10:5000", "example.test, 192.0.2.10", True), ("198.51.100.1:5000", "192.0.2.0/24", False),
    ("[2001:db8::1]:5000", "2001:db8::/32", True), ("192.0.2.10:5000", "2001:db8::/32", False),
])
def test_what_no_proxy_names_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, host: str, no_proxy: str, direct: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("no_proxy", no_proxy)

    assert (registry_api._proxy("http", host).address == "") == direct
