# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles keep their word: every variable is declared, documented with its default, and read by somebody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
USERS = [*(ROOT / "roles").rglob("*"), *(ROOT / "playbooks").rglob("*.yml")]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options(role: Path) -> dict[str, Any]:
    specs: dict[str, Any] = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    # main, or for the role cluster the one that checks its declaration, and what else a playbook may begin with
    return {name: option for entry in specs.values() for name, option in entry["options"].items()}


def defaults(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(role / "defaults" / "main.yml") or {}
    return found


def is_computed(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_specs_and_defaults_name_the_same_variables(role: Path) -> None:
    assert set(options(role)) == set(defaults(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_specs_give_the_defaults_that_are_in_force(role: Path) -> None:
    stated = {name: option.get("default") for name, option in options(role).items()}
    in_force = {name: None if is_computed(value) else value for name, value in defaults(role).items()}
    assert stated == in_force


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_variables_carry_the_name_of_their_role(role: Path) -> None:
    names = [*defaults(role), *options(role)]
    assert [name for name in names if not name.startswith(f"{role.name}_")] == []
    # tests of test_variable_names.py know which variables without an underscore are public
    private = load(role / "vars" / "main.yml") if (role / "vars" / "main.yml").exists() else {}
    assert [name for name in private if not name.startswith((f"_{role.name}_", f"{role.name}_"))] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_variable_is_read(role: Path) -> None:
    texts = [
        path.read_text(encoding="utf-8")
        for path in USERS
        if path.is_file() and path.suffix in {".yml", ".j2"} and path.name != "argument_specs.yml"
    ]
    unread = []
    for name in defaults(role):
        word = re.compile(rf"\b{name}\b(?!:)")
        if not any(word.search(text) for text in texts):
            unread.append(name)
    assert unread == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_switches_may_be_words(role: Path) -> None:
    """What `-e name=false` sets is a text, and a text that is not empty counts as true in a condition."""
    switches = [name for name, option in options(role).items() if option["type"] == "bool"]
    bare = re.compile(rf"^ *(?:when:|that:|-) (?:.* )?(?:{'|'.join(switches)})\b(?! *\| *bool)", re.MULTILINE)
    texts = {path.name: path.read_text(encoding="utf-8") for path in (role / "tasks").glob("*.yml")}
    assert {name: bare.findall(text) for name, text in texts.items() if switches and bare.search(text)} == {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_know_nothing_of_a_lab(role: Path) -> None:
    text = (role / "defaults" / "main.yml").read_text(encoding="utf-8")
    assert "192.168.90." not in text
    assert "lab_" not in text
