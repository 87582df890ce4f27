# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets in files, for as long as kubeadm needs them, and the lock that protects them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping

from .._core import host_lock
from .._core.files import write_text
from .._core.paths import PRIVATE
from .._kube.context import NodeContext


@contextlib.contextmanager
def exclusive(machine: NodeContext, seconds: float) -> Iterator[None]:
    """Hold the host-wide lock; wait up to `seconds` for the module of another run."""
    with host_lock.held(machine.root.path, seconds, machine.deadline) as taken:
        if taken:
            # The lock is held, so these files were left by a killed run.
            shutil.rmtree(machine.root(PRIVATE), ignore_errors=True)
        yield


def remove_private_files(machine: NodeContext, seconds: float) -> None:
    """Remove the secrets that a killed run left, on a host where nothing else is to be done."""
    if os.path.exists(machine.root(PRIVATE)):
        with exclusive(machine, seconds):
            pass


@contextlib.contextmanager
def private_files(machine: NodeContext, contents: Mapping[str, str]) -> Iterator[str]:
    """Write the files into a directory that only root can read, and remove it at the end; the value is its path.

    The caller holds the host-wide lock, so what is there already was left by a run that was killed.
    """
    directory = machine.root(PRIVATE)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    try:
        for name, text in contents.items():
            write_text(os.path.join(directory, name), text, mode=0o600)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
