# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of variables tell the role: `_role_name`, `__role_name` for registered results, without "_" for public ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = sorted(path.name for path in ROLES.iterdir() if (path / "tasks").is_dir())


def _tasks(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield all tasks and blocks of a file."""
    for entry in entries or ():
        yield entry
        for section in ("block", "rescue", "always"):
            yield from _tasks(entry.get(section))


def problems(role: str, tasks: Any, variables: Any) -> list[str]:
    """Return the names of registered results, facts and variables that do not tell their role."""
    # test_contract.py knows which results are public
    registered = re.compile(f"(__)?{role}_[a-z0-9_]+$|__{role}$")
    private = re.compile(f"_{role}_[a-z0-9_]+$")
    # The desired state of a role is read by the role configure
    desired = re.compile(f"{role}_([a-z_]+_)?desired$|configure_sections$")
    found = [name for name in variables or () if not (private.match(name) or desired.match(name))]
    for task in _tasks(tasks):
        if not registered.match(task.get("register", f"__{role}")):
            found.append(task["register"])
        facts = task.get("ansible.builtin.set_fact", {})
        found += [name for name in facts if not private.match(name) and not name.startswith("ansible_")]
        loop = task.get("loop_control", {}).get("loop_var", f"_{role}_item")
        found += [loop] if not private.match(loop) else []
    return found


@pytest.mark.parametrize("role", NAMES)
def test_private_names_tell_their_role(role: str) -> None:
    found: list[str] = []
    for path in sorted((ROLES / role / "tasks").glob("*.yml")):
        found += problems(role, yaml.safe_load(path.read_text(encoding="utf-8")), ())
    path = ROLES / role / "vars" / "main.yml"
    found += problems(role, (), yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else ())
    assert found == []


@pytest.mark.parametrize(("tasks", "variables", "expected"), [
    ("[{register: __worker_join}, {register: __worker}, {block: [{register: __worker_token}]}]", {"_worker_a": 1}, []),
    ("[{register: _worker_join}]", {}, ["_worker_join"]),
    ("[{always: [{register: somebody}]}]", {}, ["somebody"]),
    ("[{ansible.builtin.set_fact: {__worker_join: 1, ansible_password: 2}}]", {}, ["__worker_join"]),
    ("[{loop_control: {loop_var: machine}}]", {}, ["machine"]),
    ("[]", {"worker_desired": {}, "worker_first_desired": {}, "host_desired": {}}, ["host_desired"]),
    ("[]", {"worker_config": "", "__worker_config": ""}, ["worker_config", "__worker_config"]),
])
def test_other_names_are_found(tasks: str, variables: dict[str, str], expected: list[str]) -> None:
    assert problems("worker", yaml.safe_load(tasks), variables) == expected
