# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The frame of a module: options, one function from parameters to a result, and how both become an Ansible module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from .errors import ClassroomError


@dataclass(frozen=True)
class Outcome:
    """The result of an operation: the values that the module returns, `changed` among them, and its warnings.

    `failure` is the error message of an operation that failed with a result, empty otherwise.
    """

    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Operation:
    """What a module does on a host.

    `options` is the argument spec, `rules` are the further arguments of AnsibleModule about options. `perform` gets the
    validated parameters and whether this is check mode, in which it changes nothing and returns the same changes. It
    raises ClassroomError. `secrets` returns texts in the parameters that no output may contain, beside those of options
    with `no_log`.
    """

    options: Mapping[str, Any]
    perform: Callable[[Mapping[str, Any], bool], Outcome]
    rules: Mapping[str, Any] = field(default_factory=dict)
    secrets: Callable[[Mapping[str, Any]], Iterable[str]] = lambda _params: ()


def run_module(operation: Operation) -> None:
    """Run an operation as the module of this process, and end the process with its result."""
    module = AnsibleModule(argument_spec=dict(operation.options), supports_check_mode=True, **operation.rules)
    module.no_log_values.update(operation.secrets(module.params))
    try:
        outcome = operation.perform(module.params, module.check_mode)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem), **problem.values)
    for warning in outcome.warnings:
        module.warn(warning)
    if outcome.failure:
        module.fail_json(msg=outcome.failure, **outcome.values)
    module.exit_json(**outcome.values)
