# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module turns the errors of this collection into a failed task; none of them is a traceback for the user."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import command, errors

MODULES = {
    path.stem: main
    for path in sorted((Path(__file__).resolve().parents[4] / "plugins" / "modules").glob("*.py"))
    for main in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(main, ast.FunctionDef) and main.name == "main"
}


def test_a_failed_command_is_an_error_of_this_collection() -> None:
    assert issubclass(command.CommandFailed, errors.ClassroomError)
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", MODULES)
def test_main_is_the_frame_which_catches_errors(name: str) -> None:
    assert [ast.unparse(statement) for statement in MODULES[name].body] == ["run_module(OPERATION)"]
