# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core import host_lock
from .._core.command import run
from .._core.files import Root
from .._core.operation import Operation, Outcome
from .._core.plan import as_changes, as_diff
from .._host.network_manager import InterfacesSpec, apply, plan, read_state

OPTIONS: dict[str, Any] = {
    "internal_network": {"type": "str", "default": ""},
    "external_network": {"type": "str", "default": ""},
    "address": {"type": "str", "default": ""},
    "optional": {"type": "bool", "default": False},
    "unmanaged": {"type": "list", "elements": "str", "default": []},
    "profiles": {"type": "dict", "default": {}},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Plan the changes, apply them unless in check mode, and return them with the interfaces."""
    spec = InterfacesSpec(
        internal=params["internal_network"],
        external=params["external_network"],
        address=params["address"],
        optional=params["optional"],
        unmanaged=tuple(params["unmanaged"]),
        profiles={side: options or {} for side, options in params["profiles"].items()},
    )
    root = Root()
    # Without profiles and unmanaged interfaces nothing is changed
    with host_lock.changing(check_mode or not (params["profiles"] or params["unmanaged"])):
        planned = plan(spec, read_state(root, run, spec))
        if planned.steps and not check_mode:
            apply(root, run, planned)
    values = {
        "changed": bool(planned.steps), "changes": as_changes(planned.steps), "diff": as_diff(planned.steps),
        "ansible_facts": {"classroom_interfaces": planned.facts()}}
    return Outcome(values, tuple(planned.warnings))


OPERATION = Operation(OPTIONS, perform)
