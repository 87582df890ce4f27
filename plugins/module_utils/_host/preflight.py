# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine is, read once, and whether it can become what it is wanted to be."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._core.command import Runner
from .._core.files import Root, read_text
from .._runtime import runtimes
from . import kernel, nameservers, packet_filter, systemd
from .container import in_container
from .listeners import listener
from .packet_filter import Blocked

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SOCKETS = tuple(runtime.socket for runtime in runtimes.RUNTIMES.values())
_CAP_SYS_RESOURCE = 24
# What the kubelet limits pods with; without one of these it does not start.
_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
# What containers are made of, in every kernel that runs any; others are wished for
_FEATURES = ("ipc_ns", "net_ns", "pid_ns", "uts_ns", "seccomp")
NODE_ROLES = ("control_plane", "worker")


@dataclass(frozen=True)
class Address:
    """One address of the machine that others can reach."""

    interface: str
    address: str
    prefix: int


@dataclass(frozen=True)
class Machine:
    """The facts of a machine, as other roles use them."""

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


@dataclass(frozen=True)
class Wish:
    """What the machine is to become, and the least it must have for it."""

    role: str
    address: str | None = None
    min_memory_mib: int = 1700
    min_cpus: int = 2
    max_clock_offset: float = 60.0
    api_port: int = 6443
    cri_socket: str | None = None
    required_free_mib: int = 1024
    ports: tuple[str, ...] = ()
    kernel_features: tuple[str, ...] = ("overlay", "br_netfilter")
    runtime: runtimes.Wish | None = None


def read_machine(root: Root, run: Runner, wish: Wish, now: float, controller_time: float | None) -> Machine:
    family, distribution, version, codename = _system(root)
    firewalld, network_manager = systemd.active(run, "firewalld.service", "NetworkManager.service")
    cgroup_version, cgroup_missing = _cgroups(root)
    system = os.uname()
    return Machine(
        os_family=family,
        distribution=distribution,
        version=version,
        codename=codename,
        architecture=_ARCHITECTURES.get(system.machine, system.machine),
        hostname=system.nodename,
        machine_id=(read_text(root("/etc/machine-id")) or "").strip(),
        addresses=addresses_of(run(["ip", "-j", "addr"]).out),
        default_interface=_default_interface(read_text(root("/proc/net/route")) or ""),
        cpus=len(os.sched_getaffinity(0)),
        memory_mib=_memory_mib(read_text(root("/proc/meminfo")) or ""),
        free_mib=_free_mib(root("/var")),
        container=in_container(root),
        cgroup_version=cgroup_version,
        cgroup_missing=cgroup_missing,
        cap_sys_resource=_has_capability(read_text(root("/proc/1/status")) or "", _CAP_SYS_RESOURCE),
        modules_loadable=kernel.modules_loadable(root),
        firewalld=firewalld,
        network_manager=network_manager,
        blocked=packet_filter.find(root, run, wish.ports, "ip6" if ":" in (wish.address or "") else "ip"),
        kernel_features={name: kernel.feature(root, name) for name in (*wish.kernel_features, *_FEATURES)},
        swaps=kernel.read_swaps(root),
        clock_offset=0.0 if controller_time is None else round(now - controller_time, 1),
        sockets=_sockets(root, wish.cri_socket),
        # The kernel takes longer to list its connections than for all the rest, and on other machines nobody asks
        port_owner=listener(root, wish.api_port) if wish.role == "control_plane" else None,
        initialized=os.path.exists(root("/etc/kubernetes/admin.conf")),
        joined=os.path.exists(root("/etc/kubernetes/kubelet.conf")),
        kubelet_socket=runtimes.kubelets_socket(root),
        nameservers=nameservers.usable(root),
    )


def _sockets(root: Root, wanted: str | None) -> tuple[str, ...]:
    """The sockets of container runtimes that are there, among them the wanted one wherever it lies."""
    candidates = dict.fromkeys((*_SOCKETS, *([wanted] if wanted else [])))
    return tuple(path for path in candidates if os.path.exists(root(path)))


