#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_dns
short_description: Set the nameservers to which CoreDNS forwards
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Changes only the plugin C(forward) of the root zone in the Corefile that C(kubeadm init) installed.
  - CoreDNS does not start on a host whose C(resolv.conf) has no nameserver, as in an air-gapped environment. Without
    forwarding it resolves the names of the cluster and fails for all others.
  - A Corefile without C(forward) that this module has not written is not changed.
  - Failed pods of CoreDNS are replaced after a change. Running pods read the new Corefile by themselves.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  upstreams:
    description:
      - The addresses of nameservers, or the path of a file that lists them inside the pods, which is
        V(/etc/resolv.conf).
      - An empty list disables forwarding.
    type: list
    elements: str
    required: true
  kubeconfig:
    description: The administrator's kubeconfig.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_init
"""

EXAMPLES = r"""
- name: Configure CoreDNS for an air-gapped environment
  classroom.kubeadm.cluster_dns:
    upstreams: []

- name: Configure CoreDNS to forward to the nameservers of the hosts
  classroom.kubeadm.cluster_dns:
    upstreams: [/etc/resolv.conf]
"""

RETURN = r"""
reason:
  description: The reason for the change of the Corefile, empty if it was not changed.
  returned: success
  type: str
  sample: names outside of the cluster are not forwarded
restarted:
  description: The failed pods of CoreDNS that were replaced (in check mode those that would be).
  returned: success
  type: list
  elements: str
  sample: [coredns-7d764666f9-2fxql]
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.cluster_dns import Spec, converge
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext

OPTIONS: dict[str, Any] = {
    "upstreams": {"type": "list", "elements": "str", "required": True},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}


def checked(upstreams: list[str]) -> tuple[str, ...]:
    """Return the upstreams. Raises ClassroomError for a value that is neither an address nor an absolute path."""
    for upstream in upstreams:
        try:
            ipaddress.ip_address(upstream)
        except ValueError:
            if not upstream.startswith("/") or len(upstream.split()) != 1:
                raise ClassroomError(
                    f"A nameserver is invalid: expected an IP address or an absolute path, found '{upstream}'. Correct "
                    "pod_network_dns_upstream. Nothing was changed."
                ) from None
    return tuple(upstreams)


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Set the upstreams of CoreDNS, and return why and what was restarted."""
    spec = Spec(checked(params["upstreams"]))
    outcome = converge(spec, NodeContext(), params["kubeconfig"], check_mode)
    return Outcome({
        "changed": bool(outcome.reason), "reason": outcome.reason, "restarted": list(outcome.restarted),
        "diff": as_diff(outcome.steps())})


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
