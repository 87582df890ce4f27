# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role worker: one call creates the tokens of all workers that join, one call revokes them, whatever fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.fake_class import CLUSTERS, Class

PLAY = """\
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - name: Set failed control planes
      ansible.builtin.fail:
      when: inventory_hostname in failing | default([])
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - name: Join worker
      ansible.builtin.import_role: {name: classroom.kubeadm.worker, rolespec_validate: false}
    - name: Show hosts that go on
      ansible.builtin.debug: {msg: "goes on: {{ inventory_hostname }}"}
"""
@pytest.fixture
def seats(tmp_path: Path) -> Class:
    return Class(tmp_path, PLAY)


def test_one_call_creates_all_tokens_of_a_cluster_and_one_revokes_them(seats: Class) -> None:
    seats.members("a-node2")
    run = seats.run()
    created = dict(run.of("create"))
    assert run.hosts("create") == ["a-master", "b-master"]
    assert created["a-master"]["nodes"] == [
        {"name": "a-node1", "address": "192.0.2.11", "machine_id": "id of a-node1"},
        {"name": "a-node3", "address": "192.0.2.13", "machine_id": "id of a-node3"}]
    assert (created["a-master"]["endpoint"], created["a-master"]["ttl"]) == ("192.0.2.10:6443", "10m")
    assert [(host, given["discovery"]) for host, given in run.of("join")] == [
        (name, {"kubeconfig": "of " + name, "token": "secret-" + name}) for name in ("a-node1", "a-node3", "b-node1")]
    assert run.revoked() == {"a-master": ["a-node1", "a-node3"], "b-master": ["b-node1"]}
    kinds = [call for _host, call, _given in run.calls]
    assert kinds.index("join") > max(index for index, kind in enumerate(kinds) if kind == "create")
    assert kinds.index("revoke") > max(index for index, kind in enumerate(kinds) if kind == "join")
    assert run.going_on() == {name for members in CLUSTERS.values() for name in members}


def test_members_need_one_call_each_and_nothing_else(seats: Class) -> None:
    seats.members("a-node1", "a-node2", "a-node3", "b-node1")
    run = seats.run()
    assert sorted((host, call) for host, call, _given in run.calls) == [
        (name, "kubeadm_join") for name in ("a-node1", "a-node2", "a-node3", "b-node1")]
    assert "Create join tokens" not in run.output


def test_check_mode_creates_no_token(seats: Class) -> None:
    assert {call for _host, call, _given in seats.run("--check").calls} == {"kubeadm_join"}


@pytest.mark.parametrize("broken", ["a-node1", "a-node2"])
def test_a_host_without_a_token_fails_alone(seats: Class, broken: str) -> None:
    seats.answers["a-master create"] = {"problems": {broken: "another host has this name"}}
    run = seats.run()
    others = [name for name in ("a-node1", "a-node2", "a-node3") if name != broken]
    assert f'fatal: [{broken}]: FAILED! => {{"changed": false, "msg": "another host has this name"}}' in run.output
    assert run.hosts("join") == [*others, "b-node1"]
    assert run.revoked()["a-master"] == others
    assert run.going_on() == {"a-master", *others, *CLUSTERS["b"]}


@pytest.mark.parametrize("limit", ["all", "a-node1,a-node2"])
@pytest.mark.parametrize("failing", [("a-node1",), ("a-node2",), ("a-node1", "a-node2")])
def test_failed_joins_keep_no_token(seats: Class, failing: tuple[str, ...], limit: str) -> None:
    for name in failing:
        seats.answers[name + " join"] = {"failed": True, "msg": "no join of " + name}
    run = seats.run("--limit", limit)
    members = {"a-node1", "a-node2", "a-node3"} if limit == "all" else {"a-node1", "a-node2"}
    assert set(run.revoked()["a-master"]) == members and run.hosts("create").count("a-master") == 1
    assert not run.going_on() & set(failing) and members - set(failing) <= run.going_on()
    for name in failing:
        # By the join, and by the task that fails the host after the tokens were removed
        assert run.output.count(f'fatal: [{name}]: FAILED! => {{"changed": false, "msg": "no join of {name}"}}') == 2


def test_a_host_that_is_lost_while_it_joins_keeps_no_token(seats: Class) -> None:
    seats.answers["a-node1 join"] = {"exit": 255}
    seats.answers["a-node3 join"] = {"failed": True, "msg": "no"}
    run = seats.run()
    assert run.revoked()["a-master"] == ["a-node1", "a-node2", "a-node3"]
    assert run.going_on() == {"a-master", "a-node2", *CLUSTERS["b"]}
    assert "fatal: [a-node1]: UNREACHABLE!" in run.output


@pytest.mark.parametrize(("answer", "words"), [
    ({"failed": True, "msg": "Cannot make a token at x."}, "Cannot make a token at x."),
    ({"exit": 255}, "Make sure this host can be reached over ssh"),
    ({"exit": 1}, "No start of json char found"),
])
def test_without_tokens_all_joining_workers_of_the_cluster_fail(
    seats: Class, answer: Mapping[str, Any], words: str
) -> None:
    seats.members("a-node2")
    seats.answers["a-master create"] = answer
    run = seats.run()
    assert run.hosts("join") == ["b-node1"] and run.hosts("revoke") == ["b-master"]
    assert run.going_on() == {"a-master", "a-node2", *CLUSTERS["b"]}
    for name in ("a-node1", "a-node3"):
        assert re.search(rf"fatal: \[{name}\]: FAILED! => \{{.*{re.escape(words)}", run.output), run.output


def test_a_token_that_cannot_be_revoked_is_a_failure(seats: Class) -> None:
    seats.answers["a-master revoke"] = {"failed": True, "msg": "Cannot revoke it."}
    run = seats.run()
    assert run.going_on() == {"a-master", "a-node2", "a-node3", *CLUSTERS["b"]}
    assert 'fatal: [a-node1]: FAILED! => {"changed": false, "msg": "Cannot revoke it."}' in run.output


def test_no_worker_joins_a_control_plane_that_failed(seats: Class) -> None:
    run = seats.run(failing=["a-master"])
    assert {host for host, _call, _given in run.calls} == {"b-node1", "b-master"}
    for name in CLUSTERS["a"][1:]:
        words = rf"{name} cannot join the cluster 'a': expected its control plane a-master to be ready"
        assert re.search(rf"fatal: \[{name}\]: FAILED! => .*{words}", run.output)
    assert run.going_on() == set(CLUSTERS["b"])
