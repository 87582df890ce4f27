# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_firewalld."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core import host_lock
from .._core.command import run
from .._core.files import Root
from .._core.operation import Operation, Outcome
from .._core.plan import as_changes, as_diff
from .._host.firewalld import FirewalldSpec, apply, plan, read_state

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["auto", "running", "stopped", "unchanged"], "default": "auto"},
    "ports": {"type": "list", "elements": "str", "default": []},
    "zone": {"type": "str", "default": ""},
    "address": {"type": "str", "default": ""},
    "sources": {"type": "list", "elements": "str", "default": []},
    "trusted": {"type": "list", "elements": "str", "default": []},
    "cluster_ports": {"type": "list", "elements": "str", "default": []},
    "cluster_sources": {"type": "list", "elements": "str", "default": []},
    "interfaces": {"type": "list", "elements": "str", "default": []},
    "exclusive": {"type": "bool", "default": True},
    "owners": {"type": "list", "elements": "str", "default": []},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Plan the changes, apply them unless in check mode, and return them."""
    spec = FirewalldSpec(
        params["state"], tuple(params["ports"]), params["zone"], params["address"], tuple(params["sources"]),
        tuple(params["trusted"]), tuple(params["cluster_ports"]), tuple(params["cluster_sources"]),
        tuple(params["interfaces"]), params["exclusive"], tuple(params["owners"]))
    root = Root()
    with host_lock.changing(check_mode):
        state = read_state(root, run, spec)
        planned = plan(spec, state)
        if planned.steps and not check_mode:
            apply(root, run, planned, state)
    return Outcome({
        "changed": bool(planned.steps), "changes": as_changes(planned.steps), "diff": as_diff(planned.steps),
        "zone": planned.zone})


OPERATION = Operation(OPTIONS, perform)
