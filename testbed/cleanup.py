# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What podman leaves on the host: without its last container, or killed halfway. How to see it and remove only that."""

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

# A network's own chain has a hash in its name, a published port's too; the others are there once for all networks.
_OF_A_NETWORK = re.compile(r"^:NETAVARK-(?:DN-)?[0-9A-F]{8,} ", re.MULTILINE)
_FORWARDED = re.compile(r"^-A NETAVARK_FORWARD ", re.MULTILINE)


_TABLE = re.compile(r"^\*\w+\n.*?^COMMIT$", re.MULTILINE | re.DOTALL)


def _restore_script(table: str, rules: list[str], chains: list[str]) -> list[str]:
    """Lines for iptables-restore: `rules` as iptables-save shows them are deleted, then the `chains`."""
    if not rules and not chains:
        return []
    deleted = [f"-D {rule.removeprefix('-A ')}" for rule in rules]
    emptied = [f"{step} {chain}" for step in ("-F", "-X") for chain in chains]
    return [table.splitlines()[0], *deleted, *emptied, "COMMIT"]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def network_removal(saved: str, subnet: str) -> str:
    """The input for iptables-restore that removes netavark's rules for `subnet`, where iptables-save says `saved`."""
    script: list[str] = []
    for table in _TABLE.findall(saved):
        rules = re.findall(rf"^-A (?:POSTROUTING|NETAVARK_\w+) .*(?<= ){re.escape(subnet)} .*$", table, re.MULTILINE)
        ours = [rule for rule in rules if "NETAVARK" in rule]
        jumps = (re.search(r" -j (NETAVARK-[0-9A-F]{8,})$", rule) for rule in ours)
        script += _restore_script(table, ours, sorted({jump[1] for jump in jumps if jump}))
    return _text(script)


def scaffold_removal(saved: str) -> str:
    """The input for iptables-restore that removes netavark's common chains, where iptables-save says `saved`.

    Empty when a network still uses them, whoever's it is, and when there are none. Nobody else's rules are touched;
    netavark makes the chains again when it needs them.
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
    """Remove netavark's common chains once no network uses them."""
    _restore(run, scaffold_removal(_saved(run)))


def _saved(run: Runner) -> str:
    return run(["iptables-save"], check=False).out


def _restore(run: Runner, script: str) -> None:
    if script:
        run(["iptables-restore", "--noflush", "--wait", "5"], stdin=script)


def bridge_exists(run: Runner, machines: MachineSet) -> bool:
    """Whether the interface of the set's network is there; podman removes it with the last machine that stops."""
    return run(["ip", "link", "show", "dev", machines.bridge], check=False).rc == 0


def remove_network(run: Runner, machines: MachineSet) -> None:
    """Remove what a podman that was killed while it plugged a machine in, or out, left of the set's network.

    No machine of the set may be running. An end of a cable without an address cannot be told from other containers' and
    stays; it does no harm.
    """
    for name in _namespaces_in(run, IPv4Network(machines.subnet)):
        run(["ip", "netns", "delete", name], check=False)
    if bridge_exists(run, machines):
        for port in json.loads(run(["ip", "-json", "link", "show", "master", machines.bridge]).out or "[]"):
            run(["ip", "link", "delete", "dev", port["ifname"]], check=False)
        run(["ip", "link", "delete", "dev", machines.bridge], check=False)
    _restore(run, network_removal(_saved(run), machines.subnet))


def _namespaces_in(run: Runner, subnet: IPv4Network) -> list[str]:
    """podman's network namespaces that have an address in `subnet`."""
    found = []
    for path in Path("/run/netns").glob("netns-*"):
        links = run(["ip", "-netns", path.name, "-json", "-4", "address"], check=False).out
        addresses = [info["local"] for link in json.loads(links or "[]") for info in link.get("addr_info", [])]
        if any(IPv4Address(address) in subnet for address in addresses):
            found.append(path.name)
    return found


def monitors(processes: Mapping[int, Sequence[str]], storage: Path) -> dict[str, int]:
    """The containers in `storage` that a conmon of `processes` (id -> arguments) looks after: id -> that process."""
    found = {}
    for process, argv in processes.items():
        # Whoever is not called with a container and its directory looks after none: others use conmon, too
        options = dict(pairwise(argv))
        container, bundle = options.get("-c"), options.get("-b", "")
        if argv and Path(argv[0]).name == "conmon" and container and f"{storage}/" in bundle:
            found[container] = process
    return found


def read_processes(proc: Path = Path("/proc")) -> dict[int, list[str]]:
    """All processes of the host with their arguments."""
    found = {}
    for file in proc.glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found[int(file.parent.name)] = file.read_text(errors="replace").split("\0")
    return found


def remove_orphans(run: Runner, storage: Path, running: Container[str]) -> None:
    """End containers in `storage` that podman does not count among the `running` ones.

    They were born when podman was killed before it could write that down; they wait for ever to be told to go on.
    """
    for container, process in monitors(read_processes(), storage).items():
        if container not in running:
            run(["runc", "delete", "--force", container], check=False)
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def remove_empty_cgroups(mount: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the groups that podman's cgroupfs manager makes and keeps; one that is in use refuses."""
    for parent in [mount / "libpod_parent", *mount.glob("*/libpod_parent")]:
        for group in (parent / "conmon", parent):
            with suppress(OSError):
                group.rmdir()
