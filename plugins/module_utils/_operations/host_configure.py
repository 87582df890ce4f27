# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_configure: operations of several modules in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._core import host_lock
from .._core.errors import ClassroomError
from .._core.operation import Operation, Outcome

MODULES = (
    "bundle_load", "cluster_manifest", "host_firewalld", "host_interfaces", "host_settings", "kubeadm_init",
    "kubeadm_join", "package_service")
OPTIONS: dict[str, Any] = {
    "shared_variables": {"type": "list", "elements": "str", "default": []},
    "sections": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "module": {"type": "str", "required": True, "choices": list(MODULES)},
            "state": {"type": "str", "choices": ["planned", "present"], "default": "present"},
            "options": {"type": "dict"},
            "variable": {"type": "str"},
            "tags": {"type": "list", "elements": "str", "default": []},
        },
    },
}


def operation_of(module: str) -> Operation:
    """Return the operation of a module.

    The files are compiled on the host in each call, 5 to 40 ms for each module, so only those that are used are
    imported. Ansible packs what an import statement names, also in a function.
    """
    if module == "bundle_load":
        from .bundle_load import OPERATION as operation
    elif module == "cluster_manifest":
        from .cluster_manifest import OPERATION as operation
    elif module == "host_firewalld":
        from .host_firewalld import OPERATION as operation
    elif module == "host_interfaces":
        from .host_interfaces import OPERATION as operation
    elif module == "host_settings":
        from .host_settings import OPERATION as operation
    elif module == "kubeadm_init":
        from .kubeadm_init import OPERATION as operation
    elif module == "kubeadm_join":
        from .kubeadm_join import OPERATION as operation
    else:
        from .package_service import OPERATION as operation
    return operation


def secrets_of(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of all options of the sections that their modules mark with no_log."""
    for section in params["sections"]:
        operation = operation_of(section["module"])
        options = section["options"] or {}
        yield from _hidden(operation.options, options)
        yield from operation.secrets({**dict.fromkeys(operation.options), **options})


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Apply or plan the sections in their order. Raises ClassroomError.

    An error of a section ends the work and is a part of the result, because the sections before it were applied.
    """
    results: dict[str, dict[str, Any]] = {}
    with host_lock.changing(check_mode):
        for section in params["sections"]:
            planned = section["state"] == "planned"
            if planned and not check_mode and any(result["changed"] for result in results.values()):
                # The plan may depend on this change; the role runs the module after it
                break
            result = _section(operation_of(section["module"]), section["options"] or {}, planned or check_mode)
            if planned and (result.get("failed") or (result["changed"] and not check_mode)):
                # Left to the role: nothing was done yet, and the reason of an error may be gone when the role comes
                # to it, for example an unreachable control plane
                break
            results[section["name"]] = result
            if result.get("failed"):
                break
    changed = any(results[section["name"]]["changed"] for section in params["sections"]
                  if section["name"] in results and section["state"] == "present")
    return Outcome({"changed": changed, "sections": results})


def _section(operation: Operation, options: Mapping[str, Any], planned: bool) -> dict[str, Any]:
    """Return the result of one operation as its module would return it, a failed one included."""
    try:
        outcome = operation.perform(_validated(operation, options), planned)
    except ClassroomError as problem:
        return {"failed": True, "changed": False, "msg": str(problem), **problem.values}
    failure = {"failed": True, "msg": outcome.failure} if outcome.failure else {}
    return {"changed": False, **outcome.values, **failure, "warnings": list(outcome.warnings)}


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
