# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module kubeadm_init."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.operation import Operation, Outcome
from .._kube.context import NodeContext
from .._kubeadm.init import converge, result
from .._kubeadm.init_facts import secrets_of, spec_of

OPTIONS: dict[str, Any] = {
    "config": {"type": "list", "elements": "dict", "required": True},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "ignore_preflight_errors": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 300},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Initialize the control plane where necessary, and return the decision."""
    machine = NodeContext()
    spec = spec_of(params["config"], params["ignore_preflight_errors"], params["timeout"], params["kubeconfig"])
    values = result(spec, machine, converge(spec, machine, check_mode))
    return Outcome(values, tuple(values.pop("warnings")))


OPERATION = Operation(OPTIONS, perform, secrets=lambda params: secrets_of(params["config"]))
