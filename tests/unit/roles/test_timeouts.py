# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each task that runs on a host has a time limit, so that a host that never answers fails alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.classroom.kubeadm.plugins.filter.task_timeout import task_timeout

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")])
# Run on the controller whatever host they are for
CONTROLLER = {
    *(f"ansible.builtin.{name}" for name in (
        "assert", "debug", "fail", "import_playbook", "import_role", "import_tasks", "include_role", "include_tasks",
        "meta", "pause", "set_fact")),
    *(f"classroom.kubeadm.{name}" for name in ("class_report", "cluster_check", "first_contact", "variables_check")),
}
# Its play has no host but localhost
LOCAL = {"bundle"}
LIMIT = re.compile(r"\{\{ (_(?:cluster|harvest|reset)_\w+_timeout|.*task_timeout\(cluster_timeout_factor\)) \}\}")


def tasks(entries: Any, limit: Any = None) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The tasks of a file and what limits them, their own keyword or that of a block around them."""
    for entry in entries or ():
        own = entry.get("timeout", limit)
        sections = [name for name in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers")
                    if name in entry]
        if sections or "hosts" in entry:
            for section in sections:
                yield from tasks(entry[section], own)
        else:
            yield entry, own


def action(task: Mapping[str, Any]) -> str:
    return next(key for key in task if "." in key)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_task_on_a_host_has_a_limit(path: Path) -> None:
    without = []
    for task, limit in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        local = task.get("delegate_to") == "localhost" or path.parent.parent.name in LOCAL
        if action(task) not in CONTROLLER and not local and not LIMIT.fullmatch(str(limit)):
            without.append((task["name"], limit))
    assert without == []


@pytest.mark.parametrize(("factor", "expected"), [(1, (60, 330, 1830, 3630)), ("2", (120, 660, 3660, 7260))])
def test_one_factor_is_for_all_limits(factor: Any, expected: tuple[int, ...]) -> None:
    variables = yaml.safe_load((ROOT / "roles/cluster/vars/main.yml").read_text(encoding="utf-8"))
    environment = NativeEnvironment()
    environment.filters["classroom.kubeadm.task_timeout"] = task_timeout
    found: tuple[Any, ...] = tuple(
        environment.from_string(variables[f"_cluster_{kind}_timeout"]).render(cluster_timeout_factor=factor)
        for kind in ("read", "change", "package", "transfer"))
    assert found == expected
