# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.deadline import Deadline
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import ApiUnreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify import pods as verify_pods
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify import verification
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify.checks import Check
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify.verification import (
    ProofPod,
    Verdict,
    VerifySpec,
    failure_message,
    pairs,
    started_checks,
    verify,
)
from tests.unit.support.fake_kubectl import CONNECTION_REFUSED, FakeKubectl, connected

NODES = ("master", "node1", "node2")
SPEC = VerifySpec(NODES, "agnhost:1", "kubernetes.default.svc.cluster.local", ("kube-system",))
TIMED_OUT = Completed(1, "", "TIMEOUT\ncommand terminated with exit code 1\n")


def listed(*items: dict[str, Any]) -> Completed:
    return Completed(0, json.dumps({"items": items}), "")


def node(name: str, ready: str = "True") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def lease(name: str, renewed: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"renewTime": renewed}}


def pod(name: str, node: str, number: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name}, "spec": {"nodeName": node},
        "status": {
            "phase": "Running", "podIP": f"10.244.{number}.2",
            "containerStatuses": [{"name": "c", "ready": True}],
        },
    }


def leases(renewed: str, *, without: str = "") -> Completed:
    return listed(*(lease(name, "old" if name == without else renewed) for name in NODES))


def working_cluster(**changes: Any) -> FakeKubectl:
    """Three nodes where everything works, but for the answers given instead."""
    answers: dict[str, Any] = {
        "get --raw " + verification.NODES: listed(*map(node, NODES)),
        "get --raw " + verification.LEASES: [leases("old"), leases("new")],
        "get --raw " + verification.DNS_SERVICE: Completed(0, '{"spec": {"clusterIPs": ["10.96.0.10"]}}', ""),
        "get --raw /api/v1/namespaces/kube-system/pods": listed(*(pod("proxy-" + name, name) for name in NODES)),
        "get --raw /api/v1/namespaces?labelSelector=": listed(),
        "get --raw /api/v1/namespaces/classroom-verify-":
            listed(*(pod("p-" + name, name, number) for number, name in enumerate(NODES))),
        "create -f -": Completed(0, "", ""),
        "delete namespace": Completed(0, "", ""),
        "exec": agnhost({}),
        "logs": Completed(0, "Started HTTP server on port 8080\n", ""),
    }
    answers.update(changes)
    return FakeKubectl(answers)


def agnhost(broken: dict[str, Completed]) -> Callable[[list[str]], Completed]:
    """What runs in the pods; `broken` by the words of a call."""

    def answer(arguments: list[str]) -> Completed:
        line = " ".join(arguments)
        for words, completed in broken.items():
            if words in line:
                return completed
        return Completed(0, "10.96.0.10\n" if "dns-server-list" in line else "", "")

    return answer


def proof(tmp_path: Path, fake: FakeKubectl, *, touch: bool = True, timeout: float = 0.2) -> Verdict:
    return verify(connected(tmp_path, fake), SPEC, Deadline(timeout, interval=0.01), touch=touch)


def test_a_working_cluster_passes_and_nothing_is_left(tmp_path: Path) -> None:
    fake = working_cluster()

    verdict = proof(tmp_path, fake, timeout=20)

    assert verdict.failed == []
    assert [row.name for row in verdict.nodes] == list(NODES)
    counted = {name: sum(check.name == name for check in verdict.checks) for name in verification._MESSAGES}
    assert counted == {name: 6 if name == "pod to pod" else 3 for name in counted}
    made = json.loads(next(text for text in fake.inputs if text))["items"][0]["metadata"]["name"]
    assert fake.asked("delete") == [["delete", "namespace", made, "--wait=false", "--ignore-not-found"]]


def test_check_mode_only_reads(tmp_path: Path) -> None:
    fake = working_cluster()

    verdict = proof(tmp_path, fake, touch=False, timeout=20)

    assert verdict.failed == []
    assert {check.name for check in verdict.checks} == {"ready", "lease", "system pods"}
    assert {call[0] for call in fake.calls} == {"get"}


@pytest.mark.parametrize(("left_out", "failed"), [((), ["system pods"]), (("node2",), [])])
def test_pods_on_a_host_that_has_failed_before_prove_nothing(
    tmp_path: Path, left_out: tuple[str, ...], failed: list[str]
) -> None:
    dead = {**pod("proxy-node2", "node2"), "status": {"phase": "Unknown"}}
    pods = listed(pod("proxy-master", "master"), pod("proxy-node1", "node1"), dead)
    fake = working_cluster(**{"get --raw /api/v1/namespaces/kube-system/pods": pods})
    spec = VerifySpec(("master", "node1"), SPEC.image, SPEC.service, SPEC.namespaces, frozenset(left_out))

    verdict = verify(connected(tmp_path, fake), spec, Deadline(0.2, interval=0.01), touch=True)

    assert [check.name for check in verdict.failed] == failed


def test_without_names_it_is_the_nodes_that_there_are(tmp_path: Path) -> None:
    spec = VerifySpec((), SPEC.image, SPEC.service, SPEC.namespaces)

    verdict = verify(connected(tmp_path, working_cluster()), spec, Deadline(20, interval=0.01), touch=False)

    assert {check.node for check in verdict.checks if check.name == "ready"} == set(NODES)


