# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the package manager of a host: the only place that decides it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from .._core.command import Runner
from .._core.distribution import REDHAT
from .._core.errors import ClassroomError
from .._core.files import Root
from .apt import STATUS, Apt
from .plan import Backend, Repository

if TYPE_CHECKING:
    from .dnf import Dnf


def backend_of(
    root: Root, run: Runner, sleep: Callable[[float], None] = time.sleep, repository: Repository | None = None,
) -> Backend:
    """Return the package manager of the host; `repository` is the one in which packages are held.

    Raises ClassroomError for a host of neither family.
    """
    if os.path.exists(root(REDHAT)):
        return _dnf()(root, run, sleep, repository)
    if os.path.exists(root(STATUS)):
        return Apt(root, run, sleep, repository)
    raise ClassroomError(
        "The package manager of this host is not supported: expected a host of the Debian or Red Hat family, with apt "
        f"or dnf, found neither {STATUS} nor {REDHAT}. Use a host of one of these families.")


def forget(root: Root, run: Runner, files: Mapping[str, str]) -> None:
    """Remove cached data of removed repositories; `files` has the former text of their files by path."""
    backends: tuple[Backend, ...] = (Apt(root, run), _dnf()(root, run))
    for backend in backends:
        backend.forget(files)


def _dnf() -> type[Dnf]:
    """Import dnf only when it is needed: SQLite and its other imports take some 20 ms, which hosts with apt save."""
    from .dnf import Dnf

    return Dnf
