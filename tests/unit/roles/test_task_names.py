# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of plays, blocks, tasks and handlers begin with a verb, so that each is understood alone in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VERBS = frozenset((
    "Add", "Apply", "Assert", "Audit", "Check", "Compile", "Configure", "Copy", "Create", "Drain", "Enable",
    "Enroll", "Fail", "Fetch", "Gather", "Harvest", "Initialize", "Install", "Join", "Load", "Prepare", "Prompt",
    "Pull", "Read", "Remove", "Reset", "Run", "Set", "Show", "Skip", "Start", "Stop", "Store", "Validate", "Verify",
    "Wait", "Write",
))
SECTIONS = ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks", "handlers")


def _entries(entries: Any) -> Iterator[Mapping[str, Any]]:
    """Yield all plays, blocks, tasks and handlers of a document."""
    for entry in entries or ():
        yield entry
        for section in SECTIONS:
            yield from _entries(entry.get(section))


def _problem(entry: Mapping[str, Any]) -> str:
    """Return what is wrong with the name of an entry, or an empty text."""
    words = str(entry.get("name") or "").split()
    if not words:
        return f"no name: {', '.join(entry)}"
    if words[0] not in VERBS:
        return f"no verb: {' '.join(words)}"
    if len(words) == 1:
        return f"no object: {words[0]}"
    if "ansible.builtin.meta" in entry and words[0] != "Skip":
        return f"no Skip at an early exit: {' '.join(words)}"
    return ""


def problems(document: Any) -> list[str]:
    """Return the problems of all names in a document that contains plays or tasks."""
    return [found for found in map(_problem, _entries(document)) if found]


def documents() -> dict[str, Any]:
    """Return the files with plays or tasks: YAML files that contain a list."""
    places = ("roles", "playbooks", "molecule", "benchmarks")
    paths = [path for place in places for path in sorted((ROOT / place).rglob("*.y*ml"))]
    found = {str(path.relative_to(ROOT)): yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
    return {name: document for name, document in found.items() if isinstance(document, list)}


DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_begin_with_a_verb(name: str) -> None:
    assert problems(DOCUMENTS[name]) == []


def test_files_of_all_kinds_are_checked() -> None:
    assert {"playbooks/site.yml", "roles/reset/tasks/drain.yml", "molecule/default/create.yml"} <= set(DOCUMENTS)
    assert {path.parent.parent.name for path in (ROOT / "roles").glob("*/tasks/main.yml")} <= {
        Path(name).parts[1] for name in DOCUMENTS if name.startswith("roles/")}


@pytest.mark.parametrize(("text", "expected"), [
    ("- {name: Join node to the cluster, block: [{name: Run kubeadm join, x.y.z: {}}]}", []),
    ("- {name: Skip join on the control plane, ansible.builtin.meta: end_role}", []),
    ("- {name: The machine has joined, x.y.z: {}}", ["no verb: The machine has joined"]),
    ("- {name: 'join node', x.y.z: {}}", ["no verb: join node"]),
    ("- {name: '{{ verb }} node', x.y.z: {}}", ["no verb: {{ verb }} node"]),
    ("- {name: Join, x.y.z: {}}", ["no object: Join"]),
    ("- {x.y.z: {}, when: a}", ["no name: x.y.z, when"]),
    ("- {name: Check node, ansible.builtin.meta: end_role}", ["no Skip at an early exit: Check node"]),
    ("- {name: Proof, hosts: all, tasks: []}", ["no verb: Proof"]),
    ("- {name: Preflight, import_playbook: site.yml}", ["no verb: Preflight"]),
    *((f"- {{name: Run all, {section}: [{{name: Run one, block: [{{name: It runs, x: y}}]}}]}}", ["no verb: It runs"])
      for section in SECTIONS),
])
def test_names_that_say_too_little_are_found(text: str, expected: list[str]) -> None:
    assert problems(yaml.safe_load(text)) == expected
