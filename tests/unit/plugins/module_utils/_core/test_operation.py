# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of a module: its result, warnings, errors and secrets."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module

OPTIONS = {"name": {"type": "str", "required": True}}


def result_of(operation: Operation, monkeypatch: pytest.MonkeyPatch, check: bool = False) -> dict[str, Any]:
    # Tests of action plugins import Ansible's controller, to whose display a warning would go then.
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False, raising=False)
    printed = io.StringIO()
    with patch_module_args({"name": "node1", "_ansible_check_mode": check}), contextlib.redirect_stdout(printed), \
            pytest.raises(SystemExit):
        run_module(operation)
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


@pytest.mark.parametrize("check", [False, True])
def test_parameters_become_a_result(monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
        return Outcome({"changed": not check_mode, "names": [params["name"]]}, ("It is late.",))

    found = result_of(Operation(OPTIONS, perform), monkeypatch, check)
    assert (found["changed"], found["names"], "failed" in found) == (not check, ["node1"], False)
    assert "It is late." in str(found["warnings"])


def test_a_failure_has_the_result_and_the_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome({"changed": True, "left": ["pod"]}, ("It is late.",), "A pod is left.")
    found = result_of(Operation(OPTIONS, lambda _params, _check: outcome), monkeypatch)
    assert (found["failed"], found["msg"], found["changed"], found["left"]) == (True, "A pod is left.", True, ["pod"])
    assert "It is late." in str(found["warnings"])


def test_an_error_becomes_a_failed_task_with_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(_params: Mapping[str, Any], _check_mode: bool) -> Outcome:
        raise ClassroomError("The name is invalid.", {"name": "node1"})

    found = result_of(Operation(OPTIONS, perform), monkeypatch)
    assert (found["failed"], found["msg"], found["name"]) == (True, "The name is invalid.", "node1")


def test_secrets_appear_in_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Operation(
        OPTIONS, lambda params, _check: Outcome({"changed": False, "said": params["name"]}),
        secrets=lambda params: [params["name"]])
    assert "node1" not in str(result_of(operation, monkeypatch))
