# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module kubeadm_join."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.operation import Operation, Outcome
from .._kube.context import NodeContext
from .._kubeadm.join import converge, result
from .._kubeadm.join_facts import JoinSpec, validate

OPTIONS: dict[str, Any] = {
    "endpoint": {"type": "str", "required": True},
    "node_name": {"type": "str"},
    "node_address": {"type": "str"},
    "config": {"type": "dict"},
    "discovery": {
        "type": "dict",
        "no_log": True,
        "options": {
            "kubeconfig": {"type": "str", "required": True},
            "token": {"type": "str", "required": True, "no_log": True},
        },
    },
    "ca_hash": {"type": "str"},
    "allow_reset": {"type": "bool", "default": False},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 300},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Join the host or start its kubelet where necessary, and return the decision."""
    machine = NodeContext()
    spec = JoinSpec(
        endpoint=params["endpoint"],
        node_name=params["node_name"] or "",
        node_address=params["node_address"] or "",
        config=params["config"],
        ca_hash=params["ca_hash"] or "",
        allow_reset=params["allow_reset"],
        ignored=tuple(params["ignore_preflight_errors"]),
        timeout=params["timeout"],
    )
    validate(spec)
    values = result(spec, machine, converge(spec, machine, params["discovery"], check_mode))
    return Outcome(values, tuple(values.pop("warnings")))


OPERATION = Operation(OPTIONS, perform)
