# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true of the cluster, seen from its control plane and from the controller."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
import yaml

from tests.support.playbooks import kubeconfig, playbook
from tests.support.snapshots import MACHINES

testinfra_hosts = ["ansible://control_plane"]

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
# A student's Pod from the Internet: an upstream name, nothing of this class in it
STUDENTS_POD = """
apiVersion: v1
kind: Pod
metadata: {name: student}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {name: web, image: "registry.k8s.io/e2e-test-images/agnhost:2.63.0", args: [netexec]}
"""


def get(host: Any, what: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.check_output(f"{KUBECTL} get {what} -o json"))
    return found


def test_every_host_is_a_node_with_its_address_and_role(host: Any) -> None:
    nodes = {node["metadata"]["name"]: node for node in get(host, "nodes")["items"]}
    assert set(nodes) == {"master", "node1", "node2"}
    for name, node in nodes.items():
        addresses = {entry["type"]: entry["address"] for entry in node["status"]["addresses"]}
        assert addresses["InternalIP"].endswith({"master": ".100", "node1": ".101", "node2": ".102"}[name])
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.3"
        is_worker = "node-role.kubernetes.io/worker" in node["metadata"]["labels"]
        assert is_worker == (name != "master")


def test_no_token_outlives_the_joins(host: Any) -> None:
    secrets = get(host, "secrets --namespace kube-system --field-selector type=bootstrap.kubernetes.io/token")["items"]
    descriptions = [secret["data"].get("description", "") for secret in secrets]
    assert [text for text in descriptions if text] == []


def test_a_students_manifest_works_unchanged(host: Any) -> None:
    host.check_output(f"echo '{STUDENTS_POD}' | {KUBECTL} apply -f -")
    try:
        host.check_output(f"{KUBECTL} wait --for=condition=Ready pod/student --timeout=60s")
    finally:
        host.check_output(f"{KUBECTL} delete pod student --now")


def test_kubeconfig_is_on_the_controller_for_no_other_user(host: Any) -> None:
    assert stat.S_IMODE(kubeconfig().stat().st_mode) == 0o600
    ours, its = (yaml.safe_load(text) for text in (
        kubeconfig().read_text(encoding="utf-8"), host.file("/etc/kubernetes/admin.conf").content_string))
    for section, name in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        assert len(ours[section]) == 1 and set(ours[section][0][name]) == set(its[section][0][name])
    assert ours["clusters"][0]["cluster"] == its["clusters"][0]["cluster"]
    assert ours["users"][0]["user"]["client-certificate-data"] == its["users"][0]["user"]["client-certificate-data"]


@pytest.mark.parametrize("arguments", [("--check", "--diff"), ()], ids=["check", "real"])
def test_another_run_has_nothing_to_do(arguments: tuple[str, ...]) -> None:
    run = playbook("site.yml", *arguments)
    assert run.status == 0, run.output
    assert run.changed == dict.fromkeys(MACHINES, 0)


def test_a_worker_alone_needs_no_master_in_the_run() -> None:
    run = playbook("site.yml", "--limit", "node1")
    assert run.status == 0, run.output
    assert run.changed == {"node1": 0}
