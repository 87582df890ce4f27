# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said to a person, and how it is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class MachineError(Exception):
    """Something stands in the way; the message says what was wanted, what was found and what to do."""


class NetworkTaken(MachineError):
    """Somebody else has the network that the machines are to have; the one failure that is nobody's fault."""


def say(text: str) -> None:
    """Tell the person at once, also through a pipe."""
    print(text, flush=True)


@contextmanager
def waiting(what: str, *, every: float = 10) -> Iterator[None]:
    """Say every `every` seconds that `what` still goes on, so that nobody wonders whether it hangs."""
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
