# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that run on hosts: each has a time limit, and its result is converted.

A host that never answers then fails alone, and its answer decides nothing but what it declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.classroom.kubeadm.plugins.filter.task_timeout import task_timeout
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import parse

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")])
# Run on the controller whatever host they are for
CONTROLLER = {
    *(f"ansible.builtin.{name}" for name in (
        "assert", "debug", "fail", "import_playbook", "import_role", "import_tasks", "include_role", "include_tasks",
        "meta", "pause", "set_fact")),
    *(f"classroom.kubeadm.{name}" for name in (
        "address_check", "class_directory", "class_report", "inventory_check", "ssh_first_contact",
        "role_variables_check")),
}
# Its play has no host but localhost
LOCAL = {"bundle"}
LIMIT = re.compile(r"\{\{ (_(?:cluster|harvest|reset)_\w+_timeout|.*task_timeout\(cluster_timeout_factor\)) \}\}")


@dataclass(frozen=True)
class Around:
    """What the plays and blocks around a task say of it, and the task itself."""

    limit: Any = None
    delegate_to: Any = None

    def inside(self, entry: Mapping[str, Any]) -> Around:
        return Around(entry.get("timeout", self.limit), entry.get("delegate_to", self.delegate_to))


def tasks(entries: Any, around: Around) -> Iterator[tuple[Mapping[str, Any], Around]]:
    """The tasks of a file with their own keywords and those of the blocks around them."""
    for entry in entries or ():
        inside = around.inside(entry)
        sections = [name for name in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers")
                    if name in entry]
        if sections or "hosts" in entry:
            for section in sections:
                yield from tasks(entry[section], inside)
        else:
            yield entry, inside


def on_hosts(path: Path) -> Iterator[tuple[Mapping[str, Any], Around]]:
    """The tasks of a file that run on hosts."""
    for task, around in tasks(yaml.safe_load(path.read_text(encoding="utf-8")), Around()):
        local = around.delegate_to == "localhost" or path.parent.parent.name in LOCAL
        if action(task) not in CONTROLLER and not local:
            yield task, around


def action(task: Mapping[str, Any]) -> str:
    return next(key for key in task if "." in key)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_task_on_a_host_has_a_limit(path: Path) -> None:
    assert [(task["name"], around.limit) for task, around in on_hosts(path)
            if not LIMIT.fullmatch(str(around.limit))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_task_on_a_host_is_of_a_module_of_this_collection(path: Path) -> None:
    """Their actions convert the result; modules of others run by `guarded`.

    Also where nothing is registered: the role may be included in a block whose rescue reads ansible_failed_result.
    """
    assert [(task["name"], action(task)) for task, _around in on_hosts(path)
            if not action(task).startswith("classroom.kubeadm.")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_guarded_task_returns_is_declared_completely(path: Path) -> None:
    for task, _around in on_hosts(path):
        given = task.get("classroom.kubeadm.guarded")
        if given:
            assert parse(given.get("returns", {}), given["module"]).keys() == given.get("returns", {}).keys()


@pytest.mark.parametrize(("factor", "expected"), [(1, (60, 330, 1830, 3630)), ("2", (120, 660, 3660, 7260))])
def test_one_factor_is_for_all_limits(factor: Any, expected: tuple[int, ...]) -> None:
    variables = yaml.safe_load((ROOT / "roles/cluster/vars/main.yml").read_text(encoding="utf-8"))
    environment = NativeEnvironment()
    environment.filters["classroom.kubeadm.task_timeout"] = task_timeout
    found: tuple[Any, ...] = tuple(
        environment.from_string(variables[f"_cluster_{kind}_timeout"]).render(cluster_timeout_factor=factor)
        for kind in ("read", "change", "package", "transfer"))
    assert found == expected
