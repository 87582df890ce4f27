# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify that a cluster works, by the status that it reports and by pods on every node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .._core.command import Completed
from .._core.deadline import Deadline
from .._core.errors import ClassroomError
from .._kube.kubectl import ApiUnreachable, Kubectl
from . import pods as verify_pods
from .checks import (
    Check,
    NodeRow,
    lease_checks,
    lease_times,
    node_checks,
    node_rows,
    pod_checks,
    pod_complaint,
    until,
)

NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
DNS_SERVICE = "/api/v1/namespaces/kube-system/services/kube-dns"

# Up to this number of nodes each pod connects to all others; with more nodes each connects to the next one.
ALL_PAIRS = 5
# Characters of a log line that an error quotes.
LOG_LINE = 300
# Each kubectl is a process, and the cluster under test may share two cores with all of them.
PARALLEL = 4

# The expected state and the advice for each check.
_MESSAGES = {
    "ready": ("a ready Node", "Check 'journalctl -u kubelet' there"),
    "lease": ("a kubelet that reports", "Check 'systemctl status kubelet' there; the status of the Node is outdated"),
    "system pods": ("all system pods running", "Check 'kubectl get pods -A -o wide', and describe those pods"),
    "pod": ("a new pod to run", "Check 'journalctl -u kubelet' there, and that its runtime can get the image"),
    "exec": ("'kubectl exec' to work", "Check that the API server can reach port 10250/tcp there"),
    "logs": ("'kubectl logs' to work", "Check that the API server can reach port 10250/tcp there"),
    "resolver": ("pods that use the cluster's DNS", "Correct clusterDNS in the kubelet's configuration there"),
    "name resolution": (
        "names resolved through the service address",
        "Check the pods of CoreDNS, and the pods of kube-proxy and of the network plugin there",
    ),
    "pod to pod": (
        "pods to reach those of other nodes",
        "Check the network plugin's pods on both nodes, and that no firewall between them drops its traffic",
    ),
}


@dataclass(frozen=True)
class VerifySpec:
    """The parameters of a verification. Without names in `nodes` all Nodes are verified."""

    nodes: tuple[str, ...]
    image: str
    service: str
    namespaces: tuple[str, ...]
    # Hosts on which a task failed before; their pods are ignored.
    left_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """The result of a verification."""

    checks: list[Check]
    nodes: list[NodeRow]

    @property
    def failed(self) -> list[Check]:
        """Return the checks that did not pass."""
        return [check for check in self.checks if not check.ok]


@dataclass(frozen=True)
class ProofPod:
    """The pod of the verification on one node."""

    node: str
    name: str
    address: str


def verify(kubectl: Kubectl, spec: VerifySpec, deadline: Deadline, *, touch: bool) -> Verdict:
    """Run all checks in parallel; without `touch` only those that read."""
    before = lease_times(kubectl.get(LEASES)["items"])
    expected = spec.nodes or tuple(row.name for row in node_rows(kubectl.get(NODES)["items"]))
    nodes: list[Any] = []

    def read_nodes() -> list[Check]:
        nodes[:] = kubectl.get(NODES)["items"]
        return node_checks(expected, nodes)

    stages: list[tuple[str, Callable[[], list[Check]]]] = [
        ("ready", lambda: until(read_nodes, deadline)),
        ("lease", lambda: until(
            lambda: lease_checks(expected, before, lease_times(kubectl.get(LEASES)["items"])), deadline
        )),
        ("system pods", lambda: _explained(kubectl, spec, until(lambda: _system_pods(kubectl, spec), deadline))),
    ]
    if touch:
        stages.append(("pod", lambda: _with_pods(kubectl, spec, expected, deadline)))
    checks = _side_by_side(stages, deadline)
    return Verdict(checks, node_rows(nodes))


def failure_message(check: Check) -> str:
    """Return the error message of a failed check."""
    expected, advice = _MESSAGES[check.name]
    return "{}: expected {}, found: {}. {}.".format(
        check.node or "cluster", expected, check.detail.strip().rstrip("."), advice
    )


