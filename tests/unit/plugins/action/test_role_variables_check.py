# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader

from ansible_collections.classroom.kubeadm.plugins.action.role_variables_check import SPEC, ActionModule
from ansible_collections.classroom.kubeadm.plugins.modules.role_variables_check import DOCUMENTATION


class Variables(Mapping[str, Any]):
    """Variables of a host, of which one cannot be evaluated before facts are read."""

    def __init__(self, values: Mapping[str, Any], unknown: str = "") -> None:
        self.values_by_name, self.unknown = dict(values), unknown

    def __getitem__(self, name: str) -> Any:
        if name == self.unknown:
            raise AnsibleUndefinedVariable("no such fact")
        return self.values_by_name[name]

    def __contains__(self, name: object) -> bool:
        return name == self.unknown or name in self.values_by_name

    def __iter__(self) -> Iterator[str]:
        return iter([*self.values_by_name, self.unknown])

    def __len__(self) -> int:
        return len(self.values_by_name) + 1


def run(
    hostvars: Mapping[str, Mapping[str, Any]], roles: list[str], sources: Sequence[str] = ()
) -> dict[str, Any]:
    task = SimpleNamespace(
        args={"roles": roles, "machines": list(hostvars)}, check_mode=False, diff=True, async_val=0, action="x"
    )
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = ActionModule(task, connection, SimpleNamespace(), DataLoader(), None, None)
    return {"failed": False, **action.run(
        task_vars={"hostvars": hostvars, "ansible_inventory_sources": sources})}


@pytest.mark.parametrize(
    "values",
    [{}, {"host_swap": False}, {"host_swap": "no"}, {"host_sysctls": {"a": 1}}, {"anything": object()},
     {"pod_network_plugin": "nothing of these roles"}],
)
def test_what_the_roles_take_passes(values: Mapping[str, Any]) -> None:
    result = run({"node1": values}, ["host", "worker"])

    assert (result["failed"], result["changed"], result["problems"]) == (False, False, [])
    assert result["roles"] == ["host", "worker"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host_swap": "maybe"}, "host_swap"),
        ({"host_sysctls": [1]}, "host_sysctls"),
        ({"pod_network_plugin": "weave"}, "flannel, manifest, none"),
        ({"pod_network_preload": "soon"}, "pod_network_preload"),
        ({"worker_timeout": "long"}, "worker_timeout"),
    ],
)
def test_what_they_do_not_take_is_named_with_its_host(values: Mapping[str, Any], words: str) -> None:
    result = run({"master": {}, "node1": values}, ["host", "worker", "pod_network"])

    [problem] = result["problems"]
    assert result["failed"] and problem.startswith("node1: ") and words in problem
    assert problem in result["msg"] and "Nothing was changed" in result["msg"]


def test_all_problems_are_named_at_once() -> None:
    wrong = {"host_swap": "maybe", "worker_timeout": "long"}

    assert len(run({"node1": wrong, "node2": wrong}, ["host", "worker"])["problems"]) == 4


def test_what_cannot_be_told_yet_is_passed_over() -> None:
    variables = Variables({"worker_timeout": "long"}, unknown="host_swap")

    assert len(run({"node1": variables}, ["host", "worker"])["problems"]) == 1


def test_a_role_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AnsibleError, match="The role nodes does not exist"):
        run({}, ["nodes"])


def test_the_documentation_has_the_options_that_are_validated() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]

    assert {name: {**option, "description": None} for name, option in SPEC.items()} == {
        name: {**option, "description": None} for name, option in documented.items()
    }


@pytest.mark.parametrize(("machine", "stopped"), [("node1", True), ("node2", False)])
def test_a_host_with_two_addresses_stops_its_own_cluster(tmp_path: Path, machine: str, stopped: bool) -> None:
    text = "node1 ansible_host=10.0.0.1\nnode1 ansible_host=10.0.0.2\nnode2\n"
    (tmp_path / "hosts").write_text(text, encoding="utf-8")

    result = run({machine: {}}, ["host"], [str(tmp_path / "hosts")])

    assert result["failed"] == stopped
    assert ("10.0.0.1 in line 1 and 10.0.0.2 in line 2" in result.get("msg", "")) == stopped


def test_a_group_that_is_declared_twice_stops_all(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("a: {hosts: {n: }}\na: {hosts: {m: }}\n", encoding="utf-8")

    result = run({"node2": {"host_swap": "maybe"}}, ["host"], [str(tmp_path / "hosts.yml")])

    assert result["failed"] and "the group a is declared 2 times" in result["msg"] and "node2: " in result["msg"]
    assert len(result["problems"]) == 2
