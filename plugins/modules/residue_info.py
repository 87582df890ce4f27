#!/usr/bin/python

# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: residue_info
short_description: Find residue of former clusters and problems of a host's identity
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Finds everything that a cluster leaves - files, trees, mounts, processes, containers, network interfaces, routes,
    packet filter rules - of Kubernetes, containerd, CRI-O, flannel, calico and cilium. Changes nothing.
  - Uses no API and no container runtime, so that neither has to run. A container is found although its runtime is
    stopped.
  - Objects of an administrator are not residue, even next to those of a cluster - a rule, a chain or a table of a
    packet filter, a CNI configuration of another plugin, a kubeconfig of another cluster.
  - Also finds present or future problems of the host's identity, such as a certificate that expires soon or an address
    that changed since C(kubeadm init).
extends_documentation_fragment:
  - classroom.kubeadm.attributes.read_only
options:
  address:
    description:
      - The address of the host in the inventory.
      - Without it, addresses of certificates are only compared with those of the host.
    type: str
    default: ""
  certificate_days:
    description: The number of days before its expiry in which a certificate is reported.
    type: int
    default: 30
notes:
  - On a member of a cluster only objects that cannot belong to this cluster are residue - those of another network
    plugin or another container runtime, and copies of a former cluster's kubeconfig.
  - A copy of C(admin.conf) is recognized by the cluster's CA, or by an API at an address of the host. Without both, it
    may belong to another cluster, and is not reported.
seealso:
  - module: classroom.kubeadm.kubeadm_reset
"""

EXAMPLES = r"""
- name: Gather residue of former clusters
  classroom.kubeadm.residue_info:
    address: 192.168.90.101
  register: left

- name: Assert that there is no residue
  ansible.builtin.assert:
    that: left.residue | length == 0
    fail_msg: "{{ left.residue | map(attribute='subject') | join(', ') }}"
"""

RETURN = r"""
cluster:
  description:
    - The role of the host in a cluster by its files, without a request to the API. V(unfinished) means an interrupted
      init, join or reset.
  returned: success
  type: str
  choices: [none, control plane, worker, unfinished]
  sample: worker
residue:
  description: The residue, in the order in which it can be removed. It is empty on a clean host.
  returned: success
  type: list
  elements: dict
  contains: &finding
    kind:
      description: The kind of the object, such as V(interface), V(nft table), V(iptables chain), V(directory),
        V(mount), V(container) or V(process).
      type: str
    subject:
      description: The name of the object.
      type: str
    command:
      description: The command that shows the object.
      type: str
    reason:
      description: The reason why the object matters for the next cluster.
      type: str
    owner:
      description: The software that left the object - V(kubernetes), V(flannel), V(calico), V(cilium), V(containerd),
        V(cri-o) or V(classroom.kubeadm).
      type: str
  sample:
    - kind: interface
      subject: cni0
      command: ip -d addr show cni0
      reason: its addresses and routes are those of the former pod network
      owner: flannel
hygiene:
  description: The problems of the host's identity, in the same form.
  returned: success
  type: list
  elements: dict
  contains: *finding
  sample:
    - kind: certificate
      subject: /etc/kubernetes/pki/apiserver.crt
      command: openssl x509 -noout -enddate -in /etc/kubernetes/pki/apiserver.crt
      reason: it ends in 12 days
      owner: kubernetes
identity:
  description: Public identifiers that must be unique per host.
  returned: success
  type: dict
  contains:
    container:
      description: Whether the host is a container, which has the C(product_uuid) of the container's host.
      type: bool
    machine_id:
      description: The content of C(/etc/machine-id).
      type: str
    product_uuid:
      description: The UUID of the firmware, empty if there is none.
      type: str
    mac_addresses:
      description: The MAC addresses of the host's own network interfaces, by interface.
      type: dict
      contains:
        <interface>:
          description: The MAC address of the interface.
          type: str
    ssh_host_keys:
      description: The fingerprints of the SSH host keys, by type.
      type: dict
      contains:
        <type>:
          description: The fingerprint of the key.
          type: str
  sample:
    container: false
    machine_id: 0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa
    product_uuid: 6f1d3c1e-40a8-4a53-9a5e-0c9e0f6a2b11
    mac_addresses: {eth0: "52:54:00:12:34:56"}
    ssh_host_keys: {ssh-ed25519: "SHA256:Yc0kZ2nJ0m0m1QnVQ6b7m0X9Xr0vJcX7m8c4Jt1cW1E"}
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.module_utils._audit import hygiene, identity
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import Operation, Outcome, run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.context import NodeContext
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.teardown import membership
from ansible_collections.classroom.kubeadm.plugins.module_utils._residue import kinds as residue

OPTIONS: dict[str, Any] = {
    "address": {"type": "str", "default": ""},
    "certificate_days": {"type": "int", "default": 30},
}


def perform(params: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Return what a cluster left on the host, what is wrong with it, and its identity; nothing is changed."""
    machine = NodeContext()
    cluster = membership(machine.root)
    found = residue.find(machine)
    if cluster in ("control plane", "worker"):
        found = residue.foreign(machine, found)
    return Outcome({
        "changed": False,
        "cluster": cluster,
        "residue": [each.as_dict() for each in found],
        "hygiene": [each.as_dict() for each in hygiene.find(machine, params["address"], params["certificate_days"])],
        "identity": identity.identity(machine),
    })


OPERATION = Operation(OPTIONS, perform)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
