# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import registry as registry_api
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import registry_auth
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.manifest import OCI_MANIFEST, digest_of
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry import (
    Access,
    Registry,
    RegistryRefused,
    RegistryUnreachable,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry_auth import Credentials

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {"digest": "c"}, "layers": []}).encode()
LOGIN = base64.b64encode(b"instructor:for the class").decode()
Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (200, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest_of(MANIFEST)}, MANIFEST)


class Asked:
    """A server's address and what it was asked: method, path and Authorization."""

    def __init__(self) -> None:
        self.address = ""
        self.lines: list[tuple[str, str, str]] = []


@contextmanager
def server(answer: Callable[[str, str, str, int], Answer]) -> Iterator[Asked]:
    """Answers by a function of method, path, Authorization and the number of the request."""
    asked = Asked()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            """Tests print nothing."""

        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.lines.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, headers, body = answer(*asked.lines[-1], len(asked.lines))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            if "Content-Length" in headers:
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = _serve

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that no longer waits is what a test is about."""

    running = Server(("127.0.0.1", 0), Handler)
    asked.address = f"127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield asked
    finally:
        running.shutdown()
        running.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str, str, str, int], Answer]], Asked]]:
    with ExitStack() as running:
        yield lambda answer: running.enter_context(server(answer))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would be made."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


def test_a_manifest_and_its_digest(serve: Callable[..., Asked]) -> None:
    registry = Registry(serve(lambda *_request: GOOD).address)

    found = registry.manifest("course/app", "1")

    assert found is not None and found.content == MANIFEST
    assert registry.digest("course/app", "1") == found.digest == digest_of(MANIFEST)


def test_a_digest_that_is_not_told_is_computed(serve: Callable[..., Asked]) -> None:
    registry = Registry(serve(lambda *_request: (200, {"Content-Type": OCI_MANIFEST}, MANIFEST)).address)

    assert registry.digest("app", "1") == digest_of(MANIFEST)


def test_other_content_under_a_digest_is_refused(serve: Callable[..., Asked]) -> None:
    registry = Registry(serve(lambda *_request: GOOD).address)

    with pytest.raises(RegistryRefused, match="other content under this digest"):
        registry.manifest("app", "sha256:" + "0" * 64)


@pytest.mark.parametrize(("answers", "retries", "outcome", "made"), [
    ([(429, {"Retry-After": "7"}, b""), GOOD], 1, "", [7.0]),
    ([(429, {}, b""), (500, {}, b""), GOOD], 3, "", [0.5, 1.0]),
    ([(503, {}, b"")], 2, "HTTP status 503", [0.5, 1.0]),
    ([(429, {"Retry-After": "3600"}, b"")], 3, "Wait until the registry accepts more requests", []),
    ([(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, b""), GOOD], 1, "", [0.5]),
    ([(500, {}, b"broken")], 0, "HTTP status 500: broken", []),
    ([(200, {"Content-Length": "5000"}, MANIFEST), GOOD], 1, "", [0.5]),
    ([(200, {"Content-Length": "5000"}, MANIFEST)], 0, "cut off", []),
    ([(403, {}, b"no")], 3, r"HTTP status 403: no\. Check that these credentials", []),
    ([(200, {}, b"<html>")], 3, "Use an image of OCI", []),
    ([(200, {}, b'{"schemaVersion": 1}')], 3, "schema 1", []),
], ids=range(11))
def test_what_passes_is_waited_for_and_what_does_not_is_told(
    serve: Callable[..., Asked], pauses: list[float], answers: list[Answer], retries: int, outcome: str,
    made: list[float],
) -> None:
    asked = serve(lambda *request: answers[min(request[-1], len(answers)) - 1])
    registry = Registry(asked.address, Access(retries=retries))

    if outcome:
        with pytest.raises(ClassroomError, match=outcome):
            registry.manifest("app", "1")
    else:
        assert registry.manifest("app", "1")
    assert pauses == made


def test_a_registry_that_stays_silent_is_waited_for_once(pauses: list[float]) -> None:
    registry = Registry("127.0.0.1:1", Access(retries=2))
    for _image in range(3):
        with pytest.raises(RegistryUnreachable, match=r"127\.0\.0\.1:1, found: .*refused"):
            registry.manifest("app", "1")

    assert pauses == [0.5, 1.0]


def test_an_answer_that_never_ends_is_given_up(serve: Callable[..., Asked]) -> None:
    def slow(*_request: object) -> Answer:
        threading.Event().wait(2)
        return GOOD

    began = time.monotonic()
    with pytest.raises(RegistryUnreachable, match="timed out"):
        Registry(serve(slow).address, Access(timeout=0.2)).manifest("app", "1")
    assert time.monotonic() - began < 1.5


def credentials(address: str) -> Credentials:
    return Credentials({address: LOGIN})


@pytest.mark.parametrize("known", [True, False])
def test_a_login_by_password(serve: Callable[..., Asked], known: bool) -> None:
    def answer(_method: str, _path: str, authorization: str, _number: int) -> Answer:
        right = authorization == "Basic " + LOGIN
        return GOOD if right else (401, {"WWW-Authenticate": 'Basic realm="the class"'}, b"")

    asked = serve(answer)
    registry = Registry(asked.address, Access(credentials=credentials(asked.address if known else "elsewhere")))

    if known:
        assert registry.manifest("app", "1") and registry.manifest("app", "2")
        # Asked for once, then sent along
        assert len(asked.lines) == 3
    else:
        with pytest.raises(RegistryRefused, match=r"401.*auth file"):
            registry.manifest("app", "1")
        assert not any(authorization for _method, _path, authorization in asked.lines)


@pytest.mark.parametrize("field", ["token", "access_token"])
@pytest.mark.parametrize("known", [True, False])
def test_a_login_by_token(serve: Callable[..., Asked], field: str, known: bool) -> None:
    """As Docker's token specification has it: for each repository, with a password or anonymously."""
    tokens = serve(lambda _method, path, authorization, _number: (200, {}, json.dumps({field: "T" + "".join(
        parse_qs(urlsplit(path).query)["scope"]) + authorization}).encode()))

    def answer(method: str, path: str, authorization: str, _number: int) -> Answer:
        repository = path.split("/")[2]
        scope = "repository:{}:{}".format(repository, "pull" if method != "PUT" else "pull,push")
        if authorization == "Bearer T{}{}".format(scope, "Basic " + LOGIN if known else ""):
            return GOOD if method != "PUT" else (201, {}, b"")
        challenge = f'Bearer realm="http://{tokens.address}/token",service="class",scope="{scope}"'
        return 401, {"WWW-Authenticate": challenge}, b""

    asked = serve(answer)
    registry = Registry(asked.address, Access(credentials=credentials(asked.address if known else "elsewhere")))

    for _time in range(2):
        assert registry.manifest("app", "1") and registry.digest("other", "1")
        registry.push_manifest("app", "2", OCI_MANIFEST, MANIFEST)
    # One for reading each repository and one for writing
    assert [line[2] for line in tokens.lines] == ["Basic " + LOGIN if known else ""] * 3
    assert "service=class" in tokens.lines[0][1]


