# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Detect whether this host is a container, that is, shares its kernel with other hosts."""

from __future__ import annotations

import os

from .._core.files import Root

_SIGNS = ("/run/systemd/container", "/run/.containerenv", "/.dockerenv")


def in_container(root: Root) -> bool:
    """Return whether a mark file of an engine exists, or PID 1 has the variable `container`, which all engines set."""
    if any(os.path.exists(root(sign)) for sign in _SIGNS):
        return True
    try:
        with open(root("/proc/1/environ"), "rb") as stream:
            return any(word.startswith(b"container=") for word in stream.read().split(b"\0"))
    except OSError:
        return False
