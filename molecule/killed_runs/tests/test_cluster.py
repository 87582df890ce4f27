# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster works, and the killed runs left nothing in it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

testinfra_hosts = ["ansible://control_plane"]

ROOT = Path(__file__).resolve().parents[3]
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"


def get(host: Any, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(host.check_output(f"{KUBECTL} get {what} -o json"))["items"]
    return found


def test_the_cluster_works() -> None:
    directory = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    done = subprocess.run(
        ["ansible-playbook", str(ROOT / "playbooks" / "verify.yml"), "-i", str(directory / "inventory")],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        # The name of the task is what is looked for
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TASK [classroom.kubeadm.verify : Verify cluster]" in done.stdout


def test_every_host_is_a_node_once(host: Any) -> None:
    assert sorted(node["metadata"]["name"] for node in get(host, "nodes")) == ["master", "node1", "node2"]


def test_no_token_of_a_join_is_left(host: Any) -> None:
    secrets = get(host, "secrets --namespace kube-system --field-selector type=bootstrap.kubernetes.io/token")
    descriptions = [base64.b64decode(secret["data"].get("description", "")).decode() for secret in secrets]
    assert [text for text in descriptions if text.startswith("classroom.kubeadm")] == []


def test_no_init_counts_as_unfinished(host: Any) -> None:
    assert not host.file("/var/lib/classroom-kubeadm/init.json").exists
