# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""harvest_files with a tar that says what it is told; harvest_objects with an API of dictionaries, or none."""

from __future__ import annotations

import functools
import json
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import objects
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import context
from ansible_collections.classroom.kubeadm.plugins.modules import harvest_files, harvest_objects
from tests.unit.support.kubeadm_lab import FakeApi, kubeconfig_text

CONFIG = "/etc/kubernetes/admin.conf"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("var-tmp") / "classroom-harvest.1"
    place.mkdir()
    return place


@pytest.mark.parametrize("check", [False, True])
def test_files(run_on_machine: Any, machine: Any, fake_run: Any, place: Path, check: bool) -> None:
    machine.write("/root/a", "12345")
    machine.write("/root/.thumbs/b", "x")
    fake_run.on("tar", rc=1, err="tar: root/a: file changed as we read it\n")
    arguments = {"directories": ["/root", "/srv"], "excludes": [".thumbs"], "archive": str(place / "files.tar.gz")}
    result = run_on_machine(harvest_files, arguments, check=check)
    assert (result["changed"], result["files"], result["size"]) == (True, 1, 5)
    assert fake_run.did("tar") != check and (place / "files.tar.gz").exists() != check
    said = ["There is no directory /srv."]
    assert result["left_out"] == (said if check else [*said, "tar: root/a: file changed as we read it."])
    assert result["missing"] == []
    # Whoever registers a key of this name reads a task that was passed over
    assert "skipped" not in result


@pytest.mark.parametrize("check", [False, True])
def test_too_much_is_an_error_before_anything_is_written(
    run_on_machine: Any, machine: Any, place: Path, check: bool
) -> None:
    machine.write("/root/a", "x")
    os.truncate(machine.path("/root/a"), 2 * 1024 * 1024)
    arguments = {"directories": ["/root"], "max_mb": 1, "archive": str(place / "files.tar.gz")}
    result = run_on_machine(harvest_files, arguments, check=check)
    assert result["failed"] and "found 2.0 MiB in /root" in result["msg"] and os.listdir(place) == []


@pytest.mark.parametrize("text", ["", None, kubeconfig_text("https://127.0.0.1:1", "no CA", "c", "k")])
def test_objects_of_a_cluster_that_does_not_answer(
    run_on_machine: Any, machine: Any, place: Path, text: str | None
) -> None:
    if text is not None:
        machine.write(CONFIG, text)
    result = run_on_machine(harvest_objects, {"directory": str(place)})
    assert not result["changed"] and not result.get("failed") and os.listdir(place) == []
    assert result["reason"].startswith("The objects were not harvested: ") and result["objects"] == []
    assert result["missing"] == ([] if text is None else [result["reason"]])


@pytest.mark.parametrize("check", [False, True])
def test_objects(
    run_on_machine: Any, machine: Any, place: Path, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    machine.write(CONFIG, kubeconfig_text("https://192.0.2.1:6443", "ca", "c", "k"))
    page: dict[str, Any] = {"metadata": {"name": "page", "namespace": "student"}, "data": {"a": "b\nc\n"}}
    api = FakeApi({
        "/api/v1": {"resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["list", "create"]}]},
        "/apis": {},
        "/api/v1/namespaces?limit=500": {"items": [{"metadata": {"name": name}} for name in ("student", "kube-x")]},
        "/api/v1/configmaps?limit=500": {"items": [page]},
    })
    connected = functools.partial(context.NodeContext, connect=api.connect)
    monkeypatch.setattr(harvest_objects, "NodeContext", connected)
    result = run_on_machine(harvest_objects, {"directory": str(place)}, check=check)
    assert (result["changed"], result["reason"], result["namespaces"]) == (True, "", ["student"])
    assert result["objects"] == ["student/ConfigMap/page"]
    assert os.listdir(place) == ([] if check else ["objects.tar.gz"])
    if not check:
        written = place / "objects.tar.gz"
        assert written.stat().st_mode & 0o777 == 0o600
        with tarfile.open(written) as archive:
            assert archive.getnames() == ["student.json"]
            content = archive.extractfile("student.json")
            assert content is not None
            manifests = [json.loads(line) for line in content]
        assert manifests == [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "student"}},
            {"apiVersion": "v1", "kind": "ConfigMap", **page}]


def test_a_place_that_cannot_be_written_is_an_error(
    run_on_machine: Any, machine: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(namespaces={"student": []}, left_out=[], names=list)
    monkeypatch.setattr(objects, "of_cluster", lambda *_given: (found, ""))
    result = run_on_machine(harvest_objects, {"directory": str(place / "none")})
    assert result["failed"] and "No such file" in result["msg"]
