# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which package manager a machine has: the only place that decides it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import Root
from .apt import STATUS, Apt
from .plan import Backend, Repository

if TYPE_CHECKING:
    from .dnf import Dnf

# Of RHEL and its rebuilds; preflight and Ansible believe it as well. dpkg may be there, too, and rpm elsewhere
REDHAT = "/etc/redhat-release"


def backend_of(
    root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep, repository: Repository | None = None,
) -> Backend:
    """The machine's package manager; `repository` is the one in which packages are to be held."""
    if os.path.exists(root(REDHAT)):
        return _dnf()(root, run, sleep, repository)
    if os.path.exists(root(STATUS)):
        return Apt(root, run, sleep, repository)
    raise ClassroomError(
        f"Wanted a machine of the Debian or Red Hat family, with apt or dnf, found neither {STATUS} nor {REDHAT}. This "
        "collection "
        "does not know other package managers.")


def forget(root: Root, run: Runner, files: Mapping[str, str]) -> None:
    """Remove what was stored of repositories whose files, path -> former text, are gone; the paths tell whose."""
    backends: tuple[Backend, ...] = (Apt(root, run), _dnf()(root, run))
    for backend in backends:
        backend.forget(files)


def _dnf() -> type[Dnf]:
    """Loaded where it is needed: SQLite and the rest of it take some 20 ms, also of a machine that has apt."""
    from .dnf import Dnf

    return Dnf
