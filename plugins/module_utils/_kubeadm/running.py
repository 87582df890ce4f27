# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm processes that run on the host right now."""

from __future__ import annotations

import os

from .._core.errors import ClassroomError
from .._core.files import Root
from .._kube.context import NodeContext


def running_kubeadm(root: Root) -> list[tuple[int, str]]:
    """Return process ID and verb of every kubeadm that is changing this host.

    A playbook that was killed leaves its kubeadm running. Processes in other containers do not count.
    """
    own = _namespace(root, "self")
    found = []
    for name in _numbers(root("/proc")):
        words = _command_line(root, name)
        changes = len(words) > 1 and os.path.basename(words[0]) == "kubeadm" and words[1] in ("init", "join", "reset")
        if changes and _namespace(root, name) == own:
            found.append((int(name), words[1]))
    return found


def _numbers(path: str) -> list[str]:
    try:
        return [name for name in os.listdir(path) if name.isdigit()]
    except OSError:
        return []


def _namespace(root: Root, process: str) -> str:
    try:
        return os.readlink(root(f"/proc/{process}/ns/pid"))
    except OSError:
        return ""


def _command_line(root: Root, process: str) -> list[str]:
    try:
        with open(root(f"/proc/{process}/cmdline"), "rb") as stream:
            return stream.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def wait_for_other_kubeadm(machine: NodeContext, seconds: float) -> None:
    """Wait for a kubeadm of a killed run, because the state of the host is not final while it runs.

    Raise ClassroomError if it still runs after `seconds`.
    """
    if machine.wait(lambda: not running_kubeadm(machine.root), seconds):
        return
    pid, verb = running_kubeadm(machine.root)[0]
    raise ClassroomError(
        f"A 'kubeadm {verb}' of an earlier run (process {pid}) is still running after {seconds:g} s. "
        "Wait for it or end it, then try again."
    )