def _system(root: Root) -> tuple[str, str, str, str]:
    """Family, name, version and code name. Ansible, too, looks at /etc/redhat-release first and believes it."""
    redhat = read_text(root("/etc/redhat-release"))
    if redhat:
        name, *rest = redhat.strip().lower().split(" release ")
        short = "rhel" if name.startswith("red hat") else name.split()[0]
        return "redhat", short, rest[0].split()[0] if rest else "", ""
    release = _os_release(read_text(root("/etc/os-release")) or "")
    likes = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return ("debian" if "debian" in likes else "other", release.get("ID", "unknown"), release.get("VERSION_ID", ""),
            release.get("VERSION_CODENAME", ""))


def _os_release(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip("\"'") for key, value in pairs}


def addresses_of(text: str) -> tuple[Address, ...]:
    """The global addresses in the output of `ip -j addr`."""
    return tuple(
        Address(link["ifname"], entry["local"], entry["prefixlen"])
        for link in json.loads(text or "[]") if link
        for entry in link.get("addr_info", ())
        if entry.get("scope") == "global" and "local" in entry
    )


def _default_interface(routes: str) -> str | None:
    """The interface of the IPv4 default route with the lowest metric."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    defaults = [(int(row[6]), row[0]) for row in rows if row[1] == row[7] == "00000000"]
    return min(defaults)[1] if defaults else None


def _memory_mib(meminfo: str) -> int:
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def _free_mib(path: str) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize // 1024 // 1024


def _cgroups(root: Root) -> tuple[int, tuple[str, ...]]:
    """The version of the hierarchy at /sys/fs/cgroup (0: none), and the controllers it lacks."""
    unified = read_text(root("/sys/fs/cgroup/cgroup.controllers"))
    if unified is not None:
        there, version = set(unified.split()), 2
    else:
        rows = [line.split() for line in (read_text(root("/proc/cgroups")) or "").splitlines()]
        there = {row[0] for row in rows if row[-1] == "1" and os.path.isdir(root("/sys/fs/cgroup/" + row[0]))}
        version = 1 if there else 0
    return version, tuple(name for name in _CONTROLLERS if name not in there)


def _has_capability(status: str, number: int) -> bool:
    """Whether PID 1, and so every service, has the capability and may hand it on."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    masks = [int(fields.get(name, "0").strip(), 16) for name in ("CapEff", "CapBnd")]
    return all(mask >> number & 1 for mask in masks)


def least(role: str) -> tuple[int, int]:
    """Memory in MiB and CPUs that a role cannot do without."""
    # For a control plane these are kubeadm's own limits; a worker of 1 GiB shows some 60 MiB less than that.
    return {"control_plane": (1700, 2), "worker": (900, 1)}.get(role, (200, 1))


def report(wish: Wish, machine: Machine, failures: list[str]) -> str:
    """All failures as one message."""
    return "{0} cannot become a {1}: {2}".format(
        machine.hostname, wish.role.replace("_", " "), failures[0] if len(failures) == 1
        else " ".join("({0}) {1}".format(number, failure) for number, failure in enumerate(failures, 1)))


def judge(wish: Wish, machine: Machine) -> list[str]:
    """A sentence for everything in the way: what was wanted, what was found, what to do."""
    found = [*_judge_system(wish, machine), *_judge_size(wish, machine), *_judge_network(wish, machine),
             *(_blocked(blocked) for blocked in machine.blocked)]
    if wish.role in NODE_ROLES:
        found += _judge_node(wish, machine)
    return found