def test_a_password_does_not_leave_tls(serve: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is not encrypted here, only the options say so: the address of the token server matters."""
    tokens = serve(lambda *_request: (200, {}, b'{"token": "T"}'))
    asked = serve(lambda *request: GOOD if request[2] else (401, {
        "WWW-Authenticate": f'Bearer realm="http://{tokens.address}/token"'}, b""))
    registry = Registry(asked.address, Access(tls=True, credentials=credentials(asked.address)))
    monkeypatch.setattr(registry, "_base", lambda: f"http://{asked.address}/")

    assert registry.manifest("app", "1")
    assert tokens.lines[0][2] == ""


def test_a_login_does_not_follow_to_another_host(serve: Callable[..., Asked]) -> None:
    store = serve(lambda *_request: GOOD)

    def answer(_method: str, path: str, authorization: str, _number: int) -> Answer:
        if not authorization:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        return 307, {"Location": f"http://{store.address}/store{path}"}, b""

    asked = serve(answer)
    registry = Registry(asked.address, Access(credentials=credentials(asked.address)))

    assert registry.manifest("app", "1")
    assert store.lines == [("GET", "/store/v2/app/manifests/1", "")]


def test_a_circle_of_redirections_is_left(serve: Callable[..., Asked]) -> None:
    asked = serve(lambda *_request: (302, {"Location": "/v2/app/manifests/1"}, b""))

    with pytest.raises(RegistryUnreachable, match="redirections"):
        Registry(asked.address, Access(retries=3)).manifest("app", "1")
    assert len(asked.lines) == registry_api.REDIRECTS + 1


@pytest.mark.parametrize(("keys", "host", "repository", "found"), [
    (["quay.io"], "quay.io", "course/app", "quay.io"),
    (["quay.io", "quay.io/course", "quay.io/other"], "quay.io", "course/app", "quay.io/course"),
    (["quay.io/course/app", "quay.io/course"], "quay.io", "course/app", "quay.io/course/app"),
    (["quay.io/course"], "quay.io", "courses/app", ""),
    (["https://quay.io/v2/"], "quay.io", "app", "https://quay.io/v2/"),
    (["https://index.docker.io/v1/"], "docker.io", "library/nginx", "https://index.docker.io/v1/"),
    (["utility:5000"], "utility", "app", ""),
])
def test_the_credentials_for_a_repository(
    tmp_path: Path, keys: list[str], host: str, repository: str, found: str
) -> None:
    path = tmp_path / "auth.json"
    entries = {key: {"auth": base64.b64encode(f"u:{key}".encode()).decode()} for key in keys}
    path.write_text(json.dumps({"auths": {**entries, "helped.example.org": {}}}), encoding="utf-8")

    basic = registry_auth.read(str(path)).basic(host, repository)

    assert base64.b64decode(basic).decode() == (f"u:{found}" if found else "")


@pytest.mark.parametrize("text", ["", "[]", '{"auths": ["secret"]}', '{"auths": {"a": {"auth": "secret!"}}}', "secret"])
def test_an_auth_file_that_is_none_is_refused_without_repeating_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ClassroomError, match="podman") as refused:
        registry_auth.read(str(path))
    assert "secret" not in str(refused.value)


def test_no_auth_file_is_no_user_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert registry_auth.read("") == Credentials()
    with pytest.raises(ClassroomError, match="skopeo login"):
        registry_auth.read(str(tmp_path / "none.json"))


def test_secrets_are_removed_from_what_a_server_repeats() -> None:
    known = credentials("quay.io")

    assert known.redacted(f"no {LOGIN} and no for the class") == "no ******** and no ********"
    assert "class" not in repr(known) and LOGIN not in repr(Access(credentials=known))
