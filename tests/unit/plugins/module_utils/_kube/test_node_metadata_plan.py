# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node import ANNOTATION
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_metadata_plan import (
    Declared,
    MetadataSpec,
    Node,
    Taint,
    changes,
    patch,
    spec_from,
    steps,
    validate,
)

SSD = {"disk": "ssd"}
STORAGE = Taint("dedicated", "NoSchedule", "storage")
ADDED = "2026-07-20T18:18:43Z"
FOREIGN: dict[str, Any] = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": ADDED}
MINE: dict[str, Any] = {"key": "dedicated", "effect": "NoSchedule", "value": "storage", "timeAdded": ADDED}


def node(
    labels: dict[str, str] | None = None, taints: tuple[dict[str, Any], ...] = (), declared: Declared | None = None
) -> Node:
    return Node("n", "7", labels or {}, taints, declared.as_text() if declared else "")


@pytest.mark.parametrize(
    ("spec", "found", "reasons"),
    [
        (MetadataSpec("n"), node({"x": "y"}, (FOREIGN,)), []),
        (MetadataSpec("n", SSD), node(SSD, declared=Declared(("disk",))), []),
        (MetadataSpec("n", {}, (STORAGE,)), node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))), []),
        (MetadataSpec("n", SSD), node(), ["label disk of n: declared and missing", "annotation"]),
        (MetadataSpec("n", SSD), node({"disk": "hdd"}, declared=Declared(("disk",))),
         ["label disk of n: declared with"]),
        # Another user set the same label first: from now on it is declared
        (MetadataSpec("n", SSD), node(SSD), ["annotation"]),
        (MetadataSpec("n"), node(SSD, declared=Declared(("disk",))),
         ["label disk of n: no longer declared", "annotation"]),
        # Another user removed it already, only the annotation is left
        (MetadataSpec("n"), node(declared=Declared(("disk",))), ["annotation"]),
        (MetadataSpec("n", {}, (STORAGE,)), node(taints=(FOREIGN,)),
         ["taint dedicated:NoSchedule of n: declared and missing", "annotation"]),
        (MetadataSpec("n", {}, (Taint("dedicated", "NoSchedule"),)),
         node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))),
         ["taint dedicated:NoSchedule of n: declared with"]),
        # The same key with another effect is another taint
        (MetadataSpec("n", {}, (Taint("dedicated", "NoExecute"),)),
         node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))),
         ["taint dedicated:NoExecute of n: declared", "taint dedicated:NoSchedule of n: no longer", "annotation"]),
        (MetadataSpec("n"), Node("n", annotation="broken {"), ["annotation"]),
        (MetadataSpec("n"), Node("n", annotation="[1]"), ["annotation"]),
    ],
)
def test_only_what_differs_is_planned(spec: MetadataSpec, found: Node, reasons: list[str]) -> None:
    planned = [f"{step.title}: {step.reason}" for step in steps(spec, found)]

    assert len(planned) == len(reasons)
    assert all(line.startswith(reason) for line, reason in zip(planned, reasons, strict=True)), planned


def test_the_patch_makes_the_node_as_declared_and_nothing_else() -> None:
    declared = Declared(("old", "disk"), ("gone:NoSchedule",))
    gone = {"key": "gone", "effect": "NoSchedule"}
    found = node({"old": "1", "disk": "hdd", "x": "y"}, (FOREIGN, gone, MINE), declared)
    spec = MetadataSpec("n", SSD, (Taint("dedicated", "NoSchedule"), Taint("new", "NoExecute", "v")))

    document = patch(spec, found)

    assert document["metadata"]["resourceVersion"] == "7"
    assert document["metadata"]["labels"] == {"old": None, "disk": "ssd"}
    assert document["metadata"]["annotations"] == {ANNOTATION: spec.declared.as_text()}
    assert document["spec"]["taints"] == [
        FOREIGN,
        {"key": "dedicated", "effect": "NoSchedule", "timeAdded": ADDED},
        {"key": "new", "effect": "NoExecute", "value": "v"},
    ]


def test_the_patch_of_a_node_with_nothing_left_removes_the_memory() -> None:
    document = patch(MetadataSpec("n"), node(SSD, declared=Declared(("disk",))))

    assert document["metadata"]["annotations"] == {ANNOTATION: None}
    assert document["spec"] == {"taints": None}


def test_values_become_the_text_that_is_meant() -> None:
    spec = spec_from({"name": "n", "labels": {"a": True, "b": 1, "c": None, "d": "x"}, "taints": None})

    assert spec.labels == {"a": "true", "b": "1", "c": "", "d": "x"}


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        ([MetadataSpec("n"), MetadataSpec("n")], "expected the Node n once, found it 2 times"),
        ([MetadataSpec("n", {"-a": "x"})], "a letter or digit, found '-a'"),
        ([MetadataSpec("n", {"a/b/c": "x"})], "'a/b/c'"),
        ([MetadataSpec("n", {"/a": "x"})], "'/a'"),
        ([MetadataSpec("n", {"Example.com/a": "x"})], "'Example.com/a'"),
        ([MetadataSpec("n", {"a" * 64: "x"})], "at most 63"),
        ([MetadataSpec("n", {"a": "x y"})], "a letter or digit, found 'x y'"),
        ([MetadataSpec("n", {"a": "x" * 64})], "value of the label a"),
        ([MetadataSpec("n", {}, (Taint("a", "Never"),))],
         "effect of the taint a is invalid: expected one of NoSchedule, PreferNoSchedule, NoExecute, found 'Never'"),
        ([MetadataSpec("n", {}, (Taint("a", "NoSchedule"), Taint("a", "NoSchedule", "v")))],
         "the taint a:NoSchedule once"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_first(specs: list[MetadataSpec], words: str) -> None:
    with pytest.raises(ClassroomError) as raised:
        validate(specs)

    assert words in str(raised.value)


def test_good_syntax_passes() -> None:
    validate([
        MetadataSpec("n", {"a": "", "node-role.kubernetes.io/worker": "", "A_b.c-1": "X"}),
        MetadataSpec("m", {}, (STORAGE, Taint("dedicated", "NoExecute"))),
    ])


@pytest.mark.parametrize("predict", [False, True])
def test_a_node_that_is_not_there_is_predicted_or_told(predict: bool) -> None:
    specs = [MetadataSpec("n", SSD), MetadataSpec("absent", SSD), MetadataSpec("empty")]

    if predict:
        found = changes(specs, {"n": node()}, predict=True)
        assert [change.spec.name for change in found] == ["n", "absent"]
        assert {step.reason for step in found[1].steps} == {"the Node does not exist yet"}
    else:
        with pytest.raises(ClassroomError, match="expected absent, empty in the cluster, found only n"):
            changes(specs, {"n": node()}, predict=False)
