# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors and messages for the user."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class MachineError(Exception):
    """An error with what was expected, what was found and how to fix it."""


class NetworkTaken(MachineError):
    """Another checkout uses the network of the hosts, which is not a failure of this one."""


def say(text: str) -> None:
    """Print at once, also to a pipe."""
    print(text, flush=True)


@contextmanager
def waiting(what: str, *, every: float = 10) -> Iterator[None]:
    """Print every `every` seconds that `what` is still running."""
    done = threading.Event()
    begin = time.monotonic()

    def remind() -> None:
        while not done.wait(every):
            say(f"  {what}: {time.monotonic() - begin:.0f} s")

    thread = threading.Thread(target=remind, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
