# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.modules.node_metadata import main

SPEC = [{"name": "node1", "labels": {"disk": "ssd"}, "taints": [{"key": "dedicated", "effect": "NoSchedule"}]}]


@pytest.mark.parametrize("check", [False, True])
def test_without_a_control_plane_it_predicts_or_says_so(run_main: Any, tmp_path: Path, check: bool) -> None:
    result = run_main(main, {"kubeconfig": str(tmp_path / "admin.conf"), "nodes": SPEC}, check=check)
    assert (result["failed"], result["changed"]) == (not check, check)
    if check:
        assert result["changes"][:2] == [
            "label disk of node1: the Node does not exist yet",
            "taint dedicated:NoSchedule of node1: the Node does not exist yet",
        ]
        assert "disk of node1" in result["diff"]["after"]
    else:
        assert "kubeadm_init" in result["msg"]
