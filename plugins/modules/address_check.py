#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address_check
short_description: Compare the addresses that hosts report with those of all other hosts
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Compares the addresses in the internal network that hosts have reported by M(classroom.kubeadm.host_interfaces) with
    each other and with the inventory, without a connection to any host.
  - The inventory gives a host the addresses C(node_address) and C(ansible_host), and its name where that is an address;
    it gives a cluster the address of C(cluster_endpoint). Hosts that report an address that the inventory gives to
    another one have a problem, and the other has none.
  - Where the inventory gives an address to none of the hosts that report it, all hosts of their clusters have a
    problem.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes.read_only
options:
  hosts:
    description: The hosts of the play. Reports of other hosts count only if they are of the same clusters.
    type: list
    elements: str
    required: true
  cluster:
    description: The hosts of a cluster, for those that have no variable C(cluster_machines).
    type: list
    elements: str
    default: []
  network:
    description: The internal network, for hosts that have no variable C(cluster_internal_network).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Compare the addresses of all hosts
  classroom.kubeadm.address_check:
    hosts: "{{ ansible_play_hosts }}"
    network: 192.168.90.0/24
  run_once: true
  register: addresses

- name: Fail on hosts whose address belongs to another host
  ansible.builtin.fail:
    msg: "{{ addresses.problems[inventory_hostname] }}"
  when: inventory_hostname in addresses.problems
"""

RETURN = r"""
problems:
  description: Hosts of the play with an address problem. Hosts without one are not listed.
  returned: success
  type: dict
  contains:
    <host>:
      description: Message about the problem of the host.
      type: str
  sample:
    node1: >-
      node1 reports an address of another host: expected one that the inventory gives to no other, found 192.168.90.100,
      the address of master. Correct the address on node1, or set node_address for it. Nothing was changed.
"""
