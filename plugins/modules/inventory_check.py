#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: inventory_check
short_description: Check the inventory of a cluster before any host is changed
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Finds contradictions in the inventory and in the networks of a cluster and reports all of them in one failure.
  - Uses only its options, so it runs in the process of the controller, before the first connection to a host.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.controller
  - classroom.kubeadm.attributes.read_only
options:
  hosts:
    description:
      - The hosts of the cluster and the other hosts that they use.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Short name of the host. For a host of the cluster it is also the name of its Node.
        type: str
        required: true
      address:
        description:
          - IP address at which the other hosts reach it. It is the internal address in Kubernetes.
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
          - Inventory groups of the host.
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
      - Network of the addresses of the nodes, or two of them, for IPv4 and IPv6, separated by a comma.
      - If it is set, addresses of nodes outside of it are a problem.
    type: str
    default: ""
  kubernetes_version:
    description:
      - Version to install. It must have three numbers and no V(v).
    type: str
    default: ""
  bundle_version:
    description:
      - Version in the bundle that is installed from. If it differs from O(kubernetes_version), that is a problem.
      - It is empty when there is no bundle, or when it cannot be read.
    type: str
    default: ""
  missing_bundle:
    description:
      - File of the bundle that the controller lacks, empty if it has the bundle. With the O(packages_from) of
        V(utility) that is a problem.
    type: str
    default: ""
  proxy:
    description:
      - Settings of an HTTP(S) proxy, C(http) and C(https) with URLs, and the list C(no_proxy). Empty for no proxy.
      - The URLs are never shown, because they may contain a password.
    type: dict
    default: {}
  utility:
    description:
      - Name of the host that serves packages and images. It is required when O(packages_from) or O(images_from) is
        V(utility), and then has to be one of O(hosts).
    type: str
    default: ""
  packages_from:
    description: Source of the packages, V(upstream) or V(utility).
    type: str
    default: upstream
  images_from:
    description: Source of the images, V(upstream) or V(utility).
    type: str
    default: upstream
"""

EXAMPLES = r"""
- name: Check the inventory of the cluster
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
  description: Messages about everything that is wrong.
  returned: always
  type: list
  elements: str
  sample:
    - >-
      Several hosts have the same address: expected every address once, found 192.168.90.101 on node1
      (192.168.90.101) and node2 (192.168.90.101). Give each its own address.
nodes:
  description: Names of the hosts that become nodes.
  returned: success
  type: list
  elements: str
  sample: [master, node1]
"""
