#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_token
short_description: Create or revoke the bootstrap token of a join
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Creates a bootstrap token for a single join, valid for minutes, and returns it with the address and the CA of the
    cluster. Revokes it again.
  - Runs on the control plane and uses the API with the administrator's kubeconfig. The token is on no command line.
  - RV(discovery) is secret. Set C(no_log) to V(true) on the task that creates a token.
  - With O(state=present) expired tokens of this module, and those that earlier interrupted joins of the same host
    left, are removed.
  - kubeadm rejects a join under the name of a Ready Node. If that Node belongs to the host that joins, as determined
    by O(machine_id) and O(node_address), O(state=present) deletes the Node. If it belongs to another host, the module
    fails.
  - In check mode O(state=present) does not query the API, which may not exist yet, and returns no token.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  idempotent:
    support: partial
    details: Each call with O(state=present) creates a new token, because the secret of an earlier one is not stored.
options:
  state:
    description: Whether to create or revoke a token.
    type: str
    choices: [present, absent]
    default: present
  node_name:
    description:
      - Name of the Node of the host that joins.
      - Required if O(state=present).
    type: str
  node_address:
    description: Internal address of the host that joins.
    type: str
  machine_id:
    description: Machine ID of the host that joins, as M(classroom.kubeadm.kubeadm_join) returns it.
    type: str
  ttl:
    description: Validity of the token in hours, minutes and seconds, for example V(10m) or V(1h30m).
    type: str
    default: 10m
  endpoint:
    description:
      - Address of the API for the host that joins, with or without a port.
      - The default is the server in O(kubeconfig), which is also the one in the ConfigMap C(cluster-info).
    type: str
  token_id:
    description:
      - Public part of the token to revoke, which is RV(token_id) of the call that created it.
      - Required if O(state=absent).
    type: str
  kubeconfig:
    description: The administrator's kubeconfig.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_init
  - module: classroom.kubeadm.kubeadm_join
"""

EXAMPLES = r"""
- name: Create a token for the join of node1
  classroom.kubeadm.kubeadm_token:
    endpoint: 192.168.90.100:6443
    node_name: node1
    node_address: 192.168.90.101
    machine_id: "{{ probe.machine_id }}"
    ttl: 5m
  delegate_to: master
  register: token
  no_log: true

- name: Remove the token
  classroom.kubeadm.kubeadm_token:
    state: absent
    token_id: "{{ token.token_id }}"
  delegate_to: master
"""

RETURN = r"""
token_id:
  description: Public part of the token, which is needed to revoke it.
  returned: success, but not in check mode with O(state=present)
  type: str
  sample: x4ke2p
expires:
  description: Time at which the token expires.
  returned: with O(state=present), but not in check mode
  type: str
  sample: "2026-11-20 20:15:00 UTC"
discovery:
  description: The value for the option of that name of M(classroom.kubeadm.kubeadm_join). It is secret.
  returned: with O(state=present), but not in check mode
  type: dict
  contains:
    kubeconfig:
      description: A kubeconfig with the address and the CA of the cluster, and no credentials.
      returned: with O(state=present), but not in check mode
      type: str
      sample: '{"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": {"server": "https://192.168.90.100:6443"}}]}'
    token:
      description: The token.
      returned: with O(state=present), but not in check mode
      type: str
      sample: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.bootstrap_token import (
    TokenSpec,
    absent,
    present,
    seconds,
)

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "node_name": {"type": "str"},
    "node_address": {"type": "str"},
    "machine_id": {"type": "str"},
    "ttl": {"type": "str", "default": "10m"},
    "endpoint": {"type": "str"},
    # Only the first part of a token, which Kubernetes itself shows in names and logs.
    "token_id": {"type": "str", "no_log": False},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}
RULES: dict[str, Any] = {"required_if": [("state", "present", ["node_name"]), ("state", "absent", ["token_id"])]}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Create or revoke a bootstrap token, and return it."""
    machine = NodeContext()
    if params["state"] == "absent":
        return Outcome(absent(params["token_id"], machine, params["kubeconfig"], check_mode))
    spec = TokenSpec(
        node_name=params["node_name"],
        ttl=seconds(params["ttl"]),
        endpoint=params["endpoint"] or "",
        machine_id=params["machine_id"] or "",
        node_address=params["node_address"] or "",
    )
    return Outcome(present(spec, machine, params["kubeconfig"], check_mode))


OPERATION = Operation(OPTIONS, perform, RULES)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
