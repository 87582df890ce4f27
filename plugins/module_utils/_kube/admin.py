# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access the API with the administrator's kubeconfig of a control plane, and explain failures."""

from __future__ import annotations

from .._core.errors import ClassroomError
from .api import AccessDenied, ApiError, Unreachable, Untrusted, address
from .context import NodeContext
from .kubeconfig import Kubeconfig
from .kubeconfig import load as load_kubeconfig
from .node_paths import ADMIN_CONF


class NoAdministrator(ClassroomError):
    """The kubeconfig does not exist: there may be no control plane yet."""


def administrator(machine: NodeContext, purpose: str, path: str = ADMIN_CONF) -> Kubeconfig:
    """Return the kubeconfig at `path`. Raises NoAdministrator; `purpose` completes its message "Cannot ...". """
    found = load_kubeconfig(machine.root, path)
    if found is None:
        raise NoAdministrator(f"Cannot {purpose}: expected the kubeconfig {path}, found no such file on this host. Run "
                              "this on the control plane, after kubeadm_init.")
    return found


def request_error(purpose: str, admin: Kubeconfig, problem: ApiError) -> ClassroomError:
    """Return the error to show to the user for a failed request; `purpose` completes "Cannot ..."."""
    advice = {
        Unreachable: "Check that the API server runs; kubeadm_init restores it.",
        Untrusted: f"{admin.path} belongs to another cluster than the one at that address.",
        AccessDenied: f"Check that {admin.path} is still valid: 'kubeadm certs check-expiration'.",
    }
    return ClassroomError("Cannot {} at {}: {}. {}".format(
        purpose, address(admin.server), problem, advice.get(type(problem), "")).rstrip())
