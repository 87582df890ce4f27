# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Act with the rights of a user of the host, for everything that happens in a home directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A user of the host."""

    name: str
    uid: int
    gid: int
    home: str


@contextmanager
def acting_as(account: Account) -> Iterator[None]:
    """Run a block with the file permissions of `account`: its user, its group and its supplementary groups.

    Only the effective ids change, so that the user can neither send signals to this process nor attach to it, and root
    is restored afterwards. Nothing changes if the process does not run as root, or if the account is root. The ids are
    those of the whole process: do not use this with other threads. `/proc/self/fdinfo` may be unreadable within the
    block, because a process that changed its user is not dumpable. Raises OSError if the kernel does not know such an
    id, for example in a user namespace.
    """
    if os.geteuid() != 0 or account.uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups(os.getgrouplist(account.name, account.gid))
        os.setegid(account.gid)
        os.seteuid(account.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
