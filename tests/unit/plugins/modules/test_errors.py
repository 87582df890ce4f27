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
    path.stem: tree
    for path in sorted((Path(__file__).resolve().parents[4] / "plugins" / "modules").glob("*.py"))
    for tree in [ast.parse(path.read_text(encoding="utf-8"))]
    if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
}
# What `main` may call outside of its `try`: building and showing values, which asks nothing of the host
HARMLESS = {
    "AnsibleModule", "NodeContext", "Kubectl.of", "Deadline", "as_changes", "as_diff", "as_steps",
    "asdict", "failure_of", "failures", "missing_required_lib", "secrets_of", "sentence", "signal.signal",
    "time.time", "os.path.abspath", "os.path.join", "any", "bool", "dict", "len", "list", "map", "str", "tuple",
}


def functions(tree: ast.AST) -> set[str]:
    """Names of the functions called in `tree`, without methods of literal texts and the classes of desired states."""
    called = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {name for name in called if not name.startswith(("'", '"')) and not name.endswith("Spec")}


def variables(tree: ast.AST) -> set[str]:
    """Local variables, whose methods show what was found; the module object is one of them."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def main_of(tree: ast.Module) -> ast.FunctionDef:
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")


def catches(statement: ast.stmt) -> bool:
    """Whether it is a `try` with a handler for ClassroomError, alone or among others."""
    return isinstance(statement, ast.Try) and any(
        "ClassroomError" in ast.unparse(handler.type) for handler in statement.handlers if handler.type)


def framed(statements: list[ast.stmt]) -> bool:
    """Whether the statements are the one call of the frame, which catches the errors of the operation."""
    return [ast.unparse(statement) for statement in statements] == ["run_module(OPERATION)"]


def test_a_failed_command_is_an_error_of_this_collection() -> None:
    assert issubclass(command.CommandFailed, errors.ClassroomError)
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", MODULES)
def test_main_catches_errors_of_everything_that_asks_the_host(name: str) -> None:
    statements = main_of(MODULES[name]).body
    if framed(statements):
        return

    unprotected = {called for statement in statements if not catches(statement) for called in functions(statement)}

    assert any(map(catches, statements))
    methods = {called for called in unprotected if called.split(".")[0] in variables(main_of(MODULES[name]))}
    assert unprotected - methods <= HARMLESS
