# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access a cluster with any kubeconfig: the API client reads, kubectl does the rest."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root
from .api import Api, ApiError, Client
from .context import Connect
from .kubeconfig import load
from .kubectl import Kubectl

# Seconds for a connection; kubectl tries again, with a timeout of its own
_TIMEOUT = 3.0


@dataclass(frozen=True)
class Cluster(Kubectl):
    """A `Kubectl` that reads through the API client where it can.

    A loop that polls would otherwise start a process of 50 to 100 ms for each request. kubectl stays for `exec` and
    `logs`, which need a protocol of their own, for objects of any kind, and for kubeconfigs of another form than
    kubeadm's, for example with a token or a program. It also explains failures.
    """

    connect: Connect = Client
    # A client has one connection, so each thread has its own client.
    _local: threading.local = field(default_factory=threading.local, compare=False, repr=False)

    def get(self, path: str, timeout: float = 10) -> Any:
        """Read one path of the API."""
        client = self._client()
        if client is not None:
            try:
                return client.get(path)
            except ApiError:
                # kubectl says why, or knows a way that the client does not.
                pass
        return super().get(path, timeout)

    def _client(self) -> Api | None:
        """Return the client of this thread, None if the kubeconfig has no client certificate."""
        if not hasattr(self._local, "client"):
            self._local.client = self._connected()
        client: Api | None = self._local.client
        return client

    def _connected(self) -> Api | None:
        try:
            admin = load(Root(), self.kubeconfig)
        except (ClassroomError, OSError):
            return None
        if admin is None or not (admin.certificate or admin.certificate_file):
            return None
        return self.connect(admin.server, admin.ca, admin, _TIMEOUT)
