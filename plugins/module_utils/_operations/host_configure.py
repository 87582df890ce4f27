# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_configure: operations of several modules in one call."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._core import host_lock
from .._core.errors import ClassroomError
from .._core.operation import Operation, Outcome
from . import (
    bundle_load,
    cluster_manifest,
    host_firewalld,
    host_interfaces,
    host_preflight,
    host_settings,
    kubeadm_init,
    kubeadm_join,
    package_service,
)

OPERATIONS: Mapping[str, Operation] = {
    "bundle_load": bundle_load.OPERATION,
    "cluster_manifest": cluster_manifest.OPERATION,
    "host_firewalld": host_firewalld.OPERATION,
    "host_interfaces": host_interfaces.OPERATION,
    "host_settings": host_settings.OPERATION,
    "kubeadm_init": kubeadm_init.OPERATION,
    "kubeadm_join": kubeadm_join.OPERATION,
    "package_service": package_service.OPERATION,
}
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["planned", "present"], "default": "present"},
    "requirements": {"type": "dict"},
    "sections": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "module": {"type": "str", "required": True, "choices": sorted(OPERATIONS)},
            "options": {"type": "dict"},
            "variable": {"type": "str"},
            "combined": {"type": "bool", "default": True},
            "tags": {"type": "list", "elements": "str", "default": []},
        },
    },
    "stop_at_change": {"type": "bool", "default": False},
    "planning_time": {"type": "float", "default": 15},
}


def secrets_of(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of all options of the sections that their modules mark with no_log."""
    for section in params["sections"]:
        operation = OPERATIONS[section["module"]]
        yield from _hidden(operation.options, section["options"])
        yield from operation.secrets({**dict.fromkeys(operation.options), **section["options"]})


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Check the requirements, and plan or apply the sections in their order. Raises ClassroomError.

    An error of a section ends the work and is a part of the result, because the requirements are met and the sections
    before it were applied.
    """
    values: dict[str, Any] = {"changed": False, "failures": [], "sections": {}}
    if params["requirements"] is not None:
        values.update(host_preflight.perform(_validated(host_preflight.OPERATION, params["requirements"]), True).values)
    planned = check_mode or params["state"] == "planned"
    end = time.monotonic() + params["planning_time"]
    with host_lock.changing(planned):
        for section in params["sections"]:
            result = _section(OPERATIONS[section["module"]], section["options"], planned)
            values["sections"][section["name"]] = result
            values["changed"] = values["changed"] or bool(result.get("changed"))
            if result.get("failed") or (planned and time.monotonic() > end):
                break
            if planned and params["stop_at_change"] and result["changed"]:
                break
    return Outcome(values)


def _section(operation: Operation, options: Mapping[str, Any], planned: bool) -> dict[str, Any]:
    """Return the result of one operation as its module would return it, a failed one included."""
    try:
        outcome = operation.perform(_validated(operation, options), planned)
    except ClassroomError as problem:
        return {"failed": True, "changed": False, "msg": str(problem), **problem.values}
    return {**outcome.values, "warnings": list(outcome.warnings)}


def _validated(operation: Operation, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an operation with their types and defaults. Raises ClassroomError."""
    # null is the same as no value, as in a task
    given = {name: value for name, value in options.items() if value is not None}
    found = ArgumentSpecValidator(dict(operation.options), **operation.rules).validate(given)
    if found.error_messages:
        raise ClassroomError("; ".join(found.error_messages))
    validated: dict[str, Any] = found.validated_parameters
    return validated


def _hidden(options: Mapping[str, Any], given: Any) -> Iterator[str]:
    for name, declared in options.items():
        value = given.get(name) if isinstance(given, Mapping) else None
        if value is None:
            continue
        if declared.get("no_log"):
            yield from _texts(value)
        elif "options" in declared:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                yield from _hidden(declared["options"], item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


# The values of the sections are not known as options of this module, so nothing of its invocation is logged
OPERATION = Operation(OPTIONS, perform, {"no_log": True}, secrets_of)