def _judge_system(wish: Wish, machine: Machine) -> list[str]:
    found = []
    if machine.os_family == "other":
        found.append(
            "Wanted a system of the Debian or Red Hat family, found {0} {1}. Install one of those.".format(
                machine.distribution, machine.version))
    if wish.role == "utility" and machine.os_family == "redhat":
        found.append(
            "Wanted a system of the Debian family for a utility, found {0} {1}. Only the nodes may be of the Red Hat "
            "family: choose another machine.".format(machine.distribution, machine.version))
    if abs(machine.clock_offset) > wish.max_clock_offset:
        found.append(
            "Wanted a clock at most {0:g} s from the controller's, found it {1:.0f} s {2}. Certificates and tokens "
            "would not be valid: set the clock and keep it with chrony or systemd-timesyncd.".format(
                wish.max_clock_offset, abs(machine.clock_offset), "ahead" if machine.clock_offset > 0 else "behind"))
    if machine.machine_id in ("", "uninitialized"):
        found.append(
            "Wanted a machine id in /etc/machine-id, found none. Run 'systemd-machine-id-setup'.")
    return found


def _judge_size(wish: Wish, machine: Machine) -> list[str]:
    found = []
    if machine.memory_mib < wish.min_memory_mib:
        found.append("Wanted at least {0} MiB of memory for this role, found {1} MiB. Give the machine more.".format(
            wish.min_memory_mib, machine.memory_mib))
    if machine.cpus < wish.min_cpus:
        found.append("Wanted at least {0} CPUs for this role, found {1}. Give the machine more.".format(
            wish.min_cpus, machine.cpus))
    if machine.free_mib < wish.required_free_mib:
        found.append("Wanted at least {0} MiB free in /var, found {1} MiB. Make room there.".format(
            wish.required_free_mib, machine.free_mib))
    return found


def _judge_network(wish: Wish, machine: Machine) -> list[str]:
    if wish.address is None or any(wish.address == mine.address for mine in machine.addresses):
        return []
    mine = ", ".join("{0} on {1}".format(one.address, one.interface) for one in machine.addresses) or "none"
    return ["Wanted the node's address {0} on an interface of this machine, found {1}. "
            "Correct the address in the inventory or on the machine.".format(wish.address, mine)]


def _blocked(blocked: Blocked) -> str:
    if not blocked.ports:
        return ("Wanted the traffic of pods forwarded, found that {0} drops it. Let the pods' network through there, or"
                " take that chain away.".format(blocked.by))
    ports = ", ".join(blocked.ports)
    if blocked.by == "ufw":
        commands = ", ".join("'ufw allow {0}'".format(port.replace("-", ":")) for port in blocked.ports)
        return ("Wanted {0} open for other machines, found that ufw lets nobody in there. Open them with {1}, or"
                " switch it off with 'ufw disable'.".format(ports, commands))
    return ("Wanted {0} open for other machines, found that {1} drops what comes there. Add rules that accept it, "
            "or leave filtering to firewalld.".format(ports, blocked.by))


def _judge_node(wish: Wish, machine: Machine) -> list[str]:
    found = []
    if wish.role == "control_plane" and machine.port_owner not in (None, "kube-apiserver"):
        found.append(
            "Wanted port {0} for the API server, found '{1}' listening on it. Stop that program, or choose another "
            "port for the API.".format(wish.api_port, machine.port_owner))
    if machine.cgroup_version == 0 or machine.cgroup_missing:
        found.append(
            "Wanted the cgroup controllers {0} below /sys/fs/cgroup, found {1}. Mount the hierarchy and enable them "
            "on the kernel's command line.".format(
                ", ".join(_CONTROLLERS), "no cgroup hierarchy" if machine.cgroup_version == 0
                else "version {0} without {1}".format(machine.cgroup_version, ", ".join(machine.cgroup_missing))))
    missing = [name for name, state in machine.kernel_features.items() if state == kernel.MISSING]
    if missing:
        found.append(
            "Wanted the kernel features {0}, found {1} neither built in nor as a module of the running kernel. Install "
            "the kernel's modules, or boot a kernel that has them.".format(
                ", ".join(machine.kernel_features), " and ".join(missing)))
    if wish.cri_socket is not None and wish.cri_socket not in machine.sockets:
        found.append(
            "Wanted a container runtime at {0}, found {1}. Start that runtime, or name the "
            "socket of the other one.".format(wish.cri_socket, ", ".join(machine.sockets) or "no runtime's socket"))
    if wish.runtime is not None:
        found += runtimes.refusals(wish.runtime, machine.kubelet_socket)
    return found
