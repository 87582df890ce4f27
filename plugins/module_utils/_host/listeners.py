# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the program that listens on a TCP port, from /proc alone."""

from __future__ import annotations

import os
from glob import iglob

from .._core.files import Root, read_text

_LISTENING = "0A"


def listener(root: Root, port: int) -> str | None:
    """Return the program that listens on the port, `unknown` when its process is not visible, None for a free port."""
    found = _process(root, port)
    return None if found is None else _name(found)


def foreign_listener(root: Root, port: int, unit: str) -> str | None:
    """Return the same, but None for a program of a systemd unit, which its control group identifies."""
    found = _process(root, port)
    if found is None or f"/{unit}\n" in (read_text(os.path.join(found, "cgroup")) or ""):
        return None
    return _name(found)


def _name(process: str) -> str:
    return (read_text(os.path.join(process, "comm")) or "unknown").strip()


def _process(root: Root, port: int) -> str | None:
    """Return the /proc directory of the process that listens on the port; one that does not exist if it is hidden."""
    inodes = _listening_inodes(root, port)
    if not inodes:
        return None
    # Last, because reading the open files of every process takes longer than the rest of a preflight.
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for link in iglob(root("/proc/[0-9]*/fd/*")):
        try:
            if os.readlink(link) in wanted:
                return os.path.dirname(os.path.dirname(link))
        except OSError:
            continue  # the process ended, or closed the file, meanwhile
    return root("/proc/unknown")


def _listening_inodes(root: Root, port: int) -> set[str]:
    suffix = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in (read_text(root(table)) or "").splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(suffix) and fields[3] == _LISTENING:
                inodes.add(fields[9])
    return inodes
