# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be copied is refused or named, with the reason in words, and keeps nothing else from being copied."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.image_mirror import images
from tests.integration.image_mirror.authorities import Authority, authority
from tests.integration.image_mirror.conftest import APP, BIG, WEB, Mirror, Upstream
from tests.integration.image_mirror.faulty_proxy import Fault
from tests.integration.image_mirror.registries import PASSWORD, Served, free_port, htpasswd

UNKNOWN = "quay.io/course/app:unknown"


@contextlib.contextmanager
def small_disk(path: Path, options: str) -> Iterator[Path]:
    """A file system of this test's own."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_one_bad_image_among_many_stops_none_of_them(mirror: Mirror, tmp_path: Path) -> None:
    options: dict[str, Any] = {"images": [APP, UNKNOWN, WEB, "quay.io/nobody/nothing:1"]}

    predicted = mirror(ok=False, check=True, **options)
    run = mirror(ok=False, **options)
    again = mirror(ok=False, **options)

    assert run.states == {APP: "copied", UNKNOWN: "failed", WEB: "copied", "quay.io/nobody/nothing:1": "failed"}
    assert run.message == predicted.message
    assert run.message.splitlines()[0].startswith("2 of 4 images could not be copied to")
    assert [line.split(": ")[0] for line in run.message.splitlines()[1:]] == [UNKNOWN, "quay.io/nobody/nothing:1"]
    assert run.message.count("no such tag") == 2
    assert UNKNOWN not in Path(mirror.options["lock"]).read_text(encoding="utf-8")
    assert again.states[APP] == again.states[WEB] == "present" and not again.result["changed"]
    report = json.loads(Path(mirror.options["report"]).read_text(encoding="utf-8"))
    assert [image["error"] != "" for image in report["images"]] == [False, True, False, True]


def test_a_registry_that_is_down_is_told_for_every_image(mirror: Mirror, tmp_path: Path) -> None:
    down = {"type": "registry", "address": f"127.0.0.1:{free_port()}", "tls": False}

    source = mirror(ok=False, source=down, retries=1)
    mirror()
    destination = mirror(ok=False, destination=down, retries=1)

    for run in (source, destination):
        assert run.message.count("Check that its service runs") == 3 and "refused" in run.message
        assert set(run.states.values()) == {"failed"}


@pytest.mark.parametrize("faults", [
    [Fault("GET .*/manifests/", times=2, status=429, retry_after="1")],
    [Fault("GET .*/manifests/", times=2, status=500), Fault("GET .*/blobs/", times=1, status=503)],
    [Fault("GET .*/blobs/", times=1, status=500)],
    [Fault(".", times=6, delay=0.5)],
], ids=["busy", "broken", "blobs", "slow"])
def test_what_passes_is_waited_for(mirror: Mirror, upstream: Upstream, faults: list[Fault]) -> None:
    upstream.proxy.faults[:] = faults

    assert set(mirror(images=[APP, WEB]).states.values()) == {"copied"}
    assert upstream.proxy.faults[0].times == 0


@pytest.mark.parametrize(("fault", "said"), [
    (Fault("/web/manifests/", status=429, retry_after="3600"), "HTTP status 429"),
    (Fault("/web/manifests/", status=429), "Wait until the registry accepts more requests"),
    (Fault("/web/manifests/", status=500), "HTTP status 500"),
    (Fault("/web/manifests/", delay=4), "timed out"),
    (Fault("/web/blobs/", status=500), "500"),
], ids=["hour", "busy", "broken", "silent", "blobs"])
def test_what_does_not_pass_is_told_and_the_others_are_copied(
    mirror: Mirror, upstream: Upstream, fault: Fault, said: str
) -> None:
    upstream.proxy.faults[:] = [fault]
    began = time.monotonic()

    run = mirror(ok=False, images=[APP, WEB], retries=1, timeout=1)

    assert run.states == {APP: "copied", WEB: "failed"}
    assert said in run.message, run.message
    assert time.monotonic() - began < 20


def test_tls_is_wanted_and_checked(
    mirror: Mirror, serve: Callable[..., Served], tls: Authority, tmp_path: Path
) -> None:
    served = serve(certificate=(tls.certificate, tls.key))
    other = authority(tmp_path, "another")
    mirror()
    layout = {"source": mirror.options["destination"], "retries": 0}

    def to(ok: bool = False, **more: Any) -> Any:
        place = {"type": "registry", "address": served.address, **more}
        return mirror(ok=ok, destination=place, **layout)

    untrusted, wrong, plain, missing = to(), to(ca=str(other.ca)), to(tls=False), to(ca=str(tmp_path / "none.pem"))
    good = to(ok=True, ca=str(tls.ca))

    assert "a certificate that is not trusted" in untrusted.message and "not trusted" in wrong.message
    assert set(untrusted.states.values()) == set(wrong.states.values()) == {"failed"}
    assert "HTTP status 400" in plain.message, plain.message
    assert "none.pem" in missing.message
    assert set(good.states.values()) == {"copied"}
    without = mirror(ok=False, images=[WEB], lock=str(tmp_path / "x.lock"), retries=0, source={
        "type": "registry", "address": mirror.options["source"]["address"]})
    assert "an answer without TLS" in without.message, without.message


def test_credentials_come_from_the_auth_file_and_are_never_shown(
    mirror: Mirror, serve: Callable[..., Served], tls: Authority, auth_file: Callable[..., Path], tmp_path: Path
) -> None:
    served = serve(certificate=(tls.certificate, tls.key), auth=htpasswd(tmp_path))
    mirror()
    options: dict[str, Any] = {
        "source": mirror.options["destination"], "retries": 0,
        "destination": {"type": "registry", "address": served.address, "ca": str(tls.ca)},
    }

    anonymous = mirror(ok=False, **options)
    wrong = mirror(ok=False, authfile=str(auth_file(served.address, "wrong secret")), **options)
    right = mirror(authfile=str(auth_file(served.address)), **options)
    (tmp_path / "auth.json").write_text(f'{{"auths": {{"x": "{PASSWORD}"}}}}', encoding="utf-8")
    damaged = mirror(ok=False, authfile=str(tmp_path / "auth.json"), **options)
    missing = mirror(ok=False, authfile=str(tmp_path / "none.json"), **options)

    assert "HTTP status 401" in anonymous.message and "auth file" in anonymous.message
    assert "HTTP status 401" in wrong.message
    assert set(right.states.values()) == {"copied"}
    assert "auth file as podman" in damaged.message and "found none" in missing.message
    written = "".join(mirror.lines()) + Path(mirror.options["report"]).read_text(encoding="utf-8")
    for run in (anonymous, wrong, right, damaged, missing):
        for secret in (PASSWORD, "wrong secret"):
            assert secret not in run.output + written


def test_a_full_disk_is_foreseen(mirror: Mirror, upstream: Upstream, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=40m") as disk:
        for check in (True, False):
            run = mirror(ok=False, check=check, destination={"type": "oci", "path": str(disk / "layout")})

            assert "MiB free" in run.message and "Make room" in run.message
        assert not [path for path in disk.rglob("*") if path.is_file()]
    assert not upstream.proxy.count("/blobs/")


def test_a_disk_that_fills_up_meanwhile_is_named(mirror: Mirror, tmp_path: Path) -> None:
    """Its room is enough, its number of files is not."""
    for kind in ("oci", "dir"):
        with small_disk(tmp_path / kind, "size=200m,nr_inodes=14") as disk:
            run = mirror(ok=False, destination={"type": kind, "path": str(disk / "layout")},
                         images=[BIG], lock=str(tmp_path / f"{kind}.lock"))

            assert run.states == {BIG: "failed"} and "the disk is full" in run.message
            assert not list(disk.rglob("manifest.json")) and not list(disk.rglob("index.json"))


def test_a_tag_that_moved_upstream_is_named_and_not_taken(mirror: Mirror, upstream: Upstream, tmp_path: Path) -> None:
    name = "quay.io/course/moving:latest"
    old = upstream.push("course/moving:latest", "old")
    options: dict[str, Any] = {"images": [name, WEB]}
    mirror(**options)
    new = upstream.push("course/moving:latest", "new")
    moved = [{"reference": name, "locked": old, "upstream": new}]

    quiet = mirror(**options)
    compared = mirror(compare=True, **options)
    verified = mirror(compare=True, state="verified", **options)
    elsewhere = mirror(destination={"type": "dir", "path": str(tmp_path / "tree")}, **options)
    predicted = mirror(check=True, update=[name], **options)
    taken = mirror(update=[name], **options)
    after = mirror(compare=True, update=[name], **options)

    assert (quiet.result["moved"], compared.result["moved"], verified.result["moved"]) == ([], moved, moved)
    assert not compared.result["changed"]
    told = compared.result["warnings"] + [line for line in mirror.lines() if name in line]
    assert sum(f"it is {new}" in str(line) and f"locked as {old}" in str(line) for line in told) > 1
    # Where it has to be copied, the locked one is
    assert elsewhere.result["moved"] == moved
    assert images.digest((tmp_path / "tree/moving:latest/manifest.json").read_bytes()) == old
    assert predicted.states == taken.states == {name: "copied", WEB: "present"}
    assert taken.result["images"][0]["digest"] == new and predicted.result["diff"] == taken.result["diff"]
    assert (after.result["moved"], after.result["changed"]) == ([], False)


def test_a_locked_digest_that_upstream_has_no_more_is_told(mirror: Mirror, upstream: Upstream, tmp_path: Path) -> None:
    """What is locked is read from a directory, in which a name has but one image."""
    tree = tmp_path / "tree"
    source = {"type": "dir", "path": str(tree)}
    old = images.image(tree / "moving:1", "old")
    mirror(images=["quay.io/moving:1"], source=source)
    (tree / "moving:1").rename(tmp_path / "away")
    new = images.image(tree / "moving:1", "new")

    run = mirror(ok=False, images=["quay.io/moving:1"], source=source,
                 destination={"type": "oci", "path": str(tmp_path / "other")})

    assert old in run.message and new in run.message and "option update" in run.message
    assert not list((tmp_path / "other").rglob("index.json"))


@pytest.mark.parametrize(("text", "said"), [
    (lambda lock: lock.replace("platforms: linux/amd64", "platforms: linux/arm64"), "found it for linux/arm64"),
    (lambda lock: lock[: len(lock) // 2], "found"),
], ids=["platforms", "cut"])
def test_a_lock_of_something_else_is_refused_and_left_alone(
    mirror: Mirror, upstream: Upstream, tmp_path: Path, text: Callable[[str], str], said: str
) -> None:
    lock = Path(mirror.options["lock"])
    mirror(images=[WEB])
    lock.write_text(text(lock.read_text(encoding="utf-8")), encoding="utf-8")
    before = lock.read_text(encoding="utf-8")
    upstream.proxy.answered.clear()

    for state in ("present", "verified"):
        run = mirror(ok=False, images=[WEB], state=state)

        assert str(lock) in run.message and said in run.message, run.message
    assert lock.read_text(encoding="utf-8") == before and not upstream.proxy.answered


def test_a_reference_of_a_lock_leaves_it_by_name(mirror: Mirror) -> None:
    mirror()

    run = mirror(images=[APP, WEB], update=[BIG])

    assert run.result["changed"] and BIG not in Path(mirror.options["lock"]).read_text(encoding="utf-8")
    assert run.states == {APP: "present", WEB: "present"}


@pytest.mark.parametrize(("more", "said"), [
    ({"images": ["registry.k8s.io/web", APP]}, "neither tag nor digest in 'registry.k8s.io/web'"),
    ({"images": [WEB, "quay.io/web:2"], "destination": {"type": "registry", "address": "127.0.0.1:9", "tls": False}},
     "quay.io/web:2 and registry.k8s.io/web:1"),
    ({"images": [WEB, "quay.io/course/web:1"], "destination": {"type": "dir", "path": "/nonexistent"}},
     "quay.io/course/web:1 and registry.k8s.io/web:1"),
    ({"images": [APP], "platforms": ["linux/riscv64"]}, "found it for linux/amd64, linux/arm64, linux/s390x"),
    ({"source": {"type": "dir", "path": "/nonexistent"}}, "/nonexistent"),
])
def test_a_request_that_cannot_be_met_is_rejected(mirror: Mirror, more: dict[str, Any], said: str) -> None:
    run = mirror(ok=False, **more)

    assert said in run.message, run.message
    assert not Path(mirror.options["destination"]["path"], "index.json").exists()


def test_verified_reads_everything_and_changes_nothing(
    mirror: Mirror, upstream: Upstream, serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve()
    places = {
        "oci": {"type": "oci", "path": str(tmp_path / "oci")},
        "dir": {"type": "dir", "path": str(tmp_path / "dir")},
        "registry": {"type": "registry", "address": served.address, "tls": False},
    }
    for place in places.values():
        mirror(destination=place)
    directories = {"oci": tmp_path / "oci", "dir": tmp_path / "dir", "registry": served.storage}
    for kind, directory in directories.items():
        _damage(kind, directory, upstream.digests[WEB])
        before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}

        run = mirror(ok=False, destination=places[kind], state="verified")

        assert run.states == {APP: "present", WEB: "different", BIG: "present"}, run.message
        assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before
        assert "1 of 3 images are not as locked" in run.message and not run.result["changed"]


def _damage(kind: str, directory: Path, digest: str) -> None:
    """One bit of a layer in a file, a blob's file in a registry: nothing that a look at names and sizes would show."""
    manifest = next(
        path for path in directory.rglob("*") if path.is_file() and images.digest(path.read_bytes()) == digest)
    layer = json.loads(manifest.read_bytes())["layers"][-1]["digest"].partition(":")[2]
    if kind == "registry":
        next((directory / "docker/registry/v2/blobs").rglob(f"{layer}/data")).unlink()
        return
    path = next(directory.rglob(layer))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
