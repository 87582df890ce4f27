# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`meta: end_role` is used only where ansible-core ends the right role.

It ends a role at the first end of an inner role, so that a role that statically imports another one would continue, and
it skips the `always` section of a block (ansible-core 2.19 to 2.22).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
FILES = sorted(ROLES.glob("*/tasks/*.yml"))
EXIT = ("ansible.builtin.meta", "end_role")


def problems(tasks: Any) -> list[str]:
    """Return what is wrong with the early exits of a file."""
    flat = list(_tasks(tasks or (), False))
    exits = [(task, inside) for task, inside in flat if task.get(EXIT[0]) == EXIT[1]]
    found = [f"in a block: {task['name']}" for task, inside in exits if inside]
    if exits:
        found += [f"imports a role: {task['name']}" for task, _inside in flat if "ansible.builtin.import_role" in task]
    return found


def _tasks(entries: Any, inside: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    for entry in entries:
        yield entry, inside
        for section in ("block", "rescue", "always"):
            yield from _tasks(entry.get(section) or (), True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROLES)))
def test_early_exits_end_the_right_role(path: Path) -> None:
    assert problems(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(("tasks", "expected"), [
    ("[{name: a, ansible.builtin.meta: end_role}, {name: b, ansible.builtin.debug: {}}]", []),
    ("[{name: a, ansible.builtin.meta: noop}, {name: b, ansible.builtin.import_role: {}}]", []),
    ("[{name: a, ansible.builtin.meta: end_role}, {name: b, ansible.builtin.import_role: {}}]", ["imports a role: b"]),
    ("[{name: x, block: [{name: a, ansible.builtin.meta: end_role}]}]", ["in a block: a"]),
    ("[{name: x, block: [], rescue: [{name: a, ansible.builtin.meta: end_role}]}]", ["in a block: a"]),
])
def test_wrong_exits_are_found(tasks: str, expected: list[str]) -> None:
    assert problems(yaml.safe_load(tasks)) == expected


def test_there_are_exits_to_check() -> None:
    assert sum("meta: end_role" in path.read_text(encoding="utf-8") for path in FILES) > 10
