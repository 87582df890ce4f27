# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RETURN sections of all modules can be checked, and their samples fit."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import convert
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import MODULES, read

NAMES = sorted(path.stem for path in MODULES.glob("*.py"))
ACTIONS = Path(__file__).resolve().parents[5] / "plugins" / "action"
# Their actions are all of them, nothing of them runs on a host
ON_THE_CONTROLLER = {
    "address_check", "class_directory", "class_report", "inventory_check", "role_variables_check", "ssh_first_contact",
    "fetch_file"}


def documented(name: str) -> dict[str, Any]:
    """The RETURN section as Python reads it."""
    for node in ast.parse((MODULES / (name + ".py")).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value)) or {}
            return found
    raise AssertionError(name)


@pytest.mark.parametrize("name", NAMES)
def test_all_values_have_a_type_and_the_samples_fit(name: str) -> None:
    declared = documented(name)
    samples = {key: entry["sample"] for key, entry in declared.items() if "sample" in entry}

    assert set(read(name)) == set(declared)
    # A failed result may be incomplete
    assert convert(read(name), {**samples, "failed": True}) == {**samples, "failed": True}


@pytest.mark.parametrize("name", sorted(set(NAMES) - ON_THE_CONTROLLER))
def test_a_module_that_runs_on_hosts_has_the_action_that_converts_its_result(name: str) -> None:
    assert "class ActionModule(HostAction):" in (ACTIONS / (name + ".py")).read_text(encoding="utf-8")
