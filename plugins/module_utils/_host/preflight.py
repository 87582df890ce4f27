# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the facts of a host against the requirements of its role."""

from __future__ import annotations

from .._core import distribution
from .._runtime import runtimes
from . import kernel
from .facts import CGROUP_CONTROLLERS, HostFacts
from .packet_filter import Blocked
from .requirements import HostRequirements

NODE_ROLES = ("control_plane", "worker")


def minimum_size(role: str) -> tuple[int, int]:
    """Return the minimum memory in MiB and the minimum number of CPUs of a role."""
    # Those of a control plane are kubeadm's own limits; a host with 1 GiB reports some 60 MiB less than that.
    return {"control_plane": (1700, 2), "worker": (900, 1)}.get(role, (200, 1))


def report(spec: HostRequirements, machine: HostFacts, failures: list[str]) -> str:
    """Return all failures as one message."""
    return "{} cannot become a {}: {}".format(
        machine.hostname, spec.role.replace("_", " "), failures[0] if len(failures) == 1
        else " ".join(f"({number}) {failure}" for number, failure in enumerate(failures, 1)))


def check(spec: HostRequirements, machine: HostFacts) -> list[str]:
    """Return a message for each unmet requirement: expected state, current state and fix."""
    found = [*_check_system(spec, machine), *_check_size(spec, machine), *_check_network(spec, machine),
             *(_blocked_message(blocked) for blocked in machine.blocked)]
    if spec.role in NODE_ROLES:
        found += _check_node(spec, machine)
    return found


def warnings(machine: HostFacts) -> tuple[str, ...]:
    """Return a warning for a distribution that was not tested.

    It has no name of a host, so that Ansible shows it once for all hosts with this distribution.
    """
    name = f"{machine.distribution} {machine.version}".strip()
    level = distribution.support_of(machine.distribution, machine.version)
    if level == distribution.TESTED or machine.os_family == "other":
        return ()
    tested = distribution.titles(distribution.TESTED)
    if level == distribution.RENDERED:
        return (f"The distribution {name} is rendered and compared, but not tested: its repository files, package "
                f"names and commands were compared with the documentation of the projects; tested is {tested}. Install "
                "one host of it before all others.",)
    return (f"The distribution {name} is neither tested nor compared: it is expected to work because it is of the "
            f"{'Red Hat' if machine.os_family == 'redhat' else 'Debian'} family; tested is {tested}. Install one host "
            "of it, and run 'verify.yml', before all others.",)


def _check_system(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if machine.os_family == "other":
        found.append(
            "The operating system is not supported: expected the Debian or Red Hat family, found "
            f"{machine.distribution} {machine.version}. Install one of those.")
    if abs(machine.clock_offset) > spec.max_clock_offset:
        found.append(
            "The clock is wrong: expected at most {:g} s difference to the controller's, found it {:.0f} s {}. "
            "Certificates and tokens would not be valid. Set the clock and keep it with chrony or "
            "systemd-timesyncd.".format(
                spec.max_clock_offset, abs(machine.clock_offset), "ahead" if machine.clock_offset > 0 else "behind"))
    if machine.machine_id in ("", "uninitialized"):
        found.append(
            "The machine ID is missing: expected one in /etc/machine-id, found none. Run 'systemd-machine-id-setup'.")
    return found


def _check_size(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if machine.memory_mib < spec.min_memory_mib:
        found.append(f"Not enough memory: expected at least {spec.min_memory_mib} MiB of memory for this role, found "
                     f"{machine.memory_mib} MiB. Give the host more.")
    if machine.cpus < spec.min_cpus:
        found.append(f"Not enough CPUs: expected at least {spec.min_cpus} CPUs for this role, found {machine.cpus}. "
                     "Give the host more.")
    if machine.free_mib < spec.required_free_mib:
        found.append(f"Not enough disk space: expected at least {spec.required_free_mib} MiB free in /var, found "
                     f"{machine.free_mib} MiB. Free disk space there.")
    return found


def _check_network(spec: HostRequirements, machine: HostFacts) -> list[str]:
    if spec.address is None or any(spec.address == mine.address for mine in machine.addresses):
        return []
    mine = ", ".join(f"{one.address} on {one.interface}" for one in machine.addresses) or "none"
    return [f"The node's address is missing: expected {spec.address} on an interface of this host, found {mine}. "
            "Correct the address in the inventory or on the host."]


def _blocked_message(blocked: Blocked) -> str:
    if not blocked.ports:
        return (f"The traffic of pods is blocked: expected it to be forwarded, found that {blocked.by} drops it. Allow "
                "the network of pods there, or remove that chain.")
    ports = ", ".join(blocked.ports)
    if blocked.by == "ufw":
        commands = ", ".join("'ufw allow {}'".format(port.replace("-", ":")) for port in blocked.ports)
        return (f"Ports are blocked: expected {ports} open for other hosts, found them closed by ufw. Open them with "
                f"{commands}, or disable it with 'ufw disable'.")
    return (f"Ports are blocked: expected {ports} open for other hosts, found that {blocked.by} drops their traffic. "
            "Add rules that accept it, or leave filtering to firewalld.")


def _check_node(spec: HostRequirements, machine: HostFacts) -> list[str]:
    found = []
    if spec.role == "control_plane" and machine.port_owner not in (None, "kube-apiserver"):
        found.append(
            f"Port {spec.api_port} is in use: expected it free for the API server, found '{machine.port_owner}' "
            "listening on it. Stop that program, or choose another port for the API.")
    if machine.cgroup_version == 0 or machine.cgroup_missing:
        found.append(
            "Cgroup controllers are missing: expected {} below /sys/fs/cgroup, found {}. Mount the hierarchy and "
            "enable them on the kernel's command line.".format(
                ", ".join(CGROUP_CONTROLLERS), "no cgroup hierarchy" if machine.cgroup_version == 0
                else "version {} without {}".format(machine.cgroup_version, ", ".join(machine.cgroup_missing))))
    missing = [name for name, state in machine.kernel_features.items() if state == kernel.MISSING]
    if missing:
        found.append(
            "Kernel features are missing: expected {}, found {} neither built in nor as a module of the running "
            "kernel. Install the kernel's modules, or boot a kernel that has them.".format(
                ", ".join(machine.kernel_features), " and ".join(missing)))
    if spec.cri_socket is not None and spec.cri_socket not in machine.sockets:
        found.append(
            "The container runtime does not run: expected its socket {}, found {}. Start that runtime, or set the "
            "socket of the other one.".format(spec.cri_socket, ", ".join(machine.sockets) or "no runtime's socket"))
    if spec.runtime is not None:
        found += runtimes.problems(spec.runtime, machine.kubelet_socket)
    return found
