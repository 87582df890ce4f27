# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the requirements of this machine before anything is created."""

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
# Measured: systemds, runtimes, kubelets and pods of a cluster of four hosts use 50 to 60; with a reserve
# (a control plane that also runs pods uses 23; the eight hosts of the scenario class 131 of their 144)
INOTIFY = 72
# The number of hosts for these figures
MACHINES = 4
# Program -> its Debian package
PROGRAMS = {
    "podman": "podman", "runc": "runc", "conmon": "conmon", "iptables": "iptables", "nft": "nftables", "ip": "iproute2",
    "ssh": "openssh-client", "ssh-keygen": "openssh-client", "mmdebstrap": "mmdebstrap", "zstd": "zstd",
}
# Features of the kernel, which is shared; hosts in containers have no modules to load.
MODULES = ("overlay", "br_netfilter", "vxlan", "nf_conntrack")


@dataclass(frozen=True)
class Host:
    """The facts about this machine that decide whether hosts can run on it."""

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
    """Return the free inotify instances of root, which containers use, too; systemd without one is unreliable."""
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    held = 0
    for directory in Path("/proc").glob("[0-9]*/fd"):
        try:
            held += sum(os.readlink(entry) == "anon_inode:inotify" for entry in directory.iterdir())
        except OSError:
            # The process, or only its descriptor, has ended meanwhile
            continue
    return limit - held


def load_modules(run: Runner) -> None:
    """Load kernel features that are modules; whether they are available is checked later."""
    if Path("/proc/modules").exists():
        run(["modprobe", "--all", "--quiet", *MODULES], check=False)


def read_host(run: Runner, storage: Path) -> Host:
    """Read the facts about this machine; `storage` is the directory for images and hosts."""
    return Host(
        overlay="\toverlay\n" in Path("/proc/filesystems").read_text(),
        bridge_netfilter=Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists(),
        firewall=run(["iptables", "--wait", "5", "--table", "nat", "--list-rules"], check=False).rc == 0,
        memory=_memory_available(),
        disk=shutil.disk_usage(storage).free,
        inotify=_inotify_free(),
    )


def basic_complaints(root: bool, missing: Iterable[str]) -> list[str]:
    """Return what is required for reading the facts: root, and the packages of the `missing` programs."""
    found = []
    if not root:
        found.append("The hosts need root, for systemd and networks in them. Run this as root.")
    if missing:
        found.append(f"Programs are missing. Install them: apt-get install {' '.join(sorted(set(missing)))}")
    return found


def complaints(host: Host, machines: int = MACHINES) -> list[str]:
    """Return everything about `host` that prevents so many further hosts, each with a fix."""
    memory, disk, inotify = (whole * machines // MACHINES for whole in (MEMORY, DISK, INOTIFY))
    wanted = f"{machines} hosts of a cluster need" if machines > 1 else "A host of a cluster needs"
    kernel = "the hosts share this machine's kernel, which must have it built in or as a module that can be loaded"
    checks = [
        (host.overlay, f"The kernel has no overlay file system; {kernel}."),
        (host.bridge_netfilter, f"The kernel has no br_netfilter (/proc/sys/net/bridge is missing); {kernel}."),
        (host.firewall, f"iptables cannot list the nat table of this machine; {kernel}: nf_tables, nf_nat."),
        (host.memory >= memory,
         f"{wanted} {memory / _GIB:.1f} GiB of memory, {host.memory / _GIB:.1f} GiB are free. "
         "End other programs, or add memory."),
        (host.disk >= disk,
         f"{wanted}, with their images, {disk / _GIB:.1f} GiB of disk, {host.disk / _GIB:.1f} GiB are free in the "
         "file system of the checkout. Free some, or move the checkout to a larger disk."),
        (host.inotify >= inotify,
         f"{wanted} {inotify} inotify instances, {host.inotify} are free. Remove other labs, "
         "or allow more: sysctl fs.inotify.max_user_instances=512"),
    ]
    return [sentence for fine, sentence in checks if not fine]


def room(host: Host) -> int:
    """Return the number of clusters that fit on `host`, as far as it can be calculated."""
    return min(host.memory // MEMORY, host.disk // DISK, host.inotify // INOTIFY)


def _raise(found: list[str]) -> None:
    """Raise all errors at once."""
    if found:
        lines = "".join(f"\n- {sentence}" for sentence in found)
        raise MachineError(f"This machine cannot run the hosts yet, and nothing was created:{lines}")


def require_basics() -> None:
    """Raise an error if this machine and its hosts cannot even be read."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    _raise(basic_complaints(
        os.geteuid() == 0, [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)],
    ))


def require(run: Runner, storage: Path, machines: int) -> None:
    """Raise an error if so many further hosts cannot run on this machine."""
    load_modules(run)
    _raise(complaints(read_host(run, storage), machines))
