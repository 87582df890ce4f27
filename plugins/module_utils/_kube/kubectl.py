# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubectl with one kubeconfig, its complaints turned into sentences."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError

# The options of every module that uses this
KUBECTL_SPEC: dict[str, dict[str, str]] = {
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "kubectl": {"type": "str", "default": "kubectl"},
}

# What client-go logs on its way to the error proper, several times over
_NOISE = re.compile(r"^[EWIF]\d{4} \d\d:\d\d:\d\d")
_SILENT_SERVER = re.compile(
    r"connection refused|was refused|i/o timeout|no route to host|Client\.Timeout|deadline exceeded"
    r"|TLS handshake timeout|ServiceUnavailable|unexpected EOF"
)


class ApiUnreachable(ClassroomError):
    """The API server did not answer: perhaps there is none yet."""


@dataclass(frozen=True)
class Kubectl:
    """One way to one cluster."""

    kubeconfig: str
    binary: str = "kubectl"
    runner: Runner = run

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Kubectl:
        """The cluster that a module's options name."""
        return cls(kubeconfig=options["kubeconfig"], binary=options["kubectl"])

    def missing(self) -> str:
        """What is not on this machine yet although every call needs it; empty if all is there."""
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        if shutil.which(self.binary, path=path) is None:
            return (
                f"Wanted to ask the cluster with '{self.binary}', found no such command; install the package kubectl "
                "on this "
                "machine, or run this where it is installed."
            )
        if not os.path.isfile(self.kubeconfig):
            return (
                f"Wanted the kubeconfig {self.kubeconfig}, found no such file; run this on a control plane after "
                "kubeadm init, or "
                "name another kubeconfig."
            )
        return ""

    def attempt(self, *args: str, stdin: str | None = None, timeout: float = 30) -> Completed:
        """Run kubectl and return how it ended, whatever that is."""
        return self.runner(
            [self.binary, "--kubeconfig", self.kubeconfig, *args], stdin=stdin, timeout=timeout, check=False
        )

    def call(self, *args: str, stdin: str | None = None, timeout: float = 30) -> str:
        """Run kubectl, which has to succeed, and return what it printed."""
        completed = self.attempt(*args, stdin=stdin, timeout=timeout)
        if completed.rc != 0:
            raise self.failure(" ".join(args), completed)
        return completed.out

    def get(self, path: str, timeout: float = 10) -> Any:
        """Read one path of the API.

        The path instead of a resource's name spares kubectl the discovery of what the API server knows, and this
        machine the cache of it.
        """
        return json.loads(self.call("get", "--raw", path, timeout=timeout))

    def failure(self, what: str, completed: Completed) -> ClassroomError:
        """The exception for a kubectl that failed."""
        complaint = "\n".join(line for line in completed.text.splitlines() if not _NOISE.match(line)).strip()
        if completed.rc == 127:
            return ClassroomError(self.missing() or complaint)
        if completed.rc == 124 or _SILENT_SERVER.search(completed.text):
            return ApiUnreachable(
                f"Wanted an answer from the API server named in {self.kubeconfig}, found none ({complaint}); see on "
                "the control plane whether "
                "the kubelet and the container kube-apiserver run."
            )
        return ClassroomError(
            "Wanted 'kubectl {}' to succeed, found: {}; correct what the message names and run again."
            .format(what, complaint.rstrip(".") or f"exit status {completed.rc}")
        )
