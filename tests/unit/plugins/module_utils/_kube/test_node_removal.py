# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""node_delete: a Node is let go in time, or left alone with the reason; never a failure."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    RequestRejected,
    Unavailable,
    Unreachable,
    Untrusted,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_removal import (
    LeavingNode,
    NodeRemovalSpec,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.node_removal import converge as converge_all
from tests.unit.support.kubeadm_lab import FakeApi, Lab, kubeconfig_text

NODE = "/api/v1/nodes/node1"
PODS = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode1"
SPEC = NodeRemovalSpec([LeavingNode("node1", machine_id="5f1b")], timeout=20)


def converge(spec: NodeRemovalSpec, machine: NodeContext, check_mode: bool = False) -> dict[str, Any]:
    """The result about one Node, together with that of the module."""
    found = converge_all(spec, machine, check_mode=check_mode)
    (node,) = found["nodes"]
    return {**found, **node}


def pod(name: str, owner: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "metadata": {"namespace": "default", "name": name, "uid": "uid-" + name,
                     "ownerReferences": [{"kind": owner, "controller": True}]},
        "spec": {"terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"},
    }
    for part, fields in more.items():
        found[part].update(fields)
    return found


class Cluster(FakeApi):
    """Evicted pods end, unless `stubborn`; those in `protected` may not be evicted for some tries."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        super().__init__()
        self.objects[NODE] = {
            "metadata": {"name": "node1"}, "spec": {},
            "status": {"nodeInfo": {"machineID": "5f1b"}, "conditions": [{"type": "Ready", "status": "True"}],
                       "addresses": [{"type": "InternalIP", "address": "192.168.90.101"}]},
        }
        self.objects[PODS] = {"items": list(pods)}
        self.stubborn: set[str] = set()
        self.protected: dict[str, int] = {}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = super().post(path, body)
        name = body["metadata"]["name"]
        if self.protected.get(name, 0) > 0:
            self.protected[name] -= 1
            raise Unreachable("429 Cannot evict pod as it would violate the pod's disruption budget.")
        if name not in self.stubborn:
            items = self.objects[PODS]["items"]
            self.objects[PODS] = {"items": [item for item in items if item["metadata"]["name"] != name]}
        return answer


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.write("/etc/kubernetes/admin.conf", kubeconfig_text("https://192.168.90.100:6443", "CA", "CRT", "KEY"))
    made.api = Cluster(pod("web"))
    return made


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_a_node_is_cordoned_drained_and_deleted(lab: Lab, check_mode: bool) -> None:
    before = copy.deepcopy(lab.api.objects)
    found = converge(SPEC, lab.machine, check_mode=check_mode)
    assert (found["changed"], found["decision"], found["evicted"], found["warnings"]) == (
        True, "remove", ["default/web"], [])
    assert [change.split(":")[0] for change in found["changes"]] == ["cordon node1", "evict default/web", "node node1"]
    if check_mode:
        assert lab.api.objects == before and all(call.startswith("GET") for call in lab.api.calls)
        return
    verbs = [call.split()[0] for call in lab.api.calls]
    assert verbs == ["GET", "GET", "PATCH", "POST", "GET", "DELETE"]
    assert lab.api.posted[0]["deleteOptions"] == {"gracePeriodSeconds": 10}
    assert NODE not in lab.api.objects
    again = converge(SPEC, lab.machine)
    assert (again["changed"], again["decision"]) == (False, "none")


@pytest.mark.parametrize(("one", "leaves"), [
    (pod("a"), True),
    (pod("a", owner="DaemonSet"), False),
    (pod("a", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), False),
    (pod("a", status={"phase": "Succeeded"}), False),
    (pod("a", status={"phase": "Failed"}), False),
    (pod("a", metadata={"ownerReferences": None}), True),
    (pod("a", status={"phase": "Pending"}), True),
])
def test_which_pods_leave(lab: Lab, one: dict[str, Any], leaves: bool) -> None:
    lab.api = Cluster(one)
    assert bool(converge(SPEC, lab.machine, check_mode=True)["evicted"]) is leaves


@pytest.mark.parametrize(("own", "given"), [(30, 10), (3, 3), (0, 0), (None, 10)])
def test_no_pod_takes_longer_than_it_may(lab: Lab, own: int | None, given: int) -> None:
    lab.api = Cluster(pod("a", spec={"terminationGracePeriodSeconds": own}))
    converge(SPEC, lab.machine)
    assert lab.api.posted[0]["deleteOptions"] == {"gracePeriodSeconds": given}


def cluster(lab: Lab) -> Cluster:
    assert isinstance(lab.api, Cluster)
    return lab.api


def test_a_disruption_budget_is_asked_again(lab: Lab) -> None:
    cluster(lab).protected["web"] = 3
    found = converge(SPEC, lab.machine)
    assert len(lab.api.posted) == 4 and found["warnings"] == [] and NODE not in lab.api.objects


@pytest.mark.parametrize("why", ["stubborn", "protected"])
def test_a_pod_that_does_not_leave_is_named_when_the_time_is_over(lab: Lab, why: str) -> None:
    if why == "stubborn":
        cluster(lab).stubborn.add("web")
    else:
        cluster(lab).protected["web"] = 10_000
    begin = lab.clock.moment
    found = converge(SPEC, lab.machine)
    assert found["left"] == ["default/web"] and NODE not in lab.api.objects
    assert "have not left node1 after 20 s" in found["warnings"][0]
    assert 20 <= lab.clock.moment - begin < 22


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_setting_the_clock_meanwhile_changes_no_timeout(lab: Lab, step: float) -> None:
    cluster(lab).stubborn.add("web")
    begin = lab.clock.moment
    moved = replace(lab.machine, now=lambda: lab.clock.moment + (step if lab.clock.moment > begin + 3 else 0))
    assert converge(SPEC, moved)["left"] == ["default/web"]
    assert 20 <= lab.clock.moment - begin < 22


def test_pods_of_a_host_that_is_down_are_not_waited_for(lab: Lab) -> None:
    lab.api.objects[NODE]["status"]["conditions"][0]["status"] = "Unknown"
    cluster(lab).stubborn.add("web")
    begin = lab.clock.moment
    assert converge(SPEC, lab.machine)["warnings"] == [] and lab.clock.moment == begin
    assert len(lab.api.posted) == 1 and NODE not in lab.api.objects


def test_a_pod_on_its_way_out_is_waited_for(lab: Lab) -> None:
    leaving = pod("old", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    lab.api = Cluster(leaving)

    def ends() -> None:
        lab.api.objects[PODS] = {"items": []}

    lab.clock.at.append((lab.clock.moment + 5, ends))
    found = converge(SPEC, lab.machine)
    assert found["evicted"] == [] and lab.api.posted == [] and found["left"] == []
    assert NODE not in lab.api.objects


@pytest.mark.parametrize("problem", [
    Unreachable("no answer from 192.168.90.100:6443: refused"), Untrusted("unknown issuer", "ca"),
    AccessDenied("401", 401),
])
@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
def test_a_control_plane_that_does_not_answer_is_a_warning(lab: Lab, problem: Exception, check_mode: bool) -> None:
    lab.api.broken = problem
    found = converge(SPEC, lab.machine, check_mode=check_mode)
    assert (found["changed"], found["decision"]) == (False, "undecided")
    assert "the control plane does not respond" in found["warnings"][0]
    assert "kubectl delete node node1" in found["warnings"][0]


@pytest.mark.parametrize("text", [None, "half"])
def test_no_admin_conf_is_a_warning(lab: Lab, text: str | None) -> None:
    lab.remove("/etc/kubernetes/admin.conf")
    if text:
        lab.write("/etc/kubernetes/admin.conf", text)
    found = converge(SPEC, lab.machine)
    assert found["decision"] == "undecided" and "admin.conf" in found["warnings"][0]


def test_an_api_that_goes_away_meanwhile_is_a_warning(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: str, body: dict[str, Any]) -> Any:
        lab.api.broken = Unreachable("no answer")
        raise lab.api.broken

    monkeypatch.setattr(lab.api, "patch", gone)
    found = converge(SPEC, lab.machine)
    assert "stopped responding" in found["warnings"][0] and found["changed"]


@pytest.mark.parametrize(("machine_id", "deleted"), [("5f1b", True), ("", True), ("other", False)])
def test_a_node_of_another_host_is_left_alone(lab: Lab, machine_id: str, deleted: bool) -> None:
    found = converge(NodeRemovalSpec([LeavingNode("node1", machine_id)]), lab.machine)
    assert (NODE not in lab.api.objects) is deleted
    if not deleted:
        assert found["changed"] is False and lab.api.posted == []
        assert "belongs to another host (192.168.90.101) and was not changed" in found["warnings"][0]


def test_without_draining_only_the_node_goes(lab: Lab) -> None:
    found = converge(NodeRemovalSpec([LeavingNode("node1")], drain=False), lab.machine)
    assert found["evicted"] == [] and [call.split()[0] for call in lab.api.calls] == ["GET", "DELETE"]


NODES = [LeavingNode("node1", "5f1b"), LeavingNode("node2", "5f1b"), LeavingNode("node3", "5f1b")]
ALL = NodeRemovalSpec(NODES, timeout=20)


class Several(Cluster):
    """Three Nodes with a pod each."""

    def __init__(self) -> None:
        super().__init__()
        for node in NODES:
            self.objects["/api/v1/nodes/" + node.name] = {**copy.deepcopy(self.objects[NODE]), "spec": {}}
            self.objects[self.pods(node.name)] = {"items": [pod("web-" + node.name)]}

    def pods(self, name: str) -> str:
        return PODS.replace("node1", name)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = FakeApi.post(self, path, body)
        name = body["metadata"]["name"]
        if name not in self.stubborn:
            self.objects[self.pods(name[len("web-"):])] = {"items": []}
        return answer

    def left(self) -> list[str]:
        return [node.name for node in NODES if "/api/v1/nodes/" + node.name in self.objects]


@pytest.fixture
def several(lab: Lab) -> Several:
    lab.api = api = Several()
    return api


def test_several_nodes_are_cordoned_before_the_first_pod_leaves(lab: Lab, several: Several) -> None:
    found = converge_all(ALL, lab.machine)
    assert [node["name"] for node in found["nodes"]] == ["node1", "node2", "node3"] and several.left() == []
    assert [node["evicted"] for node in found["nodes"]] == [["default/web-" + node.name] for node in NODES]
    verbs = [call.split()[0] for call in several.calls]
    assert max(index for index, verb in enumerate(verbs) if verb == "PATCH") < verbs.index("POST")
    assert found["warnings"] == [] and found["changed"]


def test_several_nodes_share_one_timeout(lab: Lab, several: Several) -> None:
    several.stubborn = {"web-node1", "web-node3"}
    begin = lab.clock.moment
    found = converge_all(ALL, lab.machine)
    assert 20 <= lab.clock.moment - begin < 22 and several.left() == []
    assert [node["left"] for node in found["nodes"]] == [["default/web-node1"], [], ["default/web-node3"]]
    assert [warning.split(" after ")[0] for warning in found["warnings"]] == [
        "these pods have not left node1", "these pods have not left node3"]


def test_a_node_of_another_host_keeps_no_other_in_the_cluster(lab: Lab, several: Several) -> None:
    several.objects["/api/v1/nodes/node2"]["status"]["nodeInfo"]["machineID"] = "other"
    del several.objects["/api/v1/nodes/node3"]
    found = converge_all(ALL, lab.machine)
    assert [node["decision"] for node in found["nodes"]] == ["remove", "undecided", "none"]
    assert several.left() == ["node2"] and len(found["warnings"]) == 1


@pytest.mark.parametrize(("problem", "patches", "left"), [
    (Unreachable("no answer"), 1, ["node1", "node2", "node3"]),
    (Unavailable("503"), 3, ["node1"]),
    (RequestRejected("409", 409), 3, ["node1"]),
])
def test_a_request_that_fails_ends_the_removal_of_its_node_only(
    lab: Lab, several: Several, monkeypatch: pytest.MonkeyPatch, problem: Exception, patches: int, left: list[str]
) -> None:
    patch, tried = several.patch, list[str]()

    def failing(path: str, body: dict[str, Any]) -> Any:
        tried.append(path)
        if path == NODE:
            raise problem
        return patch(path, body)

    monkeypatch.setattr(several, "patch", failing)
    found = converge_all(ALL, lab.machine)
    assert (len(tried), several.left()) == (patches, left)
    assert [name for name in left if "while Node " + name not in " ".join(found["warnings"])] == []
    assert len(found["warnings"]) == len(left)


def test_a_server_that_does_not_respond_is_waited_for_once(lab: Lab, several: Several) -> None:
    several.broken = Unreachable("no answer")
    found = converge_all(ALL, lab.machine)
    assert len(several.calls) == 1 and len(found["warnings"]) == 3 and not found["changed"]
