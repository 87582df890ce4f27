#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_preflight
short_description: Check whether a host meets the requirements of its role
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads the facts of a host in one call, and checks whether it meets the requirements of its role. Changes nothing.
  - All problems are reported at once, each with the expected and the current state and a fix.
  - A distribution that was not tested is a warning, which says whether its files and commands were compared. One of
    neither the Debian nor the Red Hat family is a failure.
  - The facts are returned as C(classroom_machine), so that no other facts need to be gathered.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.read_only
options:
  role:
    description:
      - The role of the host.
      - For V(utility) only operating system, clock, size, address and O(services) are checked.
    type: str
    required: true
    choices: [control_plane, worker, utility]
  address:
    description: The address that one of the host's interfaces must have.
    type: str
  min_memory_mib:
    description:
      - The minimum memory in MiB.
      - The default is V(1700) for a control plane (kubeadm's own minimum), V(900) for a worker and V(200) for a
        utility.
    type: int
  min_cpus:
    description:
      - The minimum number of CPUs.
      - The default is V(2) for a control plane (kubeadm's own minimum) and V(1) otherwise.
    type: int
  required_free_mib:
    description: The minimum free space in C(/var), in MiB.
    type: int
    default: 1024
  controller_time:
    description:
      - The controller's time in seconds since the epoch, taken when the task starts.
      - Without it the clock is not checked.
    type: float
  max_clock_offset:
    description:
      - The maximum difference of the host's clock to O(controller_time), in seconds.
      - The time until the task starts on the host counts as a difference.
    type: float
    default: 60
  api_port:
    description: The port of the API server. On a control plane no other program may listen on it.
    type: int
    default: 6443
  ports:
    description:
      - The ports that other hosts must reach on this host, such as V(6443/tcp) or V(30000-32767/udp).
      - A port that ufw, iptables or nftables certainly blocks is a failure. firewalld is not checked.
    type: list
    elements: str
    default: []
  kernel_features:
    description:
      - The features of the kernel that a node needs in addition to namespaces and seccomp, by the names of their
        modules. A feature counts if it is built in or exists as a module of the running kernel.
    type: list
    elements: str
    default: [overlay, br_netfilter]
  cri_socket:
    description:
      - The path of the container runtime's socket, with or without the prefix V(unix://), if it must exist already.
    type: str
  runtime:
    description:
      - The desired container runtime. A host that is a cluster member with another runtime is rejected.
    type: str
    choices: [containerd, crio]
  runtime_socket:
    description: The socket that is configured for O(runtime). The socket of another runtime is rejected.
    type: str
    default: ""
  runtime_version:
    description: The requested release of CRI-O. Another minor version than that of O(kubernetes_version) is rejected.
    type: str
    default: ""
  kubernetes_version:
    description: The release of Kubernetes, which determines the release of CRI-O.
    type: str
    default: ""
  bundle_distributions:
    description:
      - The distributions whose packages the bundle contains, such as V(debian-13). It is used with
        O(required_packages) only.
    type: list
    elements: str
    default: []
  required_packages:
    description:
      - The packages of the distribution that the role needs, if packages come from a bundle. On a host of the Debian
        family a missing package is a failure if neither O(bundle_distributions) contains the host's distribution nor
        C(/etc/apt) has another package source.
    type: list
    elements: str
    default: []
  services:
    description: The services that the role runs. A port that another program uses is a failure.
    type: list
    elements: dict
    default: []
    suboptions:
      names:
        description: The names of the units that may listen on the ports. The first one is named in a failure.
        type: list
        elements: str
        required: true
      ports:
        description: The TCP ports of the service.
        type: list
        elements: int
        required: true
      unused:
        description:
          - A directory that exists if the last of the services stores data that are not those of this collection, such
            as the images of a registry that was installed before. It is a failure.
        type: path
        default: ""
"""

EXAMPLES = r"""
- name: Check that the host can become a control plane
  classroom.kubeadm.host_preflight:
    role: control_plane
    address: 192.168.90.100
    controller_time: "{{ now(utc=true).timestamp() }}"

- name: Check that the container runtime runs
  classroom.kubeadm.host_preflight:
    role: worker
    cri_socket: unix:///run/containerd/containerd.sock
"""

RETURN = r"""
failures:
  description: A message for each unmet requirement, empty if the module succeeds.
  returned: always
  type: list
  elements: str
  sample:
    - "Not enough CPUs: expected at least 2 CPUs for this role, found 1. Give the host more."
ansible_facts:
  description: The facts of this module.
  returned: success
  type: dict
  contains:
    classroom_machine:
      description: The facts of the host.
      returned: success
      type: dict
      contains:
        os_family:
          description: The family of the operating system. As for Ansible, C(/etc/redhat-release) takes precedence.
          type: str
          choices: [debian, redhat, other]
        distribution:
          description: The name of the distribution in lower case, such as V(debian), V(ubuntu), V(rocky) or V(rhel).
          type: str
        version:
          description: The version of the distribution.
          type: str
        codename:
          description: The code name of the version in the Debian family, otherwise empty.
          type: str
        architecture:
          description: The architecture, V(amd64) or V(arm64), otherwise the kernel's own name of it.
          type: str
        hostname:
          description: The host name of the running system.
          type: str
        machine_id:
          description: The content of C(/etc/machine-id).
          type: str
        addresses:
          description: The global addresses of the host.
          type: list
          elements: dict
          contains:
            interface:
              description: The name of the interface.
              type: str
            address:
              description: The address.
              type: str
            prefix:
              description: The length of the prefix of the address.
              type: int
        default_interface:
          description: The interface of the IPv4 default route.
          returned: when there is one
          type: str
        cpus:
          description: The number of usable CPUs.
          type: int
        memory_mib:
          description: The memory in MiB.
          type: int
        free_mib:
          description: The free space in C(/var) in MiB.
          type: int
        container:
          description: Whether the host is a container.
          type: bool
        cgroup_version:
          description: The version of the cgroup hierarchy at C(/sys/fs/cgroup), V(0) for none.
          type: int
        cgroup_missing:
          description: The missing cgroup controllers that the kubelet needs.
          type: list
          elements: str
        cap_sys_resource:
          description: Whether services have the capability SYS_RESOURCE.
          type: bool
        modules_loadable:
          description: Whether the kernel supports loadable modules.
          type: bool
        kernel_features:
          description:
            - The states of O(kernel_features), namespaces and seccomp.
          type: dict
          contains:
            <feature>:
              description: The state of the feature.
              type: str
              choices: [present, loadable, missing]
        firewalld:
          description: Whether firewalld runs.
          type: bool
        network_manager:
          description: Whether NetworkManager runs.
          type: bool
        blocked:
          description:
            - Those of O(ports) that a packet filter blocks.
            - An entry without ports means that the forwarding of packets is blocked.
          type: list
          elements: dict
          contains:
            by:
              description: The name of the packet filter.
              type: str
            ports:
              description: The blocked ports, such as V(6443/tcp).
              type: list
              elements: str
        swaps:
          description: The swap devices and files in use.
          type: list
          elements: str
        clock_offset:
          description: The number of seconds by which the clock is ahead of O(controller_time), V(0) without it.
          type: float
        sockets:
          description: The existing sockets of container runtimes.
          type: list
          elements: str
        port_owner:
          description: The program that listens on O(api_port). It is read on a control plane only.
          returned: when there is one
          type: str
        initialized:
          description: Whether an administrator's kubeconfig exists, which suggests but does not prove a control plane.
          type: bool
        joined:
          description: Whether a kubelet's kubeconfig exists, which suggests but does not prove a membership.
          type: bool
        nameservers:
          description: The nameservers in C(resolv.conf) that pods can reach too, without loopback addresses.
          type: list
          elements: str
        kubelet_socket:
          description: The runtime socket of this host's kubelet, empty if there is none.
          type: str
      sample:
        os_family: debian
        distribution: debian
        version: "13"
        codename: trixie
        architecture: amd64
        hostname: node1
        machine_id: 0f3f7e2b5c1d4e0c9a51b1c5b9a7f0aa
        addresses:
          - interface: eth0
            address: 192.168.90.101
            prefix: 24
        default_interface: eth0
        cpus: 2
        memory_mib: 24050
        free_mib: 81920
        container: true
        cgroup_version: 1
        cgroup_missing: []
        cap_sys_resource: false
        modules_loadable: false
        firewalld: false
        network_manager: false
        blocked: []
        kernel_features: {overlay: present, br_netfilter: present, net_ns: present}
        swaps: []
        clock_offset: 0.4
        sockets: [/run/containerd/containerd.sock]
        port_owner: null
        initialized: false
        joined: true
        nameservers: [192.168.90.1]
        kubelet_socket: ""
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_preflight import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