@pytest.mark.parametrize(
    ("changes", "failed", "words"),
    [
        ({"get --raw " + verification.NODES: listed(node("master"), node("node1", "False"))},
         [("ready", "node1"), ("ready", "node2")], "no Node of this name"),
        ({"get --raw " + verification.LEASES: [leases("old"), leases("new", without="node2")]},
         [("lease", "node2")], "not renewed since old"),
        ({"get --raw /api/v1/namespaces/kube-system/pods": listed()}, [("system pods", "")], "no pod at all"),
        ({"exec": agnhost({"p-node1 -- /agnhost connect kubernetes": TIMED_OUT})},
         [("name resolution", "node1")], "kubernetes.default.svc.cluster.local: TIMEOUT"),
        ({"exec": agnhost({"p-node1 -- /agnhost connect 10.244.2.2:8080": TIMED_OUT})},
         [("pod to pod", "node1")], "10.244.2.2:8080 on node2: TIMEOUT"),
        ({"exec": agnhost({"p-node2 -- /agnhost dns": Completed(0, "192.168.90.1\n", "")})},
         [("resolver", "node2")], "192.168.90.1, the service kube-dns has 10.96.0.10"),
        ({"exec": agnhost({"p-node2 -- /agnhost dns": Completed(1, "", "error: dial tcp :10250: i/o timeout\n")})},
         [("exec", "node2")], "10250"),
        ({"logs --namespace": Completed(1, "", "error: no logs\n")}, [("logs", name) for name in NODES], "no logs"),
        ({"get --raw " + verification.DNS_SERVICE: Completed(1, "", "Error from server (NotFound)")},
         [("resolver", name) for name in NODES], "no address"),
        ({"create -f -": Completed(1, "", "Error from server (Forbidden): quota")}, [("pod", "")], "quota"),
    ],
)
def test_a_failure_says_which_and_nothing_is_left(
    tmp_path: Path, changes: dict[str, Any], failed: list[tuple[str, str]], words: str
) -> None:
    fake = working_cluster(**changes)

    verdict = proof(tmp_path, fake)

    assert [(check.name, check.node) for check in verdict.failed] == failed
    assert any(words in failure_message(check) for check in verdict.failed)
    assert len(fake.asked("delete")) == 1


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    left = {"metadata": {"name": "classroom-verify-left", "creationTimestamp": "2020-01-01T00:00:00Z"}}
    fake = working_cluster(**{"get --raw /api/v1/namespaces?labelSelector=": listed(left)})

    proof(tmp_path, fake, timeout=20)

    assert "classroom-verify-left" in fake.asked("delete")[0]


def test_an_interrupted_proof_is_cleaned_up(tmp_path: Path) -> None:
    def interrupted(_arguments: list[str]) -> Completed:
        raise SystemExit(143)

    fake = working_cluster(exec=interrupted)

    with pytest.raises(SystemExit):
        proof(tmp_path, fake, timeout=20)
    assert len(fake.asked("delete")) == 1


def test_an_api_server_that_is_not_there_is_an_error_before_anything(tmp_path: Path) -> None:
    with pytest.raises(ApiUnreachable):
        proof(tmp_path, FakeKubectl({"get": CONNECTION_REFUSED}))


def test_an_api_server_that_goes_away_is_a_failed_check(tmp_path: Path) -> None:
    fake = working_cluster(**{"get --raw /api/v1/namespaces/kube-system/pods": CONNECTION_REFUSED})

    verdict = proof(tmp_path, fake)

    assert [check.name for check in verdict.failed] == ["system pods"]


@pytest.mark.parametrize(("logs", "quoted"), [
    (Completed(0, "first\nplugin/forward: none found\n", ""), ", its last log line is: plugin/forward: none found"),
    (Completed(0, "", ""), ""),
    (Completed(1, "", "previous terminated container not found"), ""),
])
def test_a_system_pod_that_crashes_is_reported_with_its_last_log_line(
    tmp_path: Path, logs: Completed, quoted: str
) -> None:
    crashed = pod("coredns-1", "master")
    crashed["metadata"]["namespace"] = "kube-system"
    crashed["status"]["containerStatuses"] = [{
        "name": "coredns", "ready": False, "lastState": {"terminated": {"exitCode": 1}},
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
    }]
    fake = working_cluster(**{
        "get --raw /api/v1/namespaces/kube-system/pods": listed(crashed, pod("proxy-node1", "node1")),
        "logs --namespace kube-system coredns-1 --container coredns --previous --tail=1": logs,
    })

    (failed,) = proof(tmp_path, fake, touch=False).failed

    assert failed.detail.startswith("coredns-1: CrashLoopBackOff: back-off 5m0s restarting failed container" + quoted)
    assert (", its last log line" in failed.detail) is bool(quoted)


def test_a_pod_that_is_not_scheduled_is_told_of_its_node() -> None:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node1"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    pending = {
        "metadata": {"name": "p"}, "spec": {"affinity": affinity},
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "Too many pods"}]},
    }

    checks = started_checks(["node1", "node2"], [pending])

    assert [(check.node, check.detail) for check in checks] == [
        ("node1", "Too many pods"), ("node2", "there is no pod for it yet"),
    ]


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 0), (2, 2), (3, 6), (5, 20), (6, 6), (20, 20)])
def test_large_clusters_are_called_around(count: int, calls: int) -> None:
    pods = [ProofPod(str(number), "p", "10.0.0.1") for number in range(count)]

    found = pairs(pods)

    assert len(found) == calls
    assert all(one is not other for one, other in found)
    assert {one.node for one, _other in found} == {pod.node for pod in pods if calls}


@pytest.mark.parametrize("name", list(verification._MESSAGES))
def test_every_check_has_a_sentence(name: str) -> None:
    assert failure_message(Check(name, "node1", False, "nothing.")).startswith("node1: expected ")


def test_a_namespace_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    fake = working_cluster(**{"delete namespace": Completed(1, "", "Error from server (Forbidden): no")})

    verdict = proof(tmp_path, fake, timeout=20)

    assert [check.name for check in verdict.failed] == ["pod"]
    assert "delete namespace " + verify_pods.NAME in verdict.failed[0].detail
