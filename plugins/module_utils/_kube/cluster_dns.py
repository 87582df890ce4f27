# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure the servers to which CoreDNS forwards names outside of the cluster.

kubeadm installs CoreDNS with `forward . /etc/resolv.conf` (cmd/kubeadm/app/phases/addons/dns in the Kubernetes source).
On a host without nameservers in its resolv.conf, CoreDNS fails to start with "no nameservers found", and the cluster
has no name resolution. Without that line, it resolves the cluster's own names and fails for all others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError
from .._core.plan import Change
from . import admin as admin_api
from .api import Api, ApiError, NotFound, segment
from .context import NodeContext

CONFIG_MAP = "/api/v1/namespaces/kube-system/configmaps/coredns"
PODS = "/api/v1/namespaces/kube-system/pods"
KEY = "Corefile"
# Replaces the forward plugin, so that it can be restored in the same place
MARK = "# classroom.kubeadm: names outside of the cluster are not forwarded"
# kubeadm's own value
_MAX_CONCURRENT = "max_concurrent 1000"
_FORWARD = re.compile(r"^(?P<indent>[ \t]*)forward[ \t]+\.[ \t][^\n{]*(?:\{[^}]*\}[ \t]*)?$", re.MULTILINE)
_MARKED = re.compile(r"^(?P<indent>[ \t]*)" + re.escape(MARK) + r"$", re.MULTILINE)


@dataclass(frozen=True)
class Spec:
    """The servers to which CoreDNS forwards: addresses, or a file like /etc/resolv.conf; empty for none."""

    upstreams: tuple[str, ...]


def rewritten(corefile: str, upstreams: Sequence[str]) -> str:
    """Return the Corefile with these upstreams.

    A Corefile with no `forward .` of the root zone and without the collection's mark is the administrator's own and is
    returned as it is. A `forward` to exactly these upstreams keeps its further settings.
    """
    found = _FORWARD.search(corefile)
    place = found or _MARKED.search(corefile)
    if place is None:
        return corefile
    indent = place.group("indent")
    if not upstreams:
        return corefile[: place.start()] + indent + MARK + corefile[place.end() :]
    if found and found.group(0).partition("{")[0].split()[2:] == list(upstreams):
        return corefile
    block = "forward . {0} {{\n{1}   {2}\n{1}}}".format(" ".join(upstreams), indent, _MAX_CONCURRENT)
    return corefile[: place.start()] + indent + block + corefile[place.end() :]


@dataclass(frozen=True)
class DnsResult:
    """The result; `reason` is empty when nothing had to be changed, `restarted` are the names of deleted pods."""

    reason: str = ""
    before: str = ""
    after: str = ""
    restarted: tuple[str, ...] = ()

    def steps(self) -> list[Change]:
        """Return the plan, for a diff."""
        return [Change("Corefile of", "CoreDNS", self.before, self.after, self.reason)] if self.reason else []


def converge(spec: Spec, machine: NodeContext, kubeconfig: str, check_mode: bool) -> DnsResult:
    """Set the upstreams of CoreDNS, and replace its pods that failed with the former ones.

    Raises ClassroomError when the API does not answer or there is no CoreDNS. In check mode a control plane that does
    not exist yet is a change that the real run would make.
    """
    reason = "names outside of the cluster are {}".format(
        "forwarded to {}".format(", ".join(spec.upstreams)) if spec.upstreams else "not forwarded")
    try:
        admin = admin_api.administrator(machine, "configure CoreDNS", kubeconfig)
    except admin_api.NoAdministrator:
        if check_mode:
            return DnsResult(reason)
        raise
    api = machine.connect(admin.server, admin.ca, admin)
    try:
        return _converge(spec, api, reason, check_mode)
    except NotFound as exc:
        raise ClassroomError(
            "CoreDNS is not in the cluster: expected ConfigMap coredns in namespace kube-system, found none. Install "
            "it with 'kubeadm init phase addon coredns', or leave pod_network_dns_upstream empty. Nothing was changed."
        ) from exc
    except ApiError as exc:
        raise admin_api.request_error("configure CoreDNS", admin, exc) from exc


def _converge(spec: Spec, api: Api, reason: str, check_mode: bool) -> DnsResult:
    current = str(api.get(CONFIG_MAP)["data"][KEY])
    desired = rewritten(current, spec.upstreams)
    if desired == current:
        return DnsResult()
    if not check_mode:
        api.patch(CONFIG_MAP, {"data": {KEY: desired}})
    failed = tuple(_failed_pods(api))
    if not check_mode:
        for name in failed:
            api.delete(f"{PODS}/{segment(name)}")
    return DnsResult(reason, current, desired, failed)


def _failed_pods(api: Api) -> list[str]:
    """Return the names of failed pods: the kubelet waits up to five minutes before it restarts them."""
    pods: list[dict[str, Any]] = api.get(PODS + "?labelSelector=k8s-app%3Dkube-dns").get("items") or []
    return [
        str(pod["metadata"]["name"]) for pod in pods
        if any(status.get("restartCount") and not status.get("ready")
               for status in (pod.get("status") or {}).get("containerStatuses") or [])
    ]
