# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gather the facts of a host that its roles and checks use."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._core.command import Runner
from .._core.disk_space import free_mib
from .._core.distribution import read_distribution
from .._core.files import Root, read_text
from .._runtime import runtimes
from . import kernel, nameservers, packet_filter, systemd
from .container import in_container
from .listeners import listener
from .packet_filter import Blocked
from .requirements import HostRequirements

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SOCKETS = tuple(runtime.socket for runtime in runtimes.RUNTIMES.values())
_CAP_SYS_RESOURCE = 24
# The kubelet limits pods with these controllers; it does not start when one of them is missing.
CGROUP_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
# Every kernel that runs containers has these features; others are requested by a caller
_FEATURES = ("ipc_ns", "net_ns", "pid_ns", "uts_ns", "seccomp")


@dataclass(frozen=True)
class Address:
    """A global address of the host, reachable from other hosts."""

    interface: str
    address: str
    prefix: int


@dataclass(frozen=True)
class HostFacts:
    """The facts of a host, as roles use them.

    Sizes are in MiB. `clock_offset` is in seconds ahead of the controller, `cgroup_version` is 0 without a hierarchy.
    `port_owner` is the program that listens on the API's port.
    """

    os_family: str
    distribution: str
    version: str
    codename: str
    architecture: str
    hostname: str
    machine_id: str
    addresses: tuple[Address, ...]
    default_interface: str | None
    cpus: int
    memory_mib: int
    free_mib: int
    container: bool
    cgroup_version: int
    cgroup_missing: tuple[str, ...]
    cap_sys_resource: bool
    modules_loadable: bool
    kernel_features: Mapping[str, str]
    firewalld: bool
    network_manager: bool
    blocked: tuple[Blocked, ...]
    swaps: tuple[str, ...]
    clock_offset: float
    sockets: tuple[str, ...]
    port_owner: str | None
    initialized: bool
    joined: bool
    kubelet_socket: str = ""
    nameservers: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def read_facts(root: Root, run: Runner, spec: HostRequirements, now: float, controller_time: float | None) -> HostFacts:
    """Read the facts of a host. `now` and `controller_time` are seconds since the epoch."""
    system = read_distribution(root)
    firewalld, network_manager = systemd.active(run, "firewalld.service", "NetworkManager.service")
    cgroup_version, cgroup_missing = _cgroups(root)
    kernel_name = os.uname()
    return HostFacts(
        os_family=system.family,
        distribution=system.name,
        version=system.version,
        codename=system.codename,
        architecture=_ARCHITECTURES.get(kernel_name.machine, kernel_name.machine),
        hostname=kernel_name.nodename,
        machine_id=(read_text(root("/etc/machine-id")) or "").strip(),
        addresses=addresses_of(run(["ip", "-j", "addr"]).out),
        default_interface=_default_interface(read_text(root("/proc/net/route")) or ""),
        cpus=len(os.sched_getaffinity(0)),
        memory_mib=_memory_mib(read_text(root("/proc/meminfo")) or ""),
        free_mib=free_mib(root("/var")),
        container=in_container(root),
        cgroup_version=cgroup_version,
        cgroup_missing=cgroup_missing,
        cap_sys_resource=_has_capability(read_text(root("/proc/1/status")) or "", _CAP_SYS_RESOURCE),
        modules_loadable=kernel.modules_loadable(root),
        firewalld=firewalld,
        network_manager=network_manager,
        blocked=packet_filter.find(root, run, spec.ports, "ip6" if ":" in (spec.address or "") else "ip"),
        kernel_features={name: kernel.feature(root, name) for name in (*spec.kernel_features, *_FEATURES)},
        swaps=kernel.read_swaps(root),
        clock_offset=0.0 if controller_time is None else round(now - controller_time, 1),
        sockets=_sockets(root, spec.cri_socket),
        # Only where it is needed: listing connections takes the kernel longer than all other facts
        port_owner=listener(root, spec.api_port) if spec.role == "control_plane" else None,
        initialized=os.path.exists(root("/etc/kubernetes/admin.conf")),
        joined=os.path.exists(root("/etc/kubernetes/kubelet.conf")),
        kubelet_socket=runtimes.kubelets_socket(root),
        nameservers=nameservers.usable(root),
    )


def _sockets(root: Root, wanted: str | None) -> tuple[str, ...]:
    """Return the existing sockets of container runtimes, including the requested one at any path."""
    candidates = dict.fromkeys((*_SOCKETS, *([wanted] if wanted else [])))
    return tuple(path for path in candidates if os.path.exists(root(path)))


def addresses_of(text: str) -> tuple[Address, ...]:
    """Return the global addresses in the output of `ip -j addr`."""
    return tuple(
        Address(link["ifname"], entry["local"], entry["prefixlen"])
        for link in json.loads(text or "[]") if link
        for entry in link.get("addr_info", ())
        if entry.get("scope") == "global" and "local" in entry
    )


def _default_interface(routes: str) -> str | None:
    """Return the interface of the IPv4 default route with the lowest metric."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    defaults = [(int(row[6]), row[0]) for row in rows if row[1] == row[7] == "00000000"]
    return min(defaults)[1] if defaults else None


def _memory_mib(meminfo: str) -> int:
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def _cgroups(root: Root) -> tuple[int, tuple[str, ...]]:
    """Return the version of the hierarchy at /sys/fs/cgroup (0: none), and the controllers it lacks."""
    unified = read_text(root("/sys/fs/cgroup/cgroup.controllers"))
    if unified is not None:
        there, version = set(unified.split()), 2
    else:
        rows = [line.split() for line in (read_text(root("/proc/cgroups")) or "").splitlines()]
        there = {row[0] for row in rows if row[-1] == "1" and os.path.isdir(root("/sys/fs/cgroup/" + row[0]))}
        version = 1 if there else 0
    return version, tuple(name for name in CGROUP_CONTROLLERS if name not in there)


def _has_capability(status: str, number: int) -> bool:
    """Return whether PID 1, and so every service, has the capability and may hand it on."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    masks = [int(fields.get(name, "0").strip(), 16) for name in ("CapEff", "CapBnd")]
    return all(mask >> number & 1 for mask in masks)
