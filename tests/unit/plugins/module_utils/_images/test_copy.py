# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import copy as image_copy
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import skopeo
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.skopeo import End, SkopeoFailed

FATAL = 'time="2026-11-21T14:22:01Z" level=fatal msg="{0}"\n'


@pytest.mark.parametrize(("message", "words", "lasting"), [
    ("writing blob: write /x: no space left on device", "the disk is full", True),
    ("pinging container registry: Get \\\"https://u:5000/v2/\\\": x509: certificate signed by unknown authority",
     "certificate is not trusted", True),
    ("http: server gave HTTP response to HTTPS client", "does not use TLS", True),
    ("Error loading trust policy: open /etc/containers/policy.json: no such file or directory", "policy.json", True),
    ("reading manifest 2 in quay.io/a: manifest unknown: manifest unknown", "it is missing", True),
    ("requesting bearer token: invalid status code from registry 403 (Forbidden)", "other credentials", True),
    ("unauthorized: authentication required", "other credentials", True),
    ("toomanyrequests: You have reached your pull rate limit", "limits the number of requests", False),
    ("Digest did not match, expected sha256:a, got sha256:b", "does not match its digest", False),
    ("dial tcp 127.0.0.1:5000: connect: connection refused", "is unreachable", False),
    ("something that nobody has seen yet", "skopeo: something that nobody", False),
])
def test_what_skopeo_says_in_words(message: str, words: str, lasting: bool) -> None:
    told, last = skopeo.explained("Getting image source signatures\n" + FATAL.format(message))

    assert words in told and last == lasting
    # And what it said itself
    assert message.replace('\\"', '"') in told


@pytest.mark.parametrize(("text", "words"), [("", "no message"), ("Killed\n", "Killed")])
def test_what_is_no_log_is_told_as_it_is(text: str, words: str) -> None:
    assert words in skopeo.explained(text)[0]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something in skopeo's place; it is written by the test."""
    path = tmp_path / "bin" / "skopeo"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", "{}:{}".format(path.parent, os.environ["PATH"]))

    return path


def write(program: Path, text: str) -> None:
    program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def copy(tmp_path: Path, timeout: float = 5, whole: bool = False, same_digest: bool = False) -> None:
    skopeo.copy(
        End("docker://a/b@sha256:1", ("tls-verify=true", "no-creds")), End("oci:layout", ("shared-blob-dir=/x",)),
        whole=whole, same_digest=same_digest, timeout=timeout, cwd=str(tmp_path))


@pytest.mark.parametrize(("more", "flags"), [
    ({}, []), ({"whole": True}, ["--all"]), ({"same_digest": True}, ["--preserve-digests"]),
    ({"whole": True, "same_digest": True}, ["--all", "--preserve-digests"]),
])
def test_how_skopeo_is_called(tmp_path: Path, program: Path, more: dict[str, Any], flags: list[str]) -> None:
    write(program, "open('called', 'w').write(' '.join(sys.argv[1:]))")

    copy(tmp_path, **more)

    assert (tmp_path / "called").read_text(encoding="utf-8").split() == [
        "copy", "--quiet", "--remove-signatures", *flags, "--src-tls-verify=true", "--src-no-creds",
        "--dest-shared-blob-dir=/x", "docker://a/b@sha256:1", "oci:layout"]


def test_what_stands_still_is_ended_and_what_moves_is_not(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skopeo, "LOOK", 0.1)
    write(program, "for _ in range(10):\n    os.write(os.open('/dev/null', 1), b'x' * 10000)\n    time.sleep(0.1)")
    copy(tmp_path, timeout=0.5)

    write(program, "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)")
    with pytest.raises(SkopeoFailed, match=r"no data was transferred for 0\.5 s") as failed:
        copy(tmp_path, timeout=0.5)
    assert not failed.value.lasting
    assert not Path("/proc", (tmp_path / "pid").read_text(encoding="utf-8")).exists()


def test_a_host_without_skopeo_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SkopeoFailed, match="install the package skopeo") as failed:
        copy(tmp_path)
    assert failed.value.lasting


@pytest.mark.parametrize(("problem", "lasting", "words"), [
    (SkopeoFailed("busy", False), False, "busy"),
    (SkopeoFailed("unknown", True), True, "unknown"),
    (ClassroomError("refused"), True, "refused"),
    (OSError(errno.ENOSPC, "No space left on device"), True, "the disk is full"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), True, "the disk is full"),
    (OSError(errno.EACCES, "Permission denied"), True, "Permission denied"),
])
def test_which_failures_may_pass(problem: Exception, lasting: bool, words: str) -> None:
    assert image_copy.is_lasting(problem) == lasting and words in image_copy.explained(problem)


def test_images_that_share_a_large_blob_take_turns() -> None:
    large, small = image_copy.Queue.LARGE, 10
    queue = image_copy.Queue({
        "a": {"base": large, "a": large}, "b": {"base": large}, "c": {"tiny": small}, "d": {"tiny": small},
        "e": {"unknown": -1}, "f": {"unknown": -1},
    })
    at_once: list[str] = []
    order: list[str] = []

    def worker() -> None:
        while True:
            with queue.turn() as name:
                if not name:
                    return
                assert not {"a", "b"} <= {*at_once, name} and not {"e", "f"} <= {*at_once, name}
                at_once.append(name)
                order.append(name)
                time.sleep(0.02)
                at_once.remove(name)

    threads = [threading.Thread(target=worker) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    # b waits, c and d need not
    assert sorted(order) == list("abcdef") and order[:4] != ["a", "b", "c", "d"]
