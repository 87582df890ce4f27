# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of the module host_preflight."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .._core.command import run
from .._core.errors import ClassroomError
from .._core.files import Root
from .._core.operation import Operation, Outcome
from .._host import listeners
from .._host.facts import read_facts
from .._host.preflight import check, minimum_size, report, warnings
from .._host.requirements import HostRequirements
from .._host.systemd import unit_name
from .._packages import sources
from .._runtime import runtimes

SERVICE_OPTIONS: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "required": True},
    "unused": {"type": "path", "default": ""},
}
OPTIONS: dict[str, Any] = {
    "role": {"type": "str", "required": True, "choices": ["control_plane", "worker", "utility"]},
    "address": {"type": "str"},
    "min_memory_mib": {"type": "int"},
    "min_cpus": {"type": "int"},
    "required_free_mib": {"type": "int", "default": 1024},
    "controller_time": {"type": "float"},
    "max_clock_offset": {"type": "float", "default": 60},
    "api_port": {"type": "int", "default": 6443},
    "kernel_features": {"type": "list", "elements": "str", "default": ["overlay", "br_netfilter"]},
    "cri_socket": {"type": "str"},
    "ports": {"type": "list", "elements": "str", "default": []},
    "runtime": {"type": "str", "choices": ["containerd", "crio"]},
    "runtime_socket": {"type": "str", "default": ""},
    "runtime_version": {"type": "str", "default": ""},
    "kubernetes_version": {"type": "str", "default": ""},
    "bundle_distributions": {"type": "list", "elements": "str", "default": []},
    "required_packages": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE_OPTIONS},
}


def perform(params: Mapping[str, Any], _check_mode: bool) -> Outcome:
    """Read the facts and check them. Raises ClassroomError with the list `failures`."""
    # Read first, so that the duration of the checks does not count as a difference of the clocks
    now = time.time()
    memory, cpus = minimum_size(params["role"])
    socket = params["cri_socket"]
    spec = HostRequirements(
        role=params["role"],
        address=params["address"],
        min_memory_mib=memory if params["min_memory_mib"] is None else params["min_memory_mib"],
        min_cpus=cpus if params["min_cpus"] is None else params["min_cpus"],
        max_clock_offset=params["max_clock_offset"],
        api_port=params["api_port"],
        cri_socket=socket[len("unix://"):] if socket and socket.startswith("unix://") else socket,
        required_free_mib=params["required_free_mib"],
        ports=tuple(params["ports"]),
        kernel_features=tuple(params["kernel_features"]),
        runtime=None if params["runtime"] is None else runtimes.RuntimeSpec(
            params["runtime"], params["runtime_socket"], params["runtime_version"], params["kubernetes_version"]),
    )
    try:
        machine = read_facts(Root(), run, spec, now, params["controller_time"])
        failures = check(spec, machine)
        if machine.os_family == "debian" and params["required_packages"]:
            offer = sources.BundlePackages(tuple(params["bundle_distributions"]), tuple(params["required_packages"]))
            failures += filter(None, [sources.problem(Root(), offer, machine.distribution, machine.version)])
        failures += listeners.problems(Root(), [
            listeners.ServicePorts(tuple(map(unit_name, given["names"])), tuple(given["ports"]), given["unused"])
            for given in params["services"]])
    except ClassroomError as problem:
        raise ClassroomError(str(problem), {"failures": [str(problem)]}) from problem
    if failures:
        raise ClassroomError(report(spec, machine, failures), {"failures": failures})
    values = {"changed": False, "failures": [], "ansible_facts": {"classroom_machine": machine.facts()}}
    return Outcome(values, warnings(machine))


OPERATION = Operation(OPTIONS, perform)
