# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations import cluster_manifest
from ansible_collections.classroom.kubeadm.plugins.modules.cluster_manifest import main

CONTENT = "kind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: hidden-from-everyone\n"
DIFF = "diff -u -N /tmp/LIVE-1/v1.ConfigMap.default.a /tmp/MERGED-2/v1.ConfigMap.default.a\n@@ -1 +1 @@\n-x: 1\n+x: 2\n"
ROLLOUT = {"kind": "DaemonSet", "name": "d", "namespace": "demo"}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("differs", [False, True])
def test_it_applies_what_differs(run_main: Any, kubectl: Any, differs: bool, check: bool) -> None:
    kubectl.answers({"diff": (1, DIFF, "") if differs else (0, "", ""), "apply": (0, "", ""), "rollout": (0, "", "")})

    result = run_main(main, {**kubectl.options, "content": CONTENT, "wait_for": [ROLLOUT]}, check=check)

    assert (result["failed"], result["changed"]) == (False, differs)
    assert result["objects"] == (["v1.ConfigMap.default.a"] if differs else [])
    verbs = [call.split()[0] for call in kubectl.calls]
    assert verbs == ["diff"] + ["apply"] * (differs and not check) + ["rollout"] * (not check)
    assert ("x: 2" in result["diff"]["after"]) is differs


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("option", ["content", "path", "url"])
def test_on_a_bare_host_it_predicts_or_says_what_is_missing(
    run_main: Any, tmp_path: Path, option: str, check: bool
) -> None:
    source = {"content": CONTENT, "path": str(tmp_path / "none.yml"), "url": f"file://{tmp_path}/none.yml"}
    options = {option: source[option], "kubeconfig": str(tmp_path / "admin.conf"), "kubectl": "no-such-kubectl"}

    result = run_main(main, options, check=check)

    assert result["failed"] is not check
    assert result["changed"] is check
    assert "hidden-from-everyone" not in str(result)


@pytest.fixture
def served() -> Iterator[str]:
    """A web server on the loopback address: /m.yml is the manifest, /moved leads to it."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/m.yml")
            self.end_headers()
            self.wfile.write(CONTENT.encode())

        def log_message(self, *_words: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


DIGEST = hashlib.sha256(CONTENT.encode()).hexdigest()


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("checksum", "says"), [
    ("", "could be replaced on its way: expected an https:// URL or a checksum"),
    ("0" * 64, "has another content: expected SHA-256 " + "0" * 64 + ", found " + DIGEST),
    ("1234", "expected 64 hexadecimal digits"),
])
def test_a_manifest_that_could_be_replaced_is_rejected(
    run_main: Any, kubectl: Any, served: str, check: bool, checksum: str, says: str,
) -> None:
    result = run_main(main, {**kubectl.options, "url": served + "/m.yml", "checksum": checksum}, check=check)
    assert result["failed"] and says in result["msg"] and kubectl.calls == []


@pytest.mark.parametrize("path", ["/m.yml", "/moved"])
@pytest.mark.parametrize("checksum", [DIGEST, "sha256:" + DIGEST.upper()])
def test_a_manifest_with_its_checksum_is_read_from_anywhere(served: str, path: str, checksum: str) -> None:
    assert cluster_manifest.fetched(served + path, checksum, 5) == CONTENT


@pytest.mark.parametrize(("url", "checksum", "fine"), [
    ("https://example.org/m.yml", "", True), ("HTTPS://example.org/m.yml", "", True), ("file:///m.yml", "", True),
    ("http://example.org/m.yml", "", False), ("HTTP://example.org/m.yml", "", False), ("ftp://x/m.yml", "", False),
    ("http://example.org/m.yml", DIGEST, True),
])
def test_sources_of_manifests(url: str, checksum: str, fine: bool) -> None:
    if fine:
        cluster_manifest.check_source(url, checksum)
    else:
        with pytest.raises(ClassroomError, match="Nothing was changed"):
            cluster_manifest.check_source(url, checksum)


def test_path_and_url_are_read(run_main: Any, kubectl: Any, tmp_path: Path) -> None:
    source = tmp_path / "manifest.yml"
    source.write_text(CONTENT, encoding="utf-8")
    kubectl.answers({"diff": (0, "", "")})

    for option in ({"path": str(source)}, {"url": source.as_uri()}):
        assert run_main(main, {**kubectl.options, **option})["changed"] is False

    assert f"-f {source} " in kubectl.calls[0] and "-f - " in kubectl.calls[1]


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_manifest_is_refused(run_main: Any, kubectl: Any, content: str) -> None:
    result = run_main(main, {**kubectl.options, "content": content})

    assert result["failed"] and "empty" in result["msg"]
