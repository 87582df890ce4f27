# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError

from ansible_collections.classroom.kubeadm.plugins.action.inventory_check import HOST_SPEC, SPEC, ActionModule
from ansible_collections.classroom.kubeadm.plugins.modules.inventory_check import DOCUMENTATION

GOOD: dict[str, Any] = {
    "hosts": [
        {"name": "master", "address": "192.168.90.100", "groups": ["k8s_cluster", "control_plane"]},
        {"name": "node1", "address": "192.168.90.101", "groups": ["k8s_cluster", "workers"]},
        {"name": "utility", "address": "192.168.90.10", "groups": ["utility"]},
    ],
    "pod_subnet": "10.244.0.0/16",
    "service_subnet": "10.96.0.0/12",
}
CHECK_MODE = pytest.mark.parametrize("check", [False, True])


def run(options: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """The action without a machine: what it does not get, it cannot use."""
    task = SimpleNamespace(args=options, check_mode=check, diff=True, async_val=0, action="inventory_check")
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = ActionModule(task, connection, SimpleNamespace(), None, None, None)
    return {"failed": False, **action.run(task_vars={})}


@CHECK_MODE
def test_a_good_declaration_passes(check: bool) -> None:
    result = run(GOOD, check=check)

    assert (result["failed"], result["changed"], result["nodes"]) == (False, False, ["master", "node1"])


@CHECK_MODE
def test_a_host_without_address_and_a_bad_network_fail_together(check: bool) -> None:
    hosts = [*GOOD["hosts"], {"name": "node2", "groups": ["k8s_cluster", "workers"]}]

    result = run({**GOOD, "hosts": hosts, "pod_subnet": "10.96.0.0/16"}, check=check)

    assert result["failed"]
    assert len(result["problems"]) == 2
    assert "2 problems" in result["msg"] and all(problem in result["msg"] for problem in result["problems"])


@CHECK_MODE
@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"pod_subnet": None}, "pod_subnet"), ({"hosts": [{"address": "192.168.90.100"}]}, "name"), ({"pods": 1}, "pods")],
)
def test_an_option_that_is_missing_or_unknown_is_refused(wrong: dict[str, Any], named: str, check: bool) -> None:
    options = {name: value for name, value in {**GOOD, **wrong}.items() if value is not None}

    with pytest.raises(AnsibleError, match=named):
        run(options, check=check)


def test_the_documentation_has_the_options_that_are_validated() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]

    assert without_words(documented) == stated(SPEC)
    assert without_words(documented["hosts"]["suboptions"]) == stated(HOST_SPEC)


def without_words(options: dict[str, Any]) -> dict[str, Any]:
    facts = ("type", "elements", "required", "default")
    return {name: {fact: option[fact] for fact in facts if fact in option} for name, option in options.items()}


def stated(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: {fact: value for fact, value in option.items() if fact != "options"} for name, option in spec.items()}
