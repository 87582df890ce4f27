# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API client against a real HTTPS server on 127.0.0.1."""

from __future__ import annotations

import http.server
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import api as kube_api
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import kubeconfig
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    Client,
    NotFound,
    RequestRejected,
    Unreachable,
    Untrusted,
)
from tests.unit.support.kubeadm_lab import Authority

ANSWERS = {
    "/readyz": (200, "ok"),
    "/api/v1/nodes/node1": (200, json.dumps({"metadata": {"name": "node1"}})),
    "/401": (401, json.dumps({"message": "Unauthorized"})),
    "/403": (403, json.dumps({"message": "not yours"})),
    "/409": (409, json.dumps({"message": "there already"})),
    "/500": (500, "etcd failed"),
    "/slow": (200, "ok"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1.5)
        if self.path == "/whoami":
            assert isinstance(self.connection, ssl.SSLSocket)
            peer: Any = self.connection.getpeercert() or {}
            subject = dict(entry[0] for entry in peer.get("subject", ()))
            status, text = 200, json.dumps({"name": subject.get("commonName")})
        else:
            status, text = ANSWERS.get(self.path, (404, json.dumps({"message": "no such thing"})))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break off are what is tested here."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "a")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "b")


def serve(authority: Authority, name: str, **certificate: Any) -> Iterator[str]:
    crt, key = authority.issue(name, "/CN=kube-apiserver", **certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    context.load_verify_locations(authority.directory / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[str]:
    yield from serve(authority, "apiserver")


@pytest.fixture(scope="module")
def misnamed(authority: Authority) -> Iterator[str]:
    yield from serve(authority, "misnamed", alternatives="IP:192.0.2.1")


@pytest.fixture(scope="module")
def outdated(authority: Authority) -> Iterator[str]:
    yield from serve(authority, "outdated", days=-1)


def test_an_object_and_a_plain_answer_come_back(server: str, authority: Authority) -> None:
    client = Client(server, authority.pem)
    assert client.get("/api/v1/nodes/node1")["metadata"]["name"] == "node1"
    assert client.get("/readyz") == "ok"


@pytest.mark.parametrize(
    ("path", "expected", "words"),
    [
        ("/nothing", NotFound, "no such thing"),
        ("/401", AccessDenied, "Unauthorized"),
        ("/403", AccessDenied, "not yours"),
        ("/409", RequestRejected, "there already"),
        ("/500", Unreachable, "etcd failed"),
    ],
)
def test_failures_are_told_apart(
    server: str, authority: Authority, path: str, expected: type[Exception], words: str
) -> None:
    with pytest.raises(expected, match=words):
        Client(server, authority.pem).get(path)


@pytest.mark.parametrize("embedded", [True, False])
def test_the_clients_certificate_is_presented(server: str, authority: Authority, embedded: bool) -> None:
    crt, key = authority.issue("client", "/O=system:nodes/CN=system:node:node1")
    identity = (
        kubeconfig.Kubeconfig("x", server, authority.pem, certificate=crt.read_text(), key=key.read_text())
        if embedded
        else kubeconfig.Kubeconfig("x", server, authority.pem, certificate_file=str(crt), key_file=str(key))
    )
    assert Client(server, authority.pem, identity).get("/whoami") == {"name": "system:node:node1"}


def test_a_certificate_that_is_not_there_is_no_crash(server: str, authority: Authority) -> None:
    identity = kubeconfig.Kubeconfig("x", server, authority.pem, certificate_file="/nowhere/x.pem")
    with pytest.raises(Unreachable, match="No such file"):
        Client(server, authority.pem, identity).get("/readyz")


def test_another_ca_of_the_same_name_is_recognised(server: str, stranger: Authority) -> None:
    with pytest.raises(Untrusted) as caught:
        Client(server, stranger.pem).get("/readyz")
    assert caught.value.why == "ca"


def test_a_wrong_name_or_date_is_not_taken_for_another_ca(misnamed: str, outdated: str, authority: Authority) -> None:
    for server, why in ((misnamed, "name"), (outdated, "dates")):
        with pytest.raises(Untrusted) as caught:
            Client(server, authority.pem).get("/readyz")
        assert caught.value.why == why


def test_no_server(authority: Authority) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    expected = f"no answer from 127.0.0.1:{port}: Connection refused"
    with pytest.raises(Unreachable, match=re.escape(expected)):
        Client(f"127.0.0.1:{port}", authority.pem).get("/readyz")
    assert "refused" in kube_api.reachable(f"127.0.0.1:{port}")


def test_a_server_without_tls_or_without_an_answer(server: str, authority: Authority) -> None:
    assert kube_api.reachable(server) == ""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        begin = time.monotonic()
        with pytest.raises(Unreachable, match=r"time ran out|timed out"):
            Client(f"127.0.0.1:{silent.getsockname()[1]}", authority.pem, timeout=0.3).get("/readyz")
        assert time.monotonic() - begin < 3


def test_an_answer_that_takes_too_long_leaves_a_usable_client(server: str, authority: Authority) -> None:
    client = Client(server, authority.pem, timeout=0.3)
    with pytest.raises(Unreachable):
        client.get("/slow")
    assert client.get("/readyz") == "ok"


def test_an_answer_may_take_longer_than_the_connection(server: str, authority: Authority) -> None:
    assert Client(server, authority.pem, timeout=1.0).get("/slow") == "ok"


def test_many_requests_cost_one_handshake(server: str, authority: Authority) -> None:
    client = Client(server, authority.pem)
    client.get("/readyz")
    connection = client._connection
    begin = time.monotonic()
    for _number in range(20):
        client.get("/api/v1/nodes/node1")
    assert client._connection is connection
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("192.168.90.100", "192.168.90.100:6443"),
        ("192.168.90.100:8443", "192.168.90.100:8443"),
        ("https://master.example.com:6443", "master.example.com:6443"),
        ("https://master.example.com", "master.example.com:443"),
        ("fd00::1", "[fd00::1]:6443"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"),
    ],
)
def test_addresses(given: str, expected: str) -> None:
    assert kube_api.address(given) == expected


def test_names_become_one_segment() -> None:
    assert kube_api.segment("kubeadm:x") == "kubeadm:x"
    assert kube_api.segment("../secrets") == "..%2Fsecrets"


def test_no_file_keeps_the_key(server: str, authority: Authority, tmp_path: Path) -> None:
    crt, key = authority.issue("client2", "/CN=admin")
    identity = kubeconfig.parse(authority.kubeconfig(server, crt, key), "admin.conf")
    assert Client(server, authority.pem, identity).get("/whoami") == {"name": "admin"}
    assert key.read_text().splitlines()[1] not in repr(identity)
