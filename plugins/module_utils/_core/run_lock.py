# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let only one run at a time work on a directory or file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Callable

from .deadline import Deadline
from .errors import ClassroomError
from .file_lock import LockHeld, locked

_POLL_INTERVAL = 0.2


@contextlib.contextmanager
def alone(path: str, what: str, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the file `path`, after waiting up to `wait` seconds for its holder.

    `what` names the protected object in messages; `say` gets one message when the wait starts. The file has the process
    id of the holder and is removed afterwards. Raises ClassroomError when another run keeps the lock for longer.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(
                path, Deadline(wait, _POLL_INTERVAL), str(os.getpid()), remove=True,
                on_wait=lambda holder: say(f"waits for another run on {what} (process {holder or 'unknown'})")))
        except LockHeld as problem:
            raise ClassroomError(
                f"Another run is using {what}: expected the lock to be free within {wait:g} s, found it held by "
                f"process {problem.holder or 'unknown'}. Wait until that run has ended, then run this again."
            ) from problem
        yield
