# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.node_metadata import main

DECLARED = json.dumps({"labels": ["disk"], "taints": []}, separators=(",", ":"))
SETTLED = {
    "metadata": {
        "name": "node1", "resourceVersion": "7", "labels": {"disk": "ssd", "other": "left alone"},
        "annotations": {"classroom.kubeadm/declared": DECLARED},
    },
    "spec": {},
}
FRESH = {"metadata": {"name": "node1", "resourceVersion": "7", "labels": {"other": "left alone"}}, "spec": {}}
WISH = [{"name": "node1", "labels": {"disk": "ssd"}}]


def listed(*nodes: dict[str, Any]) -> tuple[int, str, str]:
    return (0, json.dumps({"items": nodes}), "")


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("node", [FRESH, SETTLED])
def test_it_patches_what_differs(run_main: Any, kubectl: Any, node: dict[str, Any], check: bool) -> None:
    kubectl.answers({"get --raw /api/v1/nodes": listed(node), "patch node node1": (0, "node/node1", "")})

    result = run_main(main, {**kubectl.options, "nodes": WISH}, check=check)

    differs = node is FRESH
    assert (result["failed"], result["changed"]) == (False, differs)
    assert len(kubectl.calls) == (2 if differs and not check else 1)
    assert (result["changes"][:1] == ["label disk of node1: declared and not there"]) is differs


@pytest.mark.parametrize("check", [False, True])
def test_a_missing_node_is_predicted_or_told(run_main: Any, kubectl: Any, check: bool) -> None:
    kubectl.answers({"get --raw /api/v1/nodes": listed(SETTLED)})
    wish = [*WISH, {"name": "node2", "labels": {"disk": "hdd"}}]

    result = run_main(main, {**kubectl.options, "nodes": wish}, check=check)

    assert result["failed"] is not check
    assert result["changed"] is check
    if not check:
        assert "node2" in result["msg"] and "found only node1" in result["msg"]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_without_a_cluster_it_predicts_or_says_so(run_main: Any, kubectl: Any, silent: bool, check: bool) -> None:
    kubectl.answers({"get": (1, "", "connect: connection refused")})
    options = dict(kubectl.options, nodes=[*WISH, {"name": "node2"}])
    if not silent:
        options["kubectl"] = "no-such-kubectl"

    result = run_main(main, options, check=check)

    assert result["failed"] is not check
    assert result["changed"] is check
    if check:
        assert not any("node2" in change for change in result["changes"])


def test_a_patch_that_came_too_late_is_made_anew(run_main: Any, kubectl: Any) -> None:
    kubectl.answers({
        "get --raw /api/v1/nodes": listed(FRESH),
        "get --raw /api/v1/nodes/node1": (0, json.dumps(FRESH), ""),
        "patch": (1, "", "Error from server (Conflict): the object has been modified; please apply your changes"),
    })

    result = run_main(main, {**kubectl.options, "nodes": WISH})

    assert result["failed"] and "5 times in a row" in result["msg"]
    assert sum(call.startswith("patch") for call in kubectl.calls) == 5


def test_another_refusal_is_told_at_once(run_main: Any, kubectl: Any) -> None:
    kubectl.answers({
        "get --raw /api/v1/nodes": listed(FRESH),
        "patch": (1, "", "Error from server (Forbidden): nodes \"node1\" is forbidden"),
    })

    result = run_main(main, {**kubectl.options, "nodes": WISH})

    assert result["failed"] and "forbidden" in result["msg"]


def test_bad_syntax_is_refused_before_anything_is_asked(run_main: Any, kubectl: Any) -> None:
    result = run_main(main, {**kubectl.options, "nodes": [{"name": "node1", "labels": {"a b": "c"}}]})

    assert result["failed"] and "'a b'" in result["msg"]
    assert kubectl.calls == []
