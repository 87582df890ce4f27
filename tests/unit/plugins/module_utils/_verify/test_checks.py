# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.deadline import Deadline
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify.checks import (
    Check,
    NodeRow,
    lease_checks,
    node_checks,
    node_rows,
    pod_checks,
    pod_complaint,
    until,
)


class Time:
    """A time that passes only in sleep, in steps of half a second."""

    def __init__(self) -> None:
        self.value = 100.0

    def now(self) -> float:
        return self.value

    def sleep(self, seconds: float) -> None:
        self.value += max(seconds, 0.5)


def clock(timeout: float = 2.0) -> Deadline:
    time = Time()
    return Deadline(timeout, 0.5, time.now, time.sleep)


def node(name: str, ready: str = "True", role: str = "", address: str = "192.168.90.101") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"node-role.kubernetes.io/" + role: ""} if role else {}},
        "status": {
            "addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}],
            "nodeInfo": {"kubeletVersion": "v1.36.3"},
            "conditions": [{"type": "Ready", "status": ready, "message": "the network plugin is not ready"}],
        },
    }


def pod(name: str, node: str = "node1", phase: str = "Running", ready: bool = True, **more: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "ready": ready, "state": more.pop("state", {})}
    return {
        "metadata": {"name": name, **more.pop("metadata", {})},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "containerStatuses": [container], **more},
    }


def test_the_table_shows_the_control_plane_first() -> None:
    assert node_rows([node("a"), node("z", role="control-plane", ready="False", address="192.168.90.100")]) == [
        NodeRow("z", "192.168.90.100", "control-plane", "v1.36.3", False),
        NodeRow("a", "192.168.90.101", "worker", "v1.36.3", True),
    ]


def test_nodes_that_are_not_ready_or_not_there_say_why() -> None:
    fresh = {"metadata": {"name": "c"}, "status": {}}

    checks = node_checks(["a", "b", "c", "d"], [node("a"), node("b", "Unknown"), fresh])

    assert [check.ok for check in checks] == [True, False, False, False]
    assert [check.detail for check in checks[1:]] == [
        "the network plugin is not ready", "its kubelet has not reported yet", "there is no Node of this name",
    ]


@pytest.mark.parametrize(
    ("before", "after", "ok"),
    [("1", "2", True), ("1", "1", False), ("", "1", True), ("1", "", False), ("", "", False)],
)
def test_only_a_lease_renewed_since_the_beginning_counts(before: str, after: str, ok: bool) -> None:
    assert lease_checks(["n"], {"n": before} if before else {}, {"n": after} if after else {})[0].ok is ok


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        (pod("p"), ""),
        (pod("p", ready=False), "container c is not ready"),
        (pod("p", phase="Pending", state={"waiting": {"reason": "ImagePullBackOff", "message": "no such"}}),
         "ImagePullBackOff: no such"),
        (pod("p", node="", phase="Pending", containerStatuses=[], conditions=[
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes fit"}]), "0/3 nodes fit"),
        (pod("p", phase="Failed"), "is Failed"),
    ],
)
def test_a_pod_that_does_not_serve_says_why(item: dict[str, Any], complaint: str) -> None:
    assert pod_complaint(item) == complaint


def test_pods_are_told_by_node() -> None:
    pods = [
        pod("a"), pod("b"), pod("c", node="node2", phase="Failed"), pod("done", node="node3", phase="Succeeded"),
        pod("ending", node="node3", phase="Failed", metadata={"deletionTimestamp": "2026-07-20T18:18:43Z"}),
        pod("waiting", node="", phase="Pending"),
    ]

    assert pod_checks("system pods", pods) == [
        Check("system pods", "", False, "waiting: is Pending"),
        Check("system pods", "node1", True, "2 pods ready"),
        Check("system pods", "node2", False, "c: is Failed"),
    ]


def test_each_check_carries_when_it_was_first_seen_to_hold() -> None:
    answers = [[True, False], [True, False], [True, True]]

    checks = until(lambda: [Check("x", str(n), ok) for n, ok in enumerate(answers.pop(0))], clock())

    assert [(check.ok, check.seconds) for check in checks] == [(True, 0.0), (True, 1.0)]


def test_patience_ends() -> None:
    checks = until(lambda: [Check("x", "", False, "no")], clock(2))

    assert checks == [Check("x", "", False, "no", 2.0)]


def test_an_expired_deadline_ends_at_once() -> None:
    stopped = clock(60)
    stopped.expire()

    assert until(lambda: [Check("x", "", False)], stopped)[0].ok is False


def test_a_moment_without_the_api_server_is_no_verdict() -> None:
    answers: list[Any] = [ClassroomError("silent"), [Check("x", "", True)]]

    def read() -> list[Check]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    assert until(read, clock())[0].ok


def test_an_api_server_that_stays_away_is_an_error() -> None:
    def read() -> list[Check]:
        raise ClassroomError("silent")

    with pytest.raises(ClassroomError, match="silent"):
        until(read, clock())
