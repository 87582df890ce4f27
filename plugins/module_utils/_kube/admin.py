# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API as the administrator of a control plane reaches it, and what to say when that fails."""

from __future__ import annotations

from .._core.errors import ClassroomError
from .api import ApiError, Denied, Unreachable, Untrusted, address
from .context import NodeContext
from .kubeconfig import Kubeconfig
from .kubeconfig import load as load_kubeconfig
from .node_paths import ADMIN_CONF


class NoAdministrator(ClassroomError):
    """There is no such kubeconfig: perhaps there is no control plane yet."""


def administrator(machine: NodeContext, wanted: str, path: str = ADMIN_CONF) -> Kubeconfig:
    """The kubeconfig at `path`; `wanted` says for the error what it was needed for, as in "wanted to ...". """
    found = load_kubeconfig(machine.root, path)
    if found is None:
        raise NoAdministrator(f"wanted to {wanted} with {path}, but there is no such file on this machine. Run this on "
                              "the "
                              "control plane, after kubeadm_init.")
    return found


def sentence(wanted: str, admin: Kubeconfig, problem: ApiError) -> ClassroomError:
    """A request that brought no result as an error for a person."""
    advice = {
        Unreachable: "Is the API server up? kubeadm_init brings it back.",
        Untrusted: f"{admin.path} is not of the cluster that answers there.",
        Denied: f"Is {admin.path} still valid? See 'kubeadm certs check-expiration'.",
    }
    return ClassroomError("wanted to {} at {}, but: {}. {}".format(
        wanted, address(admin.server), problem, advice.get(type(problem), "")).rstrip())
