# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role reset: one call drains and deletes all nodes that leave a cluster, and only after each host was checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.fake_class import CLUSTERS, Class, Run

PLAY = """\
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - name: Reset hosts
      ansible.builtin.import_role: {name: classroom.kubeadm.reset, rolespec_validate: false}
    - name: Show hosts that go on
      ansible.builtin.debug: {msg: "goes on: {{ inventory_hostname }}"}
"""
WORKERS = "a-node1,a-node2,a-node3,b-node1"


@pytest.fixture
def seats(tmp_path: Path) -> Class:
    return Class(tmp_path, PLAY)


def reset(seats: Class, limit: str, *arguments: str) -> Run:
    return seats.run("--limit", limit, *arguments, reset_confirm=True)


def names(run: Run) -> dict[str, list[str]]:
    """The deleted nodes by the control plane that was asked."""
    return {host: [node["name"] for node in given["nodes"]] for host, given in run.of("node_delete")}


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["real", "check"])
def test_one_call_removes_all_nodes_that_leave_a_cluster(seats: Class, arguments: tuple[str, ...]) -> None:
    run = reset(seats, WORKERS, *arguments)
    assert names(run) == {"a-master": ["a-node1", "a-node2", "a-node3"], "b-master": ["b-node1"]}
    (_host, given), _other = run.of("node_delete")
    assert given["nodes"][0] == {"name": "a-node1", "machine_id": "id of a-node1"}
    kinds = [call for _name, call, _given in run.calls]
    if not arguments:
        assert kinds == ["check"] * 4 + ["node_delete"] * 2 + ["reset"] * 4
    assert run.going_on() == set(WORKERS.split(","))


def test_a_whole_cluster_needs_one_call_for_each_host(seats: Class) -> None:
    run = reset(seats, "all")
    assert sorted((host, kind) for host, kind, _given in run.calls) == sorted(
        (name, "reset") for members in CLUSTERS.values() for name in members)
    assert "Check whether the host may be reset" not in run.output and "Run harvest" not in run.output
    assert "a-node3: done" in run.output


def test_a_host_that_may_not_be_reset_keeps_its_node(seats: Class) -> None:
    seats.answers["a-node1 check"] = {"failed": True, "msg": "This host belongs to another cluster."}
    run = reset(seats, "a-node1,a-node2")
    assert names(run) == {"a-master": ["a-node2"]} and run.hosts("reset") == ["a-node2"]
    assert run.going_on() == {"a-node2"} and "a-node1: NOT RESET, or not completely: This host belongs" in run.output


@pytest.mark.parametrize(("answer", "words"), [
    ({"exit": 255}, "Control plane a-master is unreachable, so these nodes were neither drained nor deleted"),
    ({"failed": True, "msg": "x"}, "Control plane a-master failed to do so, so these nodes were neither drained"),
])
def test_hosts_are_reset_without_their_control_plane(seats: Class, answer: Mapping[str, Any], words: str) -> None:
    seats.answers["a-master node_delete"] = answer
    run = reset(seats, "a-node1,a-node2")
    assert run.hosts("reset") == ["a-node1", "a-node2"]
    assert words in run.output and "kubectl delete node a-node1 a-node2" in run.output