def _side_by_side(stages: Sequence[tuple[str, Callable[[], list[Check]]]], deadline: Deadline) -> list[Check]:
    """Return the checks of all stages in their order; when the wait is interrupted, every stage cleans up first."""
    with ThreadPoolExecutor(max_workers=len(stages)) as pool:
        futures = [(name, pool.submit(stage)) for name, stage in stages]
        try:
            return [check for name, future in futures for check in _outcome(name, future.result, deadline)]
        except BaseException:
            deadline.expire()
            raise


def _outcome(name: str, result: Callable[[], list[Check]], deadline: Deadline) -> list[Check]:
    """Return the checks of a stage, or one failed check if the stage itself failed."""
    try:
        return result()
    except ClassroomError as error:
        return [Check(name, "", False, str(error), deadline.elapsed)]


def _explained(kubectl: Kubectl, spec: VerifySpec, checks: list[Check]) -> list[Check]:
    """Return the checks of the system pods, failed ones with the last log line of the containers that have ended."""
    if all(check.ok for check in checks):
        return checks
    seconds = max(check.seconds for check in checks)
    return [replace(check, seconds=seconds) for check in _system_pods(kubectl, spec, partial(_last_line, kubectl))]


def _last_line(kubectl: Kubectl, pod: Mapping[str, Any], container: str) -> str:
    """Return what a container that has ended logged last, empty when that cannot be read."""
    metadata = pod["metadata"]
    completed = kubectl.attempt(
        "logs", "--namespace", str(metadata.get("namespace") or "default"), str(metadata["name"]),
        "--container", container, "--previous", "--tail=1",
    )
    lines = completed.out.strip().splitlines() if completed.rc == 0 else []
    return lines[-1][:LOG_LINE] if lines else ""


def _system_pods(
    kubectl: Kubectl, spec: VerifySpec, last_line: Callable[[Mapping[str, Any], str], str] = lambda _pod, _container: ""
) -> list[Check]:
    pods = [
        pod for namespace in spec.namespaces
        for pod in kubectl.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        if _assigned_node(pod) not in spec.left_out
    ]
    checks = pod_checks("system pods", pods, last_line)
    return checks or [Check("system pods", "", False, "no pod at all in {}".format(", ".join(spec.namespaces)))]


def _with_pods(kubectl: Kubectl, spec: VerifySpec, expected: Sequence[str], deadline: Deadline) -> list[Check]:
    """Start a pod on every node and verify the network from each."""
    with _namespace(kubectl, spec.image) as namespace:
        pods: dict[str, ProofPod] = {}

        def started() -> list[Check]:
            items = kubectl.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
            pods.update(running_pods(items))
            return started_checks(expected, items)

        checks = until(started, deadline)
        ready = [pods[check.node] for check in checks if check.ok]
        jobs = _jobs(kubectl, namespace, spec.service, ready) if ready else []
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            for done in pool.map(lambda job: until(job, deadline), jobs):
                checks.extend(done)
    return checks


@contextmanager
def _namespace(kubectl: Kubectl, image: str) -> Iterator[str]:
    """Create the namespace of the pods; at the end delete it and those that killed runs left.

    The deletion is not waited for: the pods stop at once, and the API server does the rest.
    """
    me = verify_pods.this_process()
    labelled = kubectl.get(f"/api/v1/namespaces?labelSelector={verify_pods.SELECTOR}")["items"]
    doomed = verify_pods.abandoned(labelled, me)
    namespace = verify_pods.new_namespace()
    try:
        kubectl.call("create", "-f", "-", stdin=verify_pods.manifest(namespace, image, me))
        yield namespace
    finally:
        kubectl.call("delete", "namespace", namespace, *doomed, "--wait=false", "--ignore-not-found")


def running_pods(items: Sequence[Mapping[str, Any]]) -> dict[str, ProofPod]:
    """Return the ready pods of the verification by node."""
    return {
        pod["spec"]["nodeName"]: ProofPod(pod["spec"]["nodeName"], pod["metadata"]["name"], pod["status"]["podIP"])
        for pod in items
        if not pod_complaint(pod) and pod["status"].get("podIP") and not pod["metadata"].get("deletionTimestamp")
    }


