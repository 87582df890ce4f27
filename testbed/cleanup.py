# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and remove what podman leaves on this machine after its last container, or when it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Runner

from .config import MachineSet

# The name of a network's own chain has a hash, that of a published port too; the others exist once for all networks.
_OF_A_NETWORK = re.compile(r"^:NETAVARK-(?:DN-)?[0-9A-F]{8,} ", re.MULTILINE)
_FORWARDED = re.compile(r"^-A NETAVARK_FORWARD ", re.MULTILINE)


_TABLE = re.compile(r"^\*\w+\n.*?^COMMIT$", re.MULTILINE | re.DOTALL)


def _restore_script(table: str, rules: list[str], chains: list[str]) -> list[str]:
    """Return lines for iptables-restore that delete `rules`, as iptables-save prints them, then the `chains`."""
    if not rules and not chains:
        return []
    deleted = [f"-D {rule.removeprefix('-A ')}" for rule in rules]
    emptied = [f"{step} {chain}" for step in ("-F", "-X") for chain in chains]
    return [table.splitlines()[0], *deleted, *emptied, "COMMIT"]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def network_removal(saved: str, subnet: str) -> str:
    """Return the input for iptables-restore to remove netavark's rules for `subnet`; `saved` is from iptables-save."""
    script: list[str] = []
    for table in _TABLE.findall(saved):
        rules = re.findall(rf"^-A (?:POSTROUTING|NETAVARK_\w+) .*(?<= ){re.escape(subnet)} .*$", table, re.MULTILINE)
        ours = [rule for rule in rules if "NETAVARK" in rule]
        jumps = (re.search(r" -j (NETAVARK-[0-9A-F]{8,})$", rule) for rule in ours)
        script += _restore_script(table, ours, sorted({jump[1] for jump in jumps if jump}))
    return _text(script)


def scaffold_removal(saved: str) -> str:
    """Return the input for iptables-restore that removes netavark's common chains; `saved` is from iptables-save.

    Empty if any network still uses them, and if there are none. Rules of others are not changed; netavark creates the
    chains again when it needs them.
    """
    if _OF_A_NETWORK.search(saved) or _FORWARDED.search(saved):
        return ""
    script: list[str] = []
    for table in _TABLE.findall(saved):
        chains = re.findall(r"^:(NETAVARK\S*) ", table, re.MULTILINE)
        jumps = re.findall(r"^-A (?!NETAVARK).* -j NETAVARK\S*$", table, re.MULTILINE)
        script += _restore_script(table, jumps, chains)
    return _text(script)


def remove_scaffold(run: Runner) -> None:
    """Remove netavark's common chains if no network uses them."""
    _restore(run, scaffold_removal(_saved(run)))


def _saved(run: Runner) -> str:
    return run(["iptables-save"], check=False).out


def _restore(run: Runner, script: str) -> None:
    if script:
        run(["iptables-restore", "--noflush", "--wait", "5"], stdin=script)


def bridge_exists(run: Runner, machines: MachineSet) -> bool:
    """Return whether the interface of the set's network exists; podman removes it when the last host stops."""
    return run(["ip", "link", "show", "dev", machines.bridge], check=False).rc == 0


def remove_network(run: Runner, machines: MachineSet) -> None:
    """Remove what a podman that was killed while it connected or disconnected a host left of the set's network.

    No host of the set may be running. A veth interface without an address cannot be distinguished from those of other
    containers and stays; it is harmless.
    """
    for name in _namespaces_in(run, IPv4Network(machines.subnet)):
        run(["ip", "netns", "delete", name], check=False)
    if bridge_exists(run, machines):
        for port in json.loads(run(["ip", "-json", "link", "show", "master", machines.bridge]).out or "[]"):
            run(["ip", "link", "delete", "dev", port["ifname"]], check=False)
        run(["ip", "link", "delete", "dev", machines.bridge], check=False)
    _restore(run, network_removal(_saved(run), machines.subnet))


def _namespaces_in(run: Runner, subnet: IPv4Network) -> list[str]:
    """Return podman's network namespaces that have an address in `subnet`."""
    found = []
    for path in Path("/run/netns").glob("netns-*"):
        links = run(["ip", "-netns", path.name, "-json", "-4", "address"], check=False).out
        addresses = [info["local"] for link in json.loads(links or "[]") for info in link.get("addr_info", [])]
        if any(IPv4Address(address) in subnet for address in addresses):
            found.append(path.name)
    return found


def monitors(processes: Mapping[int, Sequence[str]], storage: Path) -> dict[str, int]:
    """Return the containers in `storage` with a conmon in `processes` (id -> arguments): container id -> process id."""
    found = {}
    for process, argv in processes.items():
        # Other programs use conmon, too: only one that is called with a container and its directory counts
        options = dict(pairwise(argv))
        container, bundle = options.get("-c"), options.get("-b", "")
        if argv and Path(argv[0]).name == "conmon" and container and f"{storage}/" in bundle:
            found[container] = process
    return found


def read_processes(proc: Path = Path("/proc")) -> dict[int, list[str]]:
    """Return all processes of this machine with their arguments."""
    found = {}
    for file in proc.glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found[int(file.parent.name)] = file.read_text(errors="replace").split("\0")
    return found


def remove_orphans(run: Runner, storage: Path, running: Container[str]) -> None:
    """End containers in `storage` that podman does not list among the `running` ones.

    They exist if podman was killed before it could record them; they would wait forever to be started.
    """
    for container, process in monitors(read_processes(), storage).items():
        if container not in running:
            run(["runc", "delete", "--force", container], check=False)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def remove_empty_cgroups(mount: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the cgroups that podman's cgroupfs manager creates and keeps, except those in use."""
    for parent in [mount / "libpod_parent", *mount.glob("*/libpod_parent")]:
        for group in (parent / "conmon", parent):
            with suppress(OSError):
                group.rmdir()
