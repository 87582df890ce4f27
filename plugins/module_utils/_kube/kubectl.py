# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run kubectl with one kubeconfig, and turn its error output into error messages."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError

# The options of every module that uses this
KUBECTL_SPEC: dict[str, dict[str, str]] = {
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "kubectl": {"type": "str", "default": "kubectl"},
}

# client-go logs lines of this form several times before the error itself
_NOISE = re.compile(r"^[EWIF]\d{4} \d\d:\d\d:\d\d")
_SILENT_SERVER = re.compile(
    r"connection refused|was refused|i/o timeout|no route to host|Client\.Timeout|deadline exceeded"
    r"|TLS handshake timeout|ServiceUnavailable|unexpected EOF"
)


_Access = TypeVar("_Access", bound="Kubectl")


class ApiUnreachable(ClassroomError):
    """The API server did not respond: there may be none yet."""


@dataclass(frozen=True)
class Kubectl:
    """Access to one cluster: a kubeconfig and the command."""

    kubeconfig: str
    binary: str = "kubectl"
    runner: Runner = run

    @classmethod
    def of(cls: type[_Access], options: Mapping[str, Any]) -> _Access:
        """Return the access that a module's options describe."""
        return cls(kubeconfig=options["kubeconfig"], binary=options["kubectl"])

    def missing(self) -> str:
        """Return an error message if the command or the kubeconfig does not exist, empty if both exist."""
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        if shutil.which(self.binary, path=path) is None:
            return (
                f"kubectl is not installed: expected the command '{self.binary}', found no such command. Install the "
                "package kubectl on this host, or run this on a host that has it."
            )
        if not os.path.isfile(self.kubeconfig):
            return (
                f"The kubeconfig is missing: expected {self.kubeconfig}, found no such file. Run this on a control "
                "plane after kubeadm init, or set another kubeconfig."
            )
        return ""

    def attempt(self, *args: str, stdin: str | None = None, timeout: float = 30) -> Completed:
        """Run kubectl and return its result, even if it failed. `timeout` is in seconds."""
        return self.runner(
            [self.binary, "--kubeconfig", self.kubeconfig, *args], stdin=stdin, timeout=timeout, check=False
        )

    def call(self, *args: str, stdin: str | None = None, timeout: float = 30) -> str:
        """Run kubectl and return its output. Raises ClassroomError if it fails."""
        completed = self.attempt(*args, stdin=stdin, timeout=timeout)
        if completed.rc != 0:
            raise self.failure(" ".join(args), completed)
        return completed.out

    def get(self, path: str, timeout: float = 10) -> Any:
        """Read one path of the API.

        With a path instead of a resource's name, kubectl needs no discovery of the API and writes no cache.
        """
        return json.loads(self.call("get", "--raw", path, timeout=timeout))

    def failure(self, what: str, completed: Completed) -> ClassroomError:
        """Return the exception for a failed kubectl; `what` are its arguments."""
        complaint = "\n".join(line for line in completed.text.splitlines() if not _NOISE.match(line)).strip()
        if completed.rc == 127:
            return ClassroomError(self.missing() or complaint)
        if completed.rc == 124 or _SILENT_SERVER.search(completed.text):
            return ApiUnreachable(
                f"The API server in {self.kubeconfig} is unreachable: expected a response, found none ({complaint}). "
                "Check on the control plane that the kubelet and the container kube-apiserver run."
            )
        return ClassroomError(
            "kubectl failed: expected 'kubectl {}' to succeed, found: {}. Correct the problem and run this again."
            .format(what, complaint.rstrip(".") or f"exit status {completed.rc}")
        )
