# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limit the size of files that a transfer writes on the controller."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Limit the files that this process and its child processes write to `size` bytes each.

    sftp has no limit of its own, and the size that a host announces is not trusted. Ansible runs each task on each
    host in a separate process, so no other host is affected. A write beyond the limit fails with EFBIG here; a program
    that does not ignore SIGXFSZ is ended by that signal, without a core file.
    """
    files, cores = resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_CORE)
    handler = None
    # Only the main thread may set a handler. Python ignores the signal from its start on in any case.
    with contextlib.suppress(ValueError):
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_lower(size, files[0]), files[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, cores[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, files)
        resource.setrlimit(resource.RLIMIT_CORE, cores)
        if handler is not None:
            signal.signal(signal.SIGXFSZ, handler)


def _lower(size: int, limit: int) -> int:
    return size if limit == resource.RLIM_INFINITY else min(size, limit)
