# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module host_configure: several operations in one call."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations import host_configure as operation
from ansible_collections.classroom.kubeadm.plugins.modules.host_configure import main

SECRET = "pass-of-the-proxy"


class Recorded:
    """An operation that records its calls; `path` is where it would write."""

    def __init__(self, changed: bool = False, error: str = "") -> None:
        self.calls: list[tuple[dict[str, Any], bool]] = []
        self._changed, self._error = changed, error

    def __call__(self, params: Any, check_mode: bool) -> Outcome:
        self.calls.append((dict(params), check_mode))
        if self._error:
            raise ClassroomError(self._error, {"found": "this"})
        return Outcome({"changed": self._changed, "value": params.get("text")}, ("a warning",))

    def as_operation(self) -> Operation:
        return Operation({"text": {"type": "str", "default": "none"}, "count": {"type": "int"},
                          "hidden": {"type": "list", "elements": "dict", "options": {
                              "content": {"type": "str", "no_log": True}}}}, self)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorded]:
    """host_settings has nothing to do, host_firewalld changes something, package_service fails."""
    found = {"host_settings": Recorded(), "host_firewalld": Recorded(changed=True),
             "package_service": Recorded(error="Not installed: expected a, found b.")}
    monkeypatch.setattr(operation, "operation_of", lambda name: found[name].as_operation())
    return found


def section(name: str, module: str, state: str = "present", **options: Any) -> dict[str, Any]:
    return {"name": name, "module": module, "state": state, "options": options}


SAME = section("host", "host_settings", text="a", count=None)
CHANGING = section("firewall", "host_firewalld")
FAILING = section("kubernetes", "package_service")
PLANNED = section("membership", "host_settings", "planned")
SECTIONS = [SAME, CHANGING, FAILING, section("last", "host_settings")]


@pytest.mark.parametrize(("sections", "check", "names", "changed"), [
    (SECTIONS, False, ["host", "firewall", "kubernetes"], True),
    (SECTIONS, True, ["host", "firewall", "kubernetes"], True),
    ([SAME, PLANNED], False, ["host", "membership"], False),
    # The role would take a planned change for one that was made
    ([SAME, section("plan", "host_firewalld", "planned")], False, ["host"], False),
    ([SAME, section("plan", "host_firewalld", "planned")], True, ["host", "plan"], False),
    ([CHANGING, PLANNED], False, ["firewall"], True),
    ([CHANGING, PLANNED], True, ["firewall", "membership"], True),
    ([section("plan", "host_firewalld", "planned"), PLANNED, SAME], False, [], False),
    ([SAME, section("plan", "package_service", "planned"), PLANNED], False, ["host"], False),
    ([], False, [], False),
], ids=["up to an error", "check mode", "plan", "plan with a change", "check mode with a plan", "plan after a change",
        "check mode after a change", "plan after a plan with a change", "failed plan", "nothing"])
def test_which_sections_run(
    run_main: Any, operations: dict[str, Recorded], sections: list[dict[str, Any]], check: bool, names: list[str],
    changed: bool,
) -> None:
    result = run_main(main, {"sections": sections}, check=check)

    assert not result["failed"] and list(result["sections"]) == names
    assert result["changed"] == changed


@pytest.mark.parametrize(("state", "check", "planned"), [
    ("present", False, False), ("present", True, True), ("planned", False, True), ("planned", True, True),
])
def test_plans_change_nothing(
    run_main: Any, operations: dict[str, Recorded], state: str, check: bool, planned: bool
) -> None:
    run_main(main, {"sections": [section("firewall", "host_firewalld", state)]}, check=check)

    assert [check_mode for _params, check_mode in operations["host_firewalld"].calls] == [planned]


def test_results_are_those_of_the_modules(run_main: Any, operations: dict[str, Recorded]) -> None:
    sections = run_main(main, {"sections": SECTIONS})["sections"]

    assert sections["host"] == {"changed": False, "value": "a", "warnings": ["a warning"]}
    assert sections["firewall"]["changed"] is True
    assert sections["kubernetes"] == {
        "failed": True, "changed": False, "msg": "Not installed: expected a, found b.", "found": "this"}
    # Defaults are those of the module, and null is no value
    assert operations["host_settings"].calls[0][0] == {"text": "a", "count": None, "hidden": None}
    run_main(main, {"sections": [section("last", "host_settings")]})
    assert operations["host_settings"].calls[1][0]["text"] == "none"


@pytest.mark.parametrize(("options", "message"), [
    ({"count": "many"}, "count"), ({"unknown": 1}, "unknown"),
])
def test_options_of_a_section_are_validated(
    run_main: Any, operations: dict[str, Recorded], options: dict[str, Any], message: str
) -> None:
    result = run_main(main, {"sections": [section("host", "host_settings", **options)]})

    assert result["sections"]["host"]["failed"] and message in result["sections"]["host"]["msg"]
    assert operations["host_settings"].calls == []


def test_secrets_of_sections_are_in_no_output(
    run_main: Any, operations: dict[str, Recorded], capsys: pytest.CaptureFixture[str]
) -> None:
    sections = [section("host", "host_settings", text=f"echo {SECRET}", hidden=[{"content": SECRET}])]

    result = run_main(main, {"sections": sections})

    assert SECRET not in str(result) and "invocation" in result
    assert operations["host_settings"].calls[0][0]["hidden"] == [{"content": SECRET}]


def test_every_operation_is_that_of_its_module() -> None:
    modules = Path(__file__).resolve().parents[4] / "plugins" / "modules"
    for name in operation.MODULES:
        assert f"_operations.{name} import OPERATION" in (modules / f"{name}.py").read_text(encoding="utf-8")
        known = importlib.import_module(f"{operation.__name__.rpartition('.')[0]}.{name}").OPERATION
        assert operation.operation_of(name) is known
