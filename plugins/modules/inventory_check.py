#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_check
short_description: Check the declaration of a cluster before any machine is touched
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Finds contradictions in the inventory and in the networks of a cluster and reports all of them in one failure.
  - Looks at nothing but its options, so it runs in the controller's own process, before the first connection to a
    machine.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes.read_only
options:
  hosts:
    description:
      - The machines, those of the cluster and the others that they work with.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Short name of the machine, for a machine of the cluster also the name of its Node.
        type: str
        required: true
      address:
        description:
          - The IP address that the other machines reach it at, Kubernetes' internal address.
          - A missing one is reported with all other problems.
        type: str
        default: ""
      fqdn:
        description:
          - Fully qualified domain name.
        type: str
        default: ""
      groups:
        description:
          - Groups of the inventory that it is in.
          - V(control_plane), V(workers) and V(k8s_cluster) make it a node of the cluster.
        type: list
        elements: str
        default: []
  pod_subnet:
    description:
      - Network of the pods, or two of them, for IPv4 and IPv6, separated by a comma.
      - Each node gets a /24 of it for IPv4 and a /64 for IPv6.
    type: str
    required: true
  service_subnet:
    description:
      - Network of the services, or two of them, for IPv4 and IPv6, separated by a comma.
    type: str
    required: true
  node_subnet:
    description:
      - Network that the nodes' addresses lie in, or two of them, for IPv4 and IPv6, separated by a comma.
      - When it is given, addresses of nodes outside of it are a problem.
    type: str
    default: ""
  kubernetes_version:
    description:
      - Version that will be installed. Must have three numbers and no V(v).
    type: str
    default: ""
  bundle_version:
    description:
      - Version that the bundle has, from which it is installed. Another one than O(kubernetes_version) is a problem.
      - Empty when there is no bundle, or when it cannot be looked into.
    type: str
    default: ""
  proxy:
    description:
      - The declaration of an HTTP(S) proxy, C(http) and C(https) with URLs, and the list C(no_proxy). None when empty.
      - The URLs are never shown, as they may have a password.
    type: dict
    default: {}
  utility:
    description:
      - Name of the host that serves packages and images. It is needed when O(packages_from) or O(images_from) is
        V(utility), and then has to be one of O(hosts).
    type: str
    default: ""
  packages_from:
    description: Where the packages come from, V(upstream) or V(utility).
    type: str
    default: upstream
  images_from:
    description: Where the images come from, V(upstream) or V(utility).
    type: str
    default: upstream
"""

EXAMPLES = r"""
- name: The declaration of the cluster makes sense
  classroom.kubeadm.inventory_check:
    hosts:
      - name: master
        address: 192.168.90.100
        fqdn: master.example.com
        groups: [k8s_cluster, control_plane]
      - name: node1
        address: 192.168.90.101
        groups: [k8s_cluster, workers]
    pod_subnet: 10.244.0.0/16
    service_subnet: 10.96.0.0/12
    node_subnet: 192.168.90.0/24
    kubernetes_version: "1.36.3"
  run_once: true
"""

RETURN = r"""
problems:
  description: Everything that is wrong, a sentence each.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      Wanted every address once, found 192.168.90.101 on node1 (192.168.90.101) and node2 (192.168.90.101);
      give each its own address.
nodes:
  description: Names of the machines that become nodes.
  returned: success
  type: list
  elements: str
  sample: [master, node1]
"""
