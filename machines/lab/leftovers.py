# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What podman leaves on the host when the last container is gone, and how to remove only that."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils.command import Runner

# A network's own chain has a hash in its name, a published port's too; the others are there once for all networks.
_OF_A_NETWORK = re.compile(r"^:NETAVARK-(?:DN-)?[0-9A-F]{8,} ", re.MULTILINE)
_FORWARDED = re.compile(r"^-A NETAVARK_FORWARD ", re.MULTILINE)


def scaffold_removal(saved: str) -> str:
    """The input for iptables-restore that removes netavark's common chains, where iptables-save says `saved`.

    Empty when a network still uses them, whoever's it is, and when there are none. Nobody else's rules are touched;
    netavark makes the chains again when it needs them.
    """
    if _OF_A_NETWORK.search(saved) or _FORWARDED.search(saved):
        return ""
    script: list[str] = []
    for table in re.findall(r"^\*\w+\n.*?^COMMIT$", saved, re.MULTILINE | re.DOTALL):
        chains = re.findall(r"^:(NETAVARK\S*) ", table, re.MULTILINE)
        if chains:
            jumps = re.findall(r"^-A (?!NETAVARK)(.* -j NETAVARK\S*)$", table, re.MULTILINE)
            script += [table.splitlines()[0], *(f"-D {jump}" for jump in jumps)]
            script += [*(f"-F {chain}" for chain in chains), *(f"-X {chain}" for chain in chains), "COMMIT"]
    return "".join(f"{line}\n" for line in script)


def remove_scaffold(run: Runner) -> None:
    """Remove netavark's common chains once no network uses them."""
    script = scaffold_removal(run(["iptables-save"], check=False).out)
    if script:
        run(["iptables-restore", "--noflush", "--wait", "5"], stdin=script)


def remove_empty_cgroups(mount: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the groups that podman's cgroupfs manager makes and keeps; one that is in use refuses."""
    for parent in [mount / "libpod_parent", *mount.glob("*/libpod_parent")]:
        for group in (parent / "conmon", parent):
            with suppress(OSError):
                group.rmdir()
