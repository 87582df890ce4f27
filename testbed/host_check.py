# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host must have before anything is made on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Runner

from .output import MachineError

_GIB = 2**30
MEMORY = 6 * _GIB
DISK = 10 * _GIB
# Measured: systemds, runtimes, kubelets and pods of a cluster of four machines hold 50 to 60 open; and some to spare
# (a control plane that carries the pods as well holds 23; the eight machines of the scenario class 131 of their 144)
INOTIFY = 72
# Of how many machines these figures are
MACHINES = 4
# Program -> the Debian package that brings it
PROGRAMS = {
    "podman": "podman", "runc": "runc", "conmon": "conmon", "iptables": "iptables", "nft": "nftables", "ip": "iproute2",
    "ssh": "openssh-client", "ssh-keygen": "openssh-client", "mmdebstrap": "mmdebstrap", "zstd": "zstd",
}
# What machines use of the kernel they share; they have no modules of their own to load.
MODULES = ("overlay", "br_netfilter", "vxlan", "nf_conntrack")


@dataclass(frozen=True)
class Host:
    """The facts about this host that decide whether machines can run on it."""

    overlay: bool
    bridge_netfilter: bool
    firewall: bool
    memory: int
    disk: int
    inotify: int


def _memory_available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def _inotify_free() -> int:
    """How many more watchers root may have; containers count as root, and a systemd without one fails in odd places."""
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    held = 0
    for directory in Path("/proc").glob("[0-9]*/fd"):
        try:
            held += sum(os.readlink(entry) == "anon_inode:inotify" for entry in directory.iterdir())
        except OSError:
            # The process, or just its descriptor, has ended meanwhile
            continue
    return limit - held


def load_modules(run: Runner) -> None:
    """Have the kernel's features at hand where they are modules; whether they are there is judged by looking."""
    if Path("/proc/modules").exists():
        run(["modprobe", "--all", "--quiet", *MODULES], check=False)


def read_host(run: Runner, storage: Path) -> Host:
    """Look at the host; `storage` is where images and machines will lie."""
    return Host(
        overlay="\toverlay\n" in Path("/proc/filesystems").read_text(),
        bridge_netfilter=Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists(),
        firewall=run(["iptables", "--wait", "5", "--table", "nat", "--list-rules"], check=False).rc == 0,
        memory=_memory_available(),
        disk=shutil.disk_usage(storage).free,
        inotify=_inotify_free(),
    )


def basic_complaints(root: bool, missing: Iterable[str]) -> list[str]:
    """What must be there before anything can be looked at: root, and the packages whose programs are `missing`."""
    found = []
    if not root:
        found.append("The machines need a real root, for systemd and networks inside of them. Run this as root.")
    if missing:
        found.append(f"Programs are missing. Install them: apt-get install {' '.join(sorted(set(missing)))}")
    return found


def complaints(host: Host, machines: int = MACHINES) -> list[str]:
    """Everything about `host` that keeps so many further machines from running, each with what to do."""
    memory, disk, inotify = (whole * machines // MACHINES for whole in (MEMORY, DISK, INOTIFY))
    wanted = f"{machines} machines of a cluster want" if machines > 1 else "A machine of a cluster wants"
    kernel = "the machines share this host's kernel, so it must have it built in or as a module that can be loaded"
    checks = [
        (host.overlay, f"The kernel has no overlay file system; {kernel}."),
        (host.bridge_netfilter, f"The kernel has no br_netfilter (/proc/sys/net/bridge is missing); {kernel}."),
        (host.firewall, f"iptables cannot list the host's nat table; {kernel}: nf_tables, nf_nat."),
        (host.memory >= memory,
         f"{wanted} {memory / _GIB:.1f} GiB of memory, {host.memory / _GIB:.1f} GiB are free. "
         "End something else, or give the host more."),
        (host.disk >= disk,
         f"{wanted}, with their images, {disk / _GIB:.1f} GiB of disk, {host.disk / _GIB:.1f} GiB are free where the "
         "checkout lies. Free some, or put the checkout on a larger disk."),
        (host.inotify >= inotify,
         f"{wanted} {inotify} inotify instances, {host.inotify} are free. Remove other labs, "
         "or allow more: sysctl fs.inotify.max_user_instances=512"),
    ]
    return [sentence for fine, sentence in checks if not fine]


def room(host: Host) -> int:
    """How many clusters fit on `host`, as far as can be counted."""
    return min(host.memory // MEMORY, host.disk // DISK, host.inotify // INOTIFY)


def _raise(found: list[str]) -> None:
    """All complaints at once: who has to leave the chair should have to do so only once."""
    if found:
        lines = "".join(f"\n- {sentence}" for sentence in found)
        raise MachineError(f"This host cannot run the machines yet, and nothing was made:{lines}")


def require_basics() -> None:
    """Raise what is missing to look at this host and its machines at all."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    _raise(basic_complaints(
        os.geteuid() == 0, [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)],
    ))


def require(run: Runner, storage: Path, machines: int) -> None:
    """Raise what keeps so many further machines from running on this host."""
    load_modules(run)
    _raise(complaints(read_host(run, storage), machines))
