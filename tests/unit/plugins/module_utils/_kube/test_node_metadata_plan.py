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
    Node,
    Taint,
    Wish,
    changes,
    check,
    patch,
    steps,
    wish_from,
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
    ("wish", "found", "reasons"),
    [
        (Wish("n"), node({"x": "y"}, (FOREIGN,)), []),
        (Wish("n", SSD), node(SSD, declared=Declared(("disk",))), []),
        (Wish("n", {}, (STORAGE,)), node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))), []),
        (Wish("n", SSD), node(), ["label disk of n: declared and not there", "annotation"]),
        (Wish("n", SSD), node({"disk": "hdd"}, declared=Declared(("disk",))), ["label disk of n: declared with"]),
        # Somebody else set the same label first: from now on it is declared
        (Wish("n", SSD), node(SSD), ["annotation"]),
        (Wish("n"), node(SSD, declared=Declared(("disk",))), ["label disk of n: no longer declared", "annotation"]),
        # Somebody removed it already, only the memory is left
        (Wish("n"), node(declared=Declared(("disk",))), ["annotation"]),
        (Wish("n", {}, (STORAGE,)), node(taints=(FOREIGN,)),
         ["taint dedicated:NoSchedule of n: declared and not there", "annotation"]),
        (Wish("n", {}, (Taint("dedicated", "NoSchedule"),)),
         node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))),
         ["taint dedicated:NoSchedule of n: declared with"]),
        # The same key with another effect is another taint
        (Wish("n", {}, (Taint("dedicated", "NoExecute"),)),
         node(taints=(MINE,), declared=Declared((), (STORAGE.identity,))),
         ["taint dedicated:NoExecute of n: declared", "taint dedicated:NoSchedule of n: no longer", "annotation"]),
        (Wish("n"), Node("n", annotation="broken {"), ["annotation"]),
        (Wish("n"), Node("n", annotation="[1]"), ["annotation"]),
    ],
)
def test_only_what_differs_is_planned(wish: Wish, found: Node, reasons: list[str]) -> None:
    planned = [f"{step.title}: {step.reason}" for step in steps(wish, found)]

    assert len(planned) == len(reasons)
    assert all(line.startswith(reason) for line, reason in zip(planned, reasons, strict=True)), planned


def test_the_patch_makes_the_node_as_declared_and_nothing_else() -> None:
    declared = Declared(("old", "disk"), ("gone:NoSchedule",))
    gone = {"key": "gone", "effect": "NoSchedule"}
    found = node({"old": "1", "disk": "hdd", "x": "y"}, (FOREIGN, gone, MINE), declared)
    wish = Wish("n", SSD, (Taint("dedicated", "NoSchedule"), Taint("new", "NoExecute", "v")))

    document = patch(wish, found)

    assert document["metadata"]["resourceVersion"] == "7"
    assert document["metadata"]["labels"] == {"old": None, "disk": "ssd"}
    assert document["metadata"]["annotations"] == {ANNOTATION: wish.declared.as_text()}
    assert document["spec"]["taints"] == [
        FOREIGN,
        {"key": "dedicated", "effect": "NoSchedule", "timeAdded": ADDED},
        {"key": "new", "effect": "NoExecute", "value": "v"},
    ]


def test_the_patch_of_a_node_with_nothing_left_removes_the_memory() -> None:
    document = patch(Wish("n"), node(SSD, declared=Declared(("disk",))))

    assert document["metadata"]["annotations"] == {ANNOTATION: None}
    assert document["spec"] == {"taints": None}


def test_values_become_the_text_that_is_meant() -> None:
    wish = wish_from({"name": "n", "labels": {"a": True, "b": 1, "c": None, "d": "x"}, "taints": None})

    assert wish.labels == {"a": "true", "b": "1", "c": "", "d": "x"}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ([Wish("n"), Wish("n")], "the Node n once, found it 2 times"),
        ([Wish("n", {"-a": "x"})], "key of a label, found '-a'"),
        ([Wish("n", {"a/b/c": "x"})], "'a/b/c'"),
        ([Wish("n", {"/a": "x"})], "'/a'"),
        ([Wish("n", {"Example.com/a": "x"})], "'Example.com/a'"),
        ([Wish("n", {"a" * 64: "x"})], "at most 63"),
        ([Wish("n", {"a": "x y"})], "value of the label a, found 'x y'"),
        ([Wish("n", {"a": "x" * 64})], "value of the label a"),
        ([Wish("n", {}, (Taint("a", "Never"),))], "effect of the taint a, found 'Never'"),
        ([Wish("n", {}, (Taint("a", "NoSchedule"), Taint("a", "NoSchedule", "v")))], "the taint a:NoSchedule once"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_first(wishes: list[Wish], words: str) -> None:
    with pytest.raises(ClassroomError) as raised:
        check(wishes)

    assert words in str(raised.value)


def test_good_syntax_passes() -> None:
    check([
        Wish("n", {"a": "", "node-role.kubernetes.io/worker": "", "A_b.c-1": "X"}),
        Wish("m", {}, (STORAGE, Taint("dedicated", "NoExecute"))),
    ])


@pytest.mark.parametrize("predict", [False, True])
def test_a_node_that_is_not_there_is_predicted_or_told(predict: bool) -> None:
    wishes = [Wish("n", SSD), Wish("absent", SSD), Wish("empty")]

    if predict:
        found = changes(wishes, {"n": node()}, predict=True)
        assert [change.wish.name for change in found] == ["n", "absent"]
        assert {step.reason for step in found[1].steps} == {"the Node is not there yet"}
    else:
        with pytest.raises(ClassroomError, match="absent, empty, found only n"):
            changes(wishes, {"n": node()}, predict=False)
