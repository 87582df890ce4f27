# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine is, read once, and whether it can become what it is wanted to be."""

from __future__ import annotations

from .._runtime import runtimes
from . import kernel
from .facts import CGROUP_CONTROLLERS, HostFacts
from .packet_filter import Blocked
from .requirements import HostRequirements

NODE_ROLES = ("control_plane", "worker")


def minimum_size(role: str) -> tuple[int, int]:
    """Memory in MiB and CPUs that a role cannot do without."""
    # For a control plane these are kubeadm's own limits; a worker of 1 GiB shows some 60 MiB less than that.
    return {"control_plane": (1700, 2), "worker": (900, 1)}.get(role, (200, 1))


def report(spec: HostRequirements, machine: HostFacts, failures: list[str]) -> str:
    """All failures as one message."""
    return "{} cannot become a {}: {}".format(
        machine.hostname, spec.role.replace("_", " "), failures[0] if len(failures) == 1
        else " ".join(f"({number}) {failure}" for number, failure in enumerate(failures, 1)))


def check(spec: HostRequirements, machine: HostFacts) -> list[str]:
    """A sentence for everything in the way: what was wanted, what was found, what to do."""
    found = [*_check_system(spec, machine), *_check_size(spec, machine), *_check_network(spec, machine),
             *(_blocked_message(blocked) for blocked in machine.blocked)]
    if spec.role in NODE_ROLES:
        found += _check_node(spec, machine)
    return found


def _check_system(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if machine.os_family == "other":
        found.append(
            f"Wanted a system of the Debian or Red Hat family, found {machine.distribution} {machine.version}. Install "
            "one of those.")
    if spec.role == "utility" and machine.os_family == "redhat":
        found.append(
            f"Wanted a system of the Debian family for a utility, found {machine.distribution} {machine.version}. Only "
            "the nodes may be of the Red Hat "
            "family: choose another machine.")
    if abs(machine.clock_offset) > spec.max_clock_offset:
        found.append(
            "Wanted a clock at most {:g} s from the controller's, found it {:.0f} s {}. Certificates and tokens "
            "would not be valid: set the clock and keep it with chrony or systemd-timesyncd.".format(
                spec.max_clock_offset, abs(machine.clock_offset), "ahead" if machine.clock_offset > 0 else "behind"))
    if machine.machine_id in ("", "uninitialized"):
        found.append(
            "Wanted a machine id in /etc/machine-id, found none. Run 'systemd-machine-id-setup'.")
    return found


def _check_size(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if machine.memory_mib < spec.min_memory_mib:
        found.append(f"Wanted at least {spec.min_memory_mib} MiB of memory for this role, found {machine.memory_mib} "
                     "MiB. Give the machine more.")
    if machine.cpus < spec.min_cpus:
        found.append(f"Wanted at least {spec.min_cpus} CPUs for this role, found {machine.cpus}. Give the machine "
                     "more.")
    if machine.free_mib < spec.required_free_mib:
        found.append(f"Wanted at least {spec.required_free_mib} MiB free in /var, found {machine.free_mib} MiB. Make "
                     "room there.")
    return found


def _check_network(spec: HostRequirements, machine: HostFacts) -> list[str]:
    if spec.address is None or any(spec.address == mine.address for mine in machine.addresses):
        return []
    mine = ", ".join(f"{one.address} on {one.interface}" for one in machine.addresses) or "none"
    return [f"Wanted the node's address {spec.address} on an interface of this machine, found {mine}. "
            "Correct the address in the inventory or on the machine."]


def _blocked_message(blocked: Blocked) -> str:
    if not blocked.ports:
        return (f"Wanted the traffic of pods forwarded, found that {blocked.by} drops it. Let the pods' network "
                "through there, or"
                " take that chain away.")
    ports = ", ".join(blocked.ports)
    if blocked.by == "ufw":
        commands = ", ".join("'ufw allow {}'".format(port.replace("-", ":")) for port in blocked.ports)
        return (f"Wanted {ports} open for other machines, found that ufw lets nobody in there. Open them with "
                f"{commands}, or"
                " switch it off with 'ufw disable'.")
    return (f"Wanted {ports} open for other machines, found that {blocked.by} drops what comes there. Add rules that "
            "accept it, "
            "or leave filtering to firewalld.")


def _check_node(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if spec.role == "control_plane" and machine.port_owner not in (None, "kube-apiserver"):
        found.append(
            f"Wanted port {spec.api_port} for the API server, found '{machine.port_owner}' listening on it. Stop that "
            "program, or choose another "
            "port for the API.")
    if machine.cgroup_version == 0 or machine.cgroup_missing:
        found.append(
            "Wanted the cgroup controllers {} below /sys/fs/cgroup, found {}. Mount the hierarchy and enable them "
            "on the kernel's command line.".format(
                ", ".join(CGROUP_CONTROLLERS), "no cgroup hierarchy" if machine.cgroup_version == 0
                else "version {} without {}".format(machine.cgroup_version, ", ".join(machine.cgroup_missing))))
    missing = [name for name, state in machine.kernel_features.items() if state == kernel.MISSING]
    if missing:
        found.append(
            "Wanted the kernel features {}, found {} neither built in nor as a module of the running kernel. Install "
            "the kernel's modules, or boot a kernel that has them.".format(
                ", ".join(machine.kernel_features), " and ".join(missing)))
    if spec.cri_socket is not None and spec.cri_socket not in machine.sockets:
        found.append(
            "Wanted a container runtime at {}, found {}. Start that runtime, or name the "
            "socket of the other one.".format(spec.cri_socket, ", ".join(machine.sockets) or "no runtime's socket"))
    if spec.runtime is not None:
        found += runtimes.problems(spec.runtime, machine.kubelet_socket)
    return found
