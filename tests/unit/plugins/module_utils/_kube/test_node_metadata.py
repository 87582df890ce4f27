# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_metadata and the API: what is asked, what is written, and what is said when that fails."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    RequestRejected,
    Unreachable,
    Untrusted,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata import converge
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata_plan import NodeChange
from tests.unit.support.kubeadm_lab import Lab, kubeconfig_text

CONF = "/etc/kubernetes/admin.conf"
NODES = "/api/v1/nodes"
PATH = NODES + "/node1"
DECLARED = json.dumps({"labels": ["disk"], "taints": []}, separators=(",", ":"))
SETTLED = {
    "metadata": {
        "name": "node1", "resourceVersion": "7", "labels": {"disk": "ssd", "other": "left alone"},
        "annotations": {"classroom.kubeadm/declared": DECLARED},
    },
    "spec": {},
}
FRESH = {"metadata": {"name": "node1", "resourceVersion": "7", "labels": {"other": "left alone"}}, "spec": {}}
NEWER = {"metadata": {"name": "node1", "resourceVersion": "8", "labels": {"other": "changed"}}, "spec": {}}
SPEC = ({"name": "node1", "labels": {"disk": "ssd"}},)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.write(CONF, kubeconfig_text("https://192.168.90.100:6443", "THE CA", "CRT", "THE KEY"))
    return made


def has(lab: Lab, node: dict[str, Any]) -> None:
    """The API server has this one Node."""
    lab.api.objects[PATH] = copy.deepcopy(node)
    lab.api.objects[NODES] = {"items": [lab.api.objects[PATH]]}


def ensured(lab: Lab, check: bool = False, spec: Sequence[Mapping[str, Any]] = SPEC) -> list[NodeChange]:
    return converge(spec, lab.machine, CONF, check)


def texts(found: list[NodeChange]) -> list[str]:
    return as_changes([step for change in found for step in change.steps])


def refusing(lab: Lab, monkeypatch: pytest.MonkeyPatch, problem: Callable[[dict[str, Any]], bool], status: int) -> None:
    """Patches for which `problem` holds are refused with this status."""
    taken = lab.api.patch

    def patch(path: str, body: dict[str, Any]) -> Any:
        if problem(body):
            lab.api.calls.append("PATCH " + path)
            raise RequestRejected(f"PATCH {path}: {status} refused", status)
        return taken(path, body)

    monkeypatch.setattr(lab.api, "patch", patch)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("node", [FRESH, SETTLED])
def test_it_patches_what_differs(lab: Lab, node: dict[str, Any], check: bool) -> None:
    has(lab, node)
    found = ensured(lab, check)
    differs = node is FRESH
    assert bool(found) is differs
    assert lab.api.calls == ["GET " + NODES, *(["PATCH " + PATH] if differs and not check else [])]
    assert (texts(found)[:1] == ["label disk of node1: declared and missing"]) is differs
    if differs and not check:
        assert lab.api.objects[PATH]["metadata"]["labels"]["disk"] == "ssd"
        assert ensured(lab) == []


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_node_is_predicted_or_told(lab: Lab, check: bool) -> None:
    has(lab, SETTLED)
    spec = [*SPEC, {"name": "node2", "labels": {"disk": "hdd"}}]
    if check:
        assert [change.spec.name for change in ensured(lab, check, spec)] == ["node2"]
    else:
        with pytest.raises(ClassroomError, match="expected node2 in the cluster, found only node1"):
            ensured(lab, check, spec)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_without_a_cluster_it_predicts_or_says_so(lab: Lab, silent: bool, check: bool) -> None:
    if silent:
        lab.api.broken = Unreachable("no answer from 192.168.90.100:6443: Connection refused")
    else:
        lab.remove(CONF)
    spec: list[dict[str, Any]] = [*SPEC, {"name": "node2"}]
    if check:
        assert [change.spec.name for change in ensured(lab, check, spec)] == ["node1"]
    else:
        with pytest.raises(ClassroomError, match="Check that the API server runs" if silent else "no such file"):
            ensured(lab, check, spec)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("problem", "words"), [
    (AccessDenied("GET /api/v1/nodes: 401 Unauthorized", 401), "still valid"),
    (Untrusted("the certificate does not pass", "ca"), "belongs to another cluster"),
])
def test_an_administrator_of_another_cluster_is_told_in_any_mode(
    lab: Lab, problem: Exception, words: str, check: bool
) -> None:
    lab.api.broken = problem
    with pytest.raises(ClassroomError, match=words):
        ensured(lab, check)


def test_a_node_that_others_changed_is_read_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    has(lab, FRESH)
    lab.api.objects[PATH] = copy.deepcopy(NEWER)
    versions: list[str] = []

    def older(body: dict[str, Any]) -> bool:
        versions.append(body["metadata"]["resourceVersion"])
        return versions[-1] == "7"

    refusing(lab, monkeypatch, older, 409)
    assert ensured(lab)
    assert versions == ["7", "8"]
    assert lab.api.objects[PATH]["metadata"]["labels"]["disk"] == "ssd"


def test_a_process_that_is_always_faster_is_an_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    has(lab, FRESH)
    refusing(lab, monkeypatch, lambda _body: True, 409)
    with pytest.raises(ClassroomError, match="5 times in a row"):
        ensured(lab)
    assert lab.api.calls.count("PATCH " + PATH) == 5


def test_another_refusal_is_told_at_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    has(lab, FRESH)
    refusing(lab, monkeypatch, lambda _body: True, 422)
    with pytest.raises(ClassroomError, match="422 refused"):
        ensured(lab)
    assert lab.api.calls.count("PATCH " + PATH) == 1


def test_bad_syntax_is_refused_before_anything_is_asked(lab: Lab) -> None:
    with pytest.raises(ClassroomError, match="'a b'"):
        ensured(lab, spec=[{"name": "node1", "labels": {"a b": "c"}}])
    assert lab.api.calls == []
