#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_token
short_description: Create or revoke the bootstrap tokens of joins
version_added: 0.1.0
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Creates a bootstrap token for each host that joins, valid for minutes, and returns it with the address and the CA of
    the cluster. Revokes tokens again. One call serves all hosts of a cluster.
  - Runs on the control plane and uses the API with the administrator's kubeconfig. The tokens are on no command line.
  - RV(tokens) is secret. Set C(no_log) to V(true) on the task that creates tokens.
  - With O(state=present) expired tokens of this module, and those that earlier interrupted joins of the same hosts
    left, are removed.
  - kubeadm rejects a join under the name of a Ready Node. If that Node belongs to the host that joins, as determined
    by O(nodes[].machine_id) and O(nodes[].address), O(state=present) deletes the Node. If it belongs to another host,
    the host that joins gets no token.
  - A host that gets no token has the reason in RV(tokens[].problem), and the other hosts get theirs. The module fails
    if no host can get one, because the API does not respond.
  - In check mode O(state=present) does not query the API, which may not exist yet, and returns no tokens.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
attributes:
  idempotent:
    support: partial
    details: Each call with O(state=present) creates new tokens, because the secrets of earlier ones are not stored.
options:
  state:
    description: Whether to create or revoke tokens.
    type: str
    choices: [present, absent]
    default: present
  nodes:
    description:
      - The hosts that join, each of which gets a token of its own.
      - Required if O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the Node of the host.
        type: str
        required: true
      address:
        description: Internal address of the host.
        type: str
      machine_id:
        description: Machine ID of the host, as M(classroom.kubeadm.kubeadm_join) returns it.
        type: str
  ttl:
    description: Validity of the tokens in hours, minutes and seconds, for example V(10m) or V(1h30m).
    type: str
    default: 10m
  endpoint:
    description:
      - Address of the API for the hosts that join, with or without a port.
      - The default is the server in O(kubeconfig), which is also the one in the ConfigMap C(cluster-info).
    type: str
  token_ids:
    description:
      - Public parts of the tokens to revoke, which are RV(tokens[].token_id) of the call that created them.
      - Required if O(state=absent).
    type: list
    elements: str
  kubeconfig:
    description: The administrator's kubeconfig.
    type: path
    default: /etc/kubernetes/admin.conf
seealso:
  - module: classroom.kubeadm.kubeadm_init
  - module: classroom.kubeadm.kubeadm_join
"""

EXAMPLES = r"""
- name: Create a token each for the joins of node1 and node2
  classroom.kubeadm.kubeadm_token:
    endpoint: 192.168.90.100:6443
    nodes:
      - name: node1
        address: 192.168.90.101
        machine_id: "{{ hostvars.node1.probe.machine_id }}"
      - name: node2
        address: 192.168.90.102
        machine_id: "{{ hostvars.node2.probe.machine_id }}"
    ttl: 5m
  delegate_to: master
  register: created
  no_log: true

- name: Remove the tokens
  classroom.kubeadm.kubeadm_token:
    state: absent
    token_ids: "{{ created.tokens | selectattr('token_id', 'defined') | map(attribute='token_id') }}"
  delegate_to: master
"""

RETURN = r"""
tokens:
  description: An entry for each of O(nodes), in the same order.
  returned: with O(state=present), but not in check mode
  type: list
  elements: dict
  contains:
    node_name:
      description: Name of the Node of the host that joins.
      type: str
    token_id:
      description: Public part of the token, which is needed to revoke it.
      returned: when the host got a token
      type: str
    expires:
      description: Time at which the token expires.
      returned: when the host got a token
      type: str
    discovery:
      description: The value for the option of that name of M(classroom.kubeadm.kubeadm_join). It is secret.
      returned: when the host got a token
      type: dict
      contains:
        kubeconfig:
          description: A kubeconfig with the address and the CA of the cluster, and no credentials.
          type: str
        token:
          description: The token.
          type: str
    problem:
      description: Why the host got no token.
      returned: when the host got none
      type: str
  sample:
    - node_name: node1
      token_id: x4ke2p
      expires: "2026-11-20 20:15:00 UTC"
      discovery:
        kubeconfig: '{"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": {"server": "https://192.168.90.100:6443"}}]}'
        token: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER
revoked:
  description: Public parts of the tokens that were revoked (in check mode those that would be).
  returned: with O(state=absent)
  type: list
  elements: str
  sample: [x4ke2p]
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

NODE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str"},
    "machine_id": {"type": "str"},
}
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "nodes": {"type": "list", "elements": "dict", "options": NODE_OPTIONS},
    "ttl": {"type": "str", "default": "10m"},
    "endpoint": {"type": "str"},
    # Only the first parts of tokens, which Kubernetes itself shows in names and logs.
    "token_ids": {"type": "list", "elements": "str", "no_log": False},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}
RULES: dict[str, Any] = {"required_if": [("state", "present", ["nodes"]), ("state", "absent", ["token_ids"])]}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Create or revoke bootstrap tokens, and return them."""
    machine = NodeContext()
    if params["state"] == "absent":
        return Outcome(absent(params["token_ids"], machine, params["kubeconfig"], check_mode))
    specs = [TokenSpec(node["name"], node.get("machine_id") or "", node.get("address") or "")
             for node in params["nodes"]]
    return Outcome(present(specs, seconds(params["ttl"]), params["endpoint"] or "", machine, params["kubeconfig"],
                           check_mode))


OPERATION = Operation(OPTIONS, perform, RULES)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
