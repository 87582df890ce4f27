# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.bundle_load import main
from ansible_collections.classroom.kubeadm.plugins.modules.server_certificate import main as certify
from tests.unit.support.fake_bundle import locked_bundle
from tests.unit.support.fake_registry import Contents, serving

PAUSE = "registry.k8s.io/pause:3.10.2"
IMAGES = {PAUSE: (b"pause",), "ghcr.io/flannel-io/flannel:v0.28.4": (b"flannel",)}


@pytest.fixture
def registry() -> Iterator[Contents]:
    with serving() as contents:
        yield contents


@pytest.fixture
def options(registry: Contents, tmp_path: Path) -> dict[str, Any]:
    bundle = locked_bundle(tmp_path / "bundle", IMAGES)
    return {"bundle": str(bundle.directory), "registry": registry.address, "stamp": str(tmp_path / "stamp.json")}


def test_check_mode_predicts_the_first_run_and_the_second_has_nothing_to_do(
    run_main: Any, options: dict[str, Any], registry: Any
) -> None:
    predicted = run_main(main, options, check=True)
    assert not registry.manifests and not Path(options["stamp"]).exists()
    first = run_main(main, options)
    again = [run_main(main, options, check=check) for check in (True, False)]

    assert {key: predicted[key] for key in ("changed", "copied", "diff")} == {
        key: first[key] for key in ("changed", "copied", "diff")
    }
    assert (first["changed"], first["copied"], first["read"]) == (True, sorted(IMAGES), True)
    assert [(result["changed"], result["copied"], result["read"]) for result in again] == [(False, [], False)] * 2


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("state", ["loaded", "verified"])
def test_a_wrong_digest_is_an_error_before_anything_is_copied(
    run_main: Any, options: dict[str, Any], registry: Any, state: str, check: bool
) -> None:
    blob = next(path for path in Path(options["bundle"]).rglob("*") if path.is_file() and path.read_bytes() == b"pause")
    blob.write_bytes(b"tampered")

    result = run_main(main, {**options, "state": state}, check=check)

    assert result["failed"] and str(blob) in result["msg"] and "expected sha256" in result["msg"]
    assert not registry.requests and not Path(options["stamp"]).exists()


def test_verified_asks_no_registry(run_main: Any, options: dict[str, Any], registry: Any) -> None:
    del options["registry"]

    result = run_main(main, {**options, "state": "verified"})

    assert (result["changed"], result["images"], result["read"], result["served"]) == (False, 2, True, False)
    assert not registry.requests


def test_verified_tells_whether_the_registry_serves_and_copies_nothing(
    run_main: Any, options: dict[str, Any], registry: Any
) -> None:
    verified = {**options, "state": "verified"}
    silent = run_main(main, {**verified, "registry": "127.0.0.1:1"})
    before = run_main(main, verified)
    assert not registry.manifests
    run_main(main, options)
    after = run_main(main, verified)

    assert [(result["failed"], result["changed"], result["served"]) for result in (silent, before, after)] == [
        (False, False, False), (False, False, False), (False, False, True),
    ]


@pytest.mark.parametrize("check", [False, True])
def test_a_registry_that_is_not_there_is_predicted_or_told(
    run_main: Any, options: dict[str, Any], check: bool
) -> None:
    result = run_main(main, {**options, "registry": "127.0.0.1:1"}, check=check)

    assert (result["failed"], result["changed"]) == (not check, check)
    assert result["copied"] == sorted(IMAGES) if check else "127.0.0.1:1" in result["msg"]


@pytest.mark.parametrize("check", [False, True])
def test_a_bundle_that_is_not_there_is_predicted_or_told(
    run_main: Any, options: dict[str, Any], tmp_path: Path, check: bool
) -> None:
    result = run_main(main, {**options, "bundle": str(tmp_path / "none")}, check=check)

    assert (result["failed"], result["changed"]) == (not check, check)


def test_the_registry_is_needed_for_loading(run_main: Any, options: dict[str, Any]) -> None:
    del options["registry"]

    assert "registry" in run_main(main, options)["msg"]


@pytest.mark.parametrize("state", ["loaded", "verified"])
@pytest.mark.parametrize("check", [False, True])
def test_a_disk_without_room_is_told_before_anything_is_copied(
    run_main: Any, options: dict[str, Any], registry: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str,
    check: bool,
) -> None:
    # More than any disk of a test has: what is compared with it is a real one's
    monkeypatch.setattr("ansible_collections.classroom.kubeadm.plugins.module_utils._core.disk_space.SPARE", 1 << 60)
    result = run_main(main, {**options, "state": state, "storage": str(tmp_path / "registry")}, check=check)

    assert result["failed"] and f"MiB free in {tmp_path}/registry for the bundle's images" in result["msg"]
    assert not registry.manifests


def test_a_full_disk_is_no_matter_to_a_registry_that_has_all(
    run_main: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_main(main, options)
    monkeypatch.setattr("ansible_collections.classroom.kubeadm.plugins.module_utils._core.disk_space.SPARE", 1 << 60)
    assert not run_main(main, {**options, "storage": "/"})["changed"]


@pytest.mark.parametrize("there", [True, False], ids=["bundle", "no bundle"])
def test_what_the_web_server_shows_is_told(
    run_main: Any, options: dict[str, Any], tmp_path: Path, there: bool
) -> None:
    endpoint = {"port": 1, "directory": str(tmp_path / "tls"), "names": ["utility"]}
    bundle = options["bundle"] if there else str(tmp_path / "none")
    given = {**options, "bundle": bundle, "state": "verified", "endpoint": endpoint}
    nothing = {"problem": "there is no authority yet", "fingerprint": "", "authority": ""}
    assert run_main(main, given, check=True)["certificate"] == nothing
    run_main(certify, {"directory": endpoint["directory"], "names": ["utility"]})
    shown = run_main(main, given, check=True)["certificate"]
    assert "no TLS server responds at port 1" in shown["problem"] and "BEGIN CERTIFICATE" in shown["authority"]
    assert "certificate" not in run_main(main, {**options, "state": "verified"})
