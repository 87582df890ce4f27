# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each filter, test, module and role that a YAML file names exists; Ansible looks it up at run time only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.paths import ROOT

PLACES = ("roles", "playbooks", "molecule", "inventories", "benchmarks", "tests/integration")
FILES = sorted(path for place in PLACES for path in (ROOT / place).rglob("*") if path.suffix in (".yml", ".j2"))
NAME = r"classroom\.kubeadm\.(\w+)\b(?!\.)"
# By kind: how it is written where it is used, and the files in which it is defined
KINDS = {
    "filter": (rf"\|\s*{NAME}|map\(\s*['\"]{NAME}", ("plugins/filter/{}.py", "plugins/filter/{}.yml")),
    "test": (rf"\bis\s+(?:not\s+)?{NAME}|(?:select|reject)(?:attr\([^)]*,\s*|\(\s*)['\"]{NAME}",
             ("plugins/test/{}.py",)),
    "module": (rf"^[\s-]*{NAME}:(?:\s|$)", ("plugins/modules/{}.py",)),
    "role": (rf"(?:name|role):\s*['\"]?{NAME}", ("roles/{}/meta/main.yml",)),
    "playbook": (rf"import_playbook:\s*['\"]?{NAME}", ("playbooks/{}.yml",)),
}


def missing(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and name of everything in a text that does not exist."""
    for kind, (pattern, files) in KINDS.items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            name = next(filter(None, match.groups()))
            if not any((ROOT / file.format(name)).exists() for file in files):
                yield kind, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_exist(path: Path) -> None:
    assert list(missing(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(("text", "expected"), [
    ("{{ x | classroom.kubeadm.no_filter(1) }}", [("filter", "no_filter")]),
    ("{{ x | map('classroom.kubeadm.no_filter') }}", [("filter", "no_filter")]),
    ("{{ x is not classroom.kubeadm.no_test }}", [("test", "no_test")]),
    ("{{ x | reject('classroom.kubeadm.pod_network') }}", [("test", "pod_network")]),
    ("- name: Join node\n  classroom.kubeadm.no_module:\n    x: 1", [("module", "no_module")]),
    ("import_role: {name: classroom.kubeadm.no_role, x: 1}", [("role", "no_role")]),
    ("- import_playbook: classroom.kubeadm.no_playbook", [("playbook", "no_playbook")]),
    ("{{ x | classroom.kubeadm.task_timeout(1) is classroom.kubeadm.ip_network }}", []),
    ("import_role: {name: classroom.kubeadm.host}", []),
])
def test_other_names_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(missing(text)) == expected