def started_checks(expected: Sequence[str], items: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Check that every expected node runs its pod."""
    running = running_pods(items)
    complaints = {_assigned_node(pod): pod_complaint(pod) for pod in items}
    checks = []
    for node in expected:
        good = node in running
        detail = running[node].address if good else complaints.get(node) or "there is no pod for it yet"
        checks.append(Check("pod", node, good, detail))
    return checks


def _assigned_node(pod: Mapping[str, Any]) -> str:
    """Return the node of a DaemonSet's pod, which is in its affinity until the pod is scheduled."""
    spec = pod.get("spec", {})
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    fields = [field for term in required.get("nodeSelectorTerms", ()) for field in term.get("matchFields", ())]
    return next((str(field["values"][0]) for field in fields if field["key"] == "metadata.name"), "")


def pairs(pods: Sequence[ProofPod]) -> list[tuple[ProofPod, ProofPod]]:
    """Return which pod connects to which: to all others, or in a large cluster to the next one."""
    if len(pods) > ALL_PAIRS:
        return list(zip(pods, [*pods[1:], pods[0]]))
    return [(pod, other) for pod in pods for other in pods if pod is not other]


def _jobs(
    kubectl: Kubectl, namespace: str, service: str, pods: Sequence[ProofPod]
) -> list[Callable[[], list[Check]]]:
    """Return the checks from inside the pods, each as a callable."""
    addresses = _dns_addresses(kubectl)
    jobs: list[Callable[[], list[Check]]] = []
    for pod in pods:
        jobs.append(partial(_asks_resolver, kubectl, namespace, pod, addresses))
        jobs.append(partial(_resolves, kubectl, namespace, pod, service))
        jobs.append(partial(_logs, kubectl, namespace, pod))
    jobs += [partial(_reaches, kubectl, namespace, pod, other) for pod, other in pairs(pods)]
    return jobs


def _dns_addresses(kubectl: Kubectl) -> list[str]:
    try:
        return list(kubectl.get(DNS_SERVICE)["spec"].get("clusterIPs") or ())
    except ApiUnreachable:
        raise
    except ClassroomError:
        return []


def _agnhost(kubectl: Kubectl, namespace: str, pod: ProofPod, *args: str) -> Completed:
    return kubectl.attempt("exec", "--namespace", namespace, pod.name, "--", "/agnhost", *args, timeout=20)


def _asks_resolver(kubectl: Kubectl, namespace: str, pod: ProofPod, addresses: Sequence[str]) -> list[Check]:
    """Check `kubectl exec`, and with its output that /etc/resolv.conf in the pod names the cluster's DNS."""
    completed = _agnhost(kubectl, namespace, pod, "dns-server-list")
    checks = [Check("exec", pod.node, completed.rc == 0, _complaint(completed))]
    if completed.rc == 0:
        servers = completed.out.strip()
        good = bool(servers) and servers.split(",")[0] in addresses
        detail = "{}, the service kube-dns has {}".format(servers, ", ".join(addresses) or "no address")
        checks.append(Check("resolver", pod.node, good, detail))
    return checks


def _resolves(kubectl: Kubectl, namespace: str, pod: ProofPod, service: str) -> list[Check]:
    completed = _agnhost(kubectl, namespace, pod, "connect", f"{service}:443", "--timeout=5s")
    detail = "{}: {}".format(service, _complaint(completed) or "reached")
    return [Check("name resolution", pod.node, completed.rc == 0, detail)]


def _logs(kubectl: Kubectl, namespace: str, pod: ProofPod) -> list[Check]:
    completed = kubectl.attempt("logs", "--namespace", namespace, pod.name, timeout=20)
    good = completed.rc == 0 and bool(completed.out.strip())
    return [Check("logs", pod.node, good, _complaint(completed) if completed.rc else "" if good else "nothing printed")]


def _reaches(kubectl: Kubectl, namespace: str, pod: ProofPod, other: ProofPod) -> list[Check]:
    host = f"[{other.address}]" if ":" in other.address else other.address
    target = f"{host}:{verify_pods.PORT}"
    completed = _agnhost(kubectl, namespace, pod, "connect", target, "--timeout=5s")
    detail = "{} on {}: {}".format(target, other.node, _complaint(completed) or "reached")
    return [Check("pod to pod", pod.node, completed.rc == 0, detail)]


def _complaint(completed: Completed) -> str:
    """Return the output of a failed command without the line about its exit code, which kubectl adds."""
    if completed.rc == 0:
        return ""
    lines = [line.strip() for line in completed.text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("command terminated with exit code")]
    return " ".join(telling or lines) or f"exit status {completed.rc}"
