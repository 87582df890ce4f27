# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core import host_lock
from .._core.command import run
from .._core.files import Root
from .._core.operation import Operation, Outcome
from .._core.plan import as_changes, as_diff
from .._host.hosts_file import Entry
from .._host.prepare import HostSpec, Performer, plan, read_host
from .._host.time_services import TimeSpec

OPTIONS: dict[str, Any] = {
    "hostname": {"type": "str"},
    "hosts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "address": {"type": "str", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
        },
    },
    "swap": {"type": "bool", "default": False},
    "kernel_modules": {"type": "list", "elements": "str", "default": []},
    "sysctls": {"type": "dict", "default": {}},
    "selinux": {"type": "str", "choices": ["permissive", "enforcing", "unchanged"], "default": "unchanged"},
    "time_service": {"type": "str", "choices": ["chrony", "unchanged"], "default": "unchanged"},
    "time_servers": {"type": "list", "elements": "str", "default": []},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Plan the changes, apply them unless in check mode, and return them."""
    spec = HostSpec(
        hostname=params["hostname"],
        hosts=tuple(Entry(entry["address"], tuple(entry["names"])) for entry in params["hosts"]),
        swap=params["swap"],
        modules=tuple(params["kernel_modules"]),
        sysctls={key: str(value) for key, value in params["sysctls"].items()},
        selinux=None if params["selinux"] == "unchanged" else params["selinux"],
        time=TimeSpec(params["time_service"] == "chrony", tuple(params["time_servers"])),
    )
    root = Root()
    with host_lock.changing(check_mode):
        planned = plan(spec, read_host(root, spec, run))
        if planned.steps and not check_mode:
            Performer(root, run).perform(planned, spec)
    values = {
        "changed": bool(planned.steps), "changes": as_changes(planned.steps), "findings": list(planned.findings),
        "diff": as_diff(planned.steps)}
    return Outcome(values, (*planned.warnings, *(finding + "." for finding in planned.findings)))


OPERATION = Operation(OPTIONS, perform)
