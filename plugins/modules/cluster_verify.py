#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_verify
short_description: Verify that a cluster works
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Verifies that every Node is ready and its kubelet has renewed its Lease since this module started, that all system
    pods run, and that from a pod on every node names resolve through the service address of the cluster's DNS, pods of
    other nodes are reachable, and C(kubectl exec) and C(kubectl logs) work. The status of the Nodes alone may be
    outdated.
  - All checks run in parallel. In a working cluster the Lease takes longest, which a kubelet renews every ten seconds.
  - For the verification it creates a namespace with one pod on every node, and removes it, also after a failure. A
    namespace that a killed run left is removed by the next one.
extends_documentation_fragment:
  - classroom.kubeadm.kubectl
  - classroom.kubeadm.attributes.read_only
attributes:
  check_mode:
    support: partial
    details: Creates no pods and checks only the status that the API reports. It succeeds if there is no cluster.
options:
  nodes:
    description:
      - Names of the Nodes to verify. The default is all Nodes.
    type: list
    elements: str
    default: []
  left_out:
    description:
      - Names of hosts of the cluster that are not verified, because a task failed on them before.
      - They are named in a warning, and system pods on them are ignored.
    type: list
    elements: str
    default: []
  image:
    description:
      - Image of the pods for the verification. It must be upstream's C(agnhost) with its program at C(/agnhost).
    type: str
    default: registry.k8s.io/e2e-test-images/agnhost:2.63.0
  service:
    description:
      - Name that has to resolve and to be reachable at port 443.
    type: str
    default: kubernetes.default.svc.cluster.local
  namespaces:
    description:
      - Namespaces of the system pods and of the network plugin. One that does not exist counts as empty.
    type: list
    elements: str
    default: [kube-system, kube-flannel]
  timeout:
    description:
      - Timeout for all checks together, in seconds.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Verify the cluster
  classroom.kubeadm.cluster_verify:
    nodes: [master, node1, node2]
    image: registry.k8s.io/e2e-test-images/agnhost:2.63.0
"""

RETURN = r"""
checks:
  description: All checks in the order of C(name).
  returned: always, once the API server answered
  type: list
  elements: dict
  contains:
    name:
      description:
        - One of C(ready), C(lease), C(system pods), C(pod), C(exec), C(resolver), C(name resolution), C(logs) and
          C(pod to pod).
      type: str
    node:
      description: Name of the node, empty for a check of the whole cluster.
      type: str
    ok:
      description: Whether the check passed.
      type: bool
    detail:
      description: Current state that the check found.
      type: str
    seconds:
      description: Time at which the check first passed, in seconds since the start of the module.
      type: float
  sample:
    - name: lease
      node: node1
      ok: true
      detail: renewed at 2026-07-20T18:18:43.126214Z
      seconds: 6.4
nodes:
  description: The Nodes, control plane first.
  returned: always, once the API server answered
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Node.
      type: str
    address:
      description: Internal address of the Node.
      type: str
    role:
      description: C(control-plane), the names of other roles that its labels give it, or C(worker).
      type: str
    version:
      description: Version of the kubelet.
      type: str
    ready:
      description: Whether the Node reports that it is ready.
      type: bool
  sample:
    - name: master
      address: 192.168.90.100
      role: control-plane
      version: v1.36.3
      ready: true
left_out:
  description: The hosts that were not verified.
  returned: always, once the API server answered
  type: list
  elements: str
  sample: []
seconds:
  description: Duration of the verification in seconds.
  returned: always, once the API server answered
  type: float
  sample: 11.8
"""

import signal
from collections.abc import Mapping
from dataclasses import asdict
from types import FrameType
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.deadline import Deadline
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.cluster import Cluster
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import KUBECTL_SPEC, ApiUnreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._verify.verification import (
    Verdict,
    VerifySpec,
    failure_message,
    verify,
)

# Seconds between two attempts of a check
_POLL_INTERVAL = 0.3
OPTIONS: dict[str, Any] = {
    "nodes": {"type": "list", "elements": "str", "default": []},
    "left_out": {"type": "list", "elements": "str", "default": []},
    "image": {"type": "str", "default": "registry.k8s.io/e2e-test-images/agnhost:2.63.0"},
    "service": {"type": "str", "default": "kubernetes.default.svc.cluster.local"},
    "namespaces": {"type": "list", "elements": "str", "default": ["kube-system", "kube-flannel"]},
    "timeout": {"type": "int", "default": 120},
    **KUBECTL_SPEC,
}


def leave(signum: int, frame: FrameType | None) -> None:
    """Turn a signal into an exception, so that the pods of the verification are removed."""
    raise KeyboardInterrupt(f"signal {signum}")


def verdict(params: Mapping[str, Any], check_mode: bool, deadline: Deadline) -> Verdict:
    """Run the verification and return its result, which in check mode is empty if there is no cluster yet."""
    cluster = Cluster.of(params)
    spec = VerifySpec(
        tuple(params["nodes"]), params["image"], params["service"], tuple(params["namespaces"]),
        left_out=frozenset(params["left_out"]),
    )
    missing = cluster.missing()
    if missing:
        if check_mode:
            return Verdict([], [])
        raise ClassroomError(missing)
    try:
        return verify(cluster, spec, deadline, touch=not check_mode)
    except ApiUnreachable:
        if check_mode:
            return Verdict([], [])
        raise


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Verify the cluster, and return all checks; one that failed makes the operation fail."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    deadline = Deadline(params["timeout"], _POLL_INTERVAL)
    try:
        found = verdict(params, check_mode, deadline)
    except KeyboardInterrupt as problem:
        raise ClassroomError(
            "The verification was interrupted and its pods were removed. Run it again.") from problem
    values = {
        "changed": False,
        "checks": [asdict(check) for check in found.checks],
        "nodes": [asdict(row) for row in found.nodes],
        "left_out": params["left_out"],
        "seconds": deadline.elapsed,
    }
    warnings = []
    if params["left_out"]:
        warnings.append("The verification covers {} only: {} failed before, so the cluster is not complete.".format(
            ", ".join(params["nodes"]) or "the other hosts", ", ".join(params["left_out"])))
    failure = ""
    if found.failed:
        failure = "The cluster does not work, {} of {} checks failed:\n- {}".format(
            len(found.failed), len(found.checks), "\n- ".join(map(failure_message, found.failed)))
    return Outcome(values, tuple(warnings), failure)


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
