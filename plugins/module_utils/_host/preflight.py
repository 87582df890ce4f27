# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine is, read once, and whether it can become what it is wanted to be."""

from __future__ import annotations

from .._runtime import runtimes
from . import kernel
from .facts import CGROUP_CONTROLLERS as _CONTROLLERS
from .facts import HostFacts as Machine
from .packet_filter import Blocked
from .requirements import HostRequirements as Wish

NODE_ROLES = ("control_plane", "worker")


def minimum_size(role: str) -> tuple[int, int]:
    """Memory in MiB and CPUs that a role cannot do without."""
    # For a control plane these are kubeadm's own limits; a worker of 1 GiB shows some 60 MiB less than that.
    return {"control_plane": (1700, 2), "worker": (900, 1)}.get(role, (200, 1))


def report(wish: Wish, machine: Machine, failures: list[str]) -> str:
    """All failures as one message."""
    return "{0} cannot become a {1}: {2}".format(
        machine.hostname, wish.role.replace("_", " "), failures[0] if len(failures) == 1
        else " ".join("({0}) {1}".format(number, failure) for number, failure in enumerate(failures, 1)))


def check(wish: Wish, machine: Machine) -> list[str]:
    """A sentence for everything in the way: what was wanted, what was found, what to do."""
    found = [*_check_system(wish, machine), *_check_size(wish, machine), *_check_network(wish, machine),
             *(_blocked_message(blocked) for blocked in machine.blocked)]
    if wish.role in NODE_ROLES:
        found += _check_node(wish, machine)
    return found


def _check_system(wish: Wish, machine: Machine) -> list[str]:
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


def _check_size(wish: Wish, machine: Machine) -> list[str]:
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


def _check_network(wish: Wish, machine: Machine) -> list[str]:
    if wish.address is None or any(wish.address == mine.address for mine in machine.addresses):
        return []
    mine = ", ".join("{0} on {1}".format(one.address, one.interface) for one in machine.addresses) or "none"
    return ["Wanted the node's address {0} on an interface of this machine, found {1}. "
            "Correct the address in the inventory or on the machine.".format(wish.address, mine)]


def _blocked_message(blocked: Blocked) -> str:
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


def _check_node(wish: Wish, machine: Machine) -> list[str]:
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
