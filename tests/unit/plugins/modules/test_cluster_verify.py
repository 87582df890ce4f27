# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.cluster_verify import main

NODE = {"metadata": {"name": "master"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
LEASE = {"metadata": {"name": "master"}, "spec": {"renewTime": "2026-07-20T18:18:43.126214Z"}}
POD = {
    "metadata": {"name": "p", "creationTimestamp": "2026-07-20T18:00:00Z"},
    "spec": {"nodeName": "master"}, "status": {"phase": "Running"},
}


def listed(*items: dict[str, Any]) -> tuple[int, str, str]:
    return (0, json.dumps({"items": items}), "")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The module sets handlers of its own, in a process that is not its own here."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("check", [False, True])
def test_a_kubelet_that_stopped_fails_the_proof(run_main: Any, kubectl: Any, check: bool) -> None:
    kubectl.answers({
        "get --raw /api/v1/nodes": listed(NODE),
        "get --raw /apis/coordination": listed(LEASE),
        "get --raw /api/v1/namespaces": listed(POD),
        "create": (0, "", ""),
        "delete": (0, "", ""),
    })

    result = run_main(main, {**kubectl.options, "timeout": 0}, check=check)

    assert (result["failed"], result["changed"]) == (True, False)
    assert "master: expected a kubelet that reports, found: not renewed since" in result["msg"]
    assert result["nodes"][0]["name"] == "master"
    assert any(call.startswith("create") for call in kubectl.calls) is not check


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_without_a_cluster_it_passes_only_in_check_mode(
    run_main: Any, kubectl: Any, tmp_path: Path, silent: bool, check: bool
) -> None:
    kubectl.answers({"get": (1, "", "connect: connection refused")})
    options = kubectl.options if silent else {**kubectl.options, "kubeconfig": str(tmp_path / "none")}

    result = run_main(main, options, check=check)

    assert (result["failed"], result["changed"]) == (not check, False)


def test_who_is_left_out_is_said(run_main: Any, kubectl: Any) -> None:
    kubectl.answers({
        "get --raw /api/v1/nodes": listed(NODE), "get --raw /apis/coordination": listed(LEASE),
        "get --raw /api/v1/namespaces": listed(POD),
    })

    result = run_main(main, {**kubectl.options, "timeout": 0, "nodes": ["master"], "left_out": ["node1"]}, check=True)

    assert result["left_out"] == ["node1"]
    assert any("covers master only: node1 failed before" in str(warning) for warning in result["warnings"])
