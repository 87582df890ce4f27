#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_preflight
short_description: Whether a machine can become a node
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads what a machine is, in one call, and judges whether it can take its role in a cluster. Changes nothing.
  - Everything in the way is reported at once, each with what was wanted, what was found and what to do.
  - What was read is returned as the fact C(classroom_machine), so that no other facts need to be gathered.
extends_documentation_fragment:
  - classroom.kubeadm.attributes.read_only
options:
  role:
    description:
      - What the machine is to become.
      - For V(utility) only system, clock, size and address are judged.
    type: str
    required: true
    choices: [control_plane, worker, utility]
  address:
    description: The address that the machine must have on one of its interfaces.
    type: str
  min_memory_mib:
    description:
      - The least memory in MiB.
      - Without it V(1700) for a control plane (kubeadm's own minimum), V(900) for a worker and V(200) for a utility.
    type: int
  min_cpus:
    description:
      - The least number of CPUs.
      - Without it V(2) for a control plane (kubeadm's own minimum) and V(1) otherwise.
    type: int
  required_free_mib:
    description: The least free space in C(/var), in MiB.
    type: int
    default: 1024
  controller_time:
    description:
      - The controller's time in seconds since the epoch, taken when the task starts.
      - Without it the clock is not judged.
    type: float
  max_clock_offset:
    description:
      - How many seconds the machine's clock may differ from O(controller_time).
      - The time that it takes to start the task counts as a difference.
    type: float
    default: 60
  api_port:
    description: The API server's port. On a control plane no other program may listen on it.
    type: int
    default: 6443
  ports:
    description:
      - Ports that other machines have to reach on this one, such as V(6443/tcp) or V(30000-32767/udp).
      - One that ufw, iptables or nftables is sure to drop is a failure. firewalld is not looked at.
    type: list
    elements: str
    default: []
  kernel_features:
    description:
      - Features of the kernel that a node must have beside namespaces and seccomp, by the names of their modules. One
        counts when it is there, built in or as a module of the running kernel.
    type: list
    elements: str
    default: [overlay, br_netfilter]
  cri_socket:
    description:
      - The path of the container runtime's socket (with or without V(unix://) in front), when it must be there already.
    type: str
  runtime:
    description:
      - The container runtime that the machine is to have. A machine that is in a cluster with another one is refused.
    type: str
    choices: [containerd, crio]
  runtime_socket:
    description: The socket that is named for O(runtime). Another runtime's is refused.
    type: str
    default: ""
  runtime_version:
    description: The release of CRI-O that was asked for. Another minor than that of O(kubernetes_version) is refused.
    type: str
    default: ""
  kubernetes_version:
    description: The release of Kubernetes, which decides about that of CRI-O.
    type: str
    default: ""
  bundle_distributions:
    description:
      - The distributions whose packages the bundle has, such as V(debian-13). Only with O(required_packages).
    type: list
    elements: str
    default: []
  required_packages:
    description:
      - Packages of the distribution that the role needs, when packages come from a bundle. On a host of the Debian
        family one that is not installed is a failure, if neither O(bundle_distributions) has the host's distribution
        nor any other package source is described in C(/etc/apt).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The machine can become a control plane
  classroom.kubeadm.host_preflight:
    role: control_plane
    address: 192.168.90.100
    controller_time: "{{ now(utc=true).timestamp() }}"

- name: The runtime runs
  classroom.kubeadm.host_preflight:
    role: worker
    cri_socket: unix:///run/containerd/containerd.sock
"""

RETURN = r"""
failures:
  description: What is in the way, a sentence each. Empty when the module succeeds.
  returned: always
  type: list
  elements: str
  sample:
    - "Wanted at least 2 CPUs for this role, found 1. Give the machine more."
ansible_facts:
  description: What was read.
  returned: success
  type: dict
  contains:
    classroom_machine:
      description: The machine.
      returned: success
      type: dict
      contains:
        os_family:
          description: V(debian), V(redhat) or V(other). As for Ansible, C(/etc/redhat-release) decides first.
          type: str
          choices: [debian, redhat, other]
        distribution:
          description: The system's name in one lower-case word, such as V(debian), V(ubuntu), V(rocky) or V(rhel).
          type: str
        version:
          description: The system's version.
          type: str
        codename:
          description: The name of that version in the Debian family, else empty.
          type: str
        architecture:
          description: V(amd64) or V(arm64), else the kernel's own word.
          type: str
        hostname:
          description: The live host name.
          type: str
        machine_id:
          description: The content of C(/etc/machine-id).
          type: str
        addresses:
          description: Global addresses.
          type: list
          elements: dict
          contains:
            interface:
              description: Name of the interface.
              type: str
            address:
              description: The address.
              type: str
            prefix:
              description: Length of its prefix.
              type: int
        default_interface:
          description: The interface of the IPv4 default route.
          returned: when there is one
          type: str
        cpus:
          description: CPUs that may be used.
          type: int
        memory_mib:
          description: Memory in MiB.
          type: int
        free_mib:
          description: Free space in C(/var) in MiB.
          type: int
        container:
          description: Whether the machine is a container.
          type: bool
        cgroup_version:
          description: The version of the hierarchy at C(/sys/fs/cgroup), V(0) for none.
          type: int
        cgroup_missing:
          description: Controllers that the kubelet needs and that are not there.
          type: list
          elements: str
        cap_sys_resource:
          description: Whether services have the capability SYS_RESOURCE.
          type: bool
        modules_loadable:
          description: Whether the kernel knows loadable modules.
          type: bool
        kernel_features:
          description:
            - O(kernel_features), namespaces and seccomp.
          type: dict
          contains:
            <feature>:
              description: State of the feature.
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
            - Which of O(ports) a packet filter keeps shut, and which one.
            - Without ports it is the forwarding of packets that is shut.
          type: list
          elements: dict
          contains:
            by:
              description: Name of the packet filter.
              type: str
            ports:
              description: The ports, such as V(6443/tcp).
              type: list
              elements: str
        swaps:
          description: Swap devices and files in use.
          type: list
          elements: str
        clock_offset:
          description: Seconds that the clock is ahead of O(controller_time); V(0) without it.
          type: float
        sockets:
          description: Sockets of container runtimes that are there.
          type: list
          elements: str
        port_owner:
          description: The program that listens on O(api_port). Looked for on a control plane only.
          returned: when there is one
          type: str
        initialized:
          description: Whether an administrator's kubeconfig is there. A hint, not a proof of a control plane.
          type: bool
        joined:
          description: Whether a kubelet's kubeconfig is there. A hint, not a proof of membership.
          type: bool
        nameservers:
          description: Nameservers in C(resolv.conf) that pods can reach too, without loopback addresses.
          type: list
          elements: str
        kubelet_socket:
          description: The runtime socket with which the kubelet of this machine runs, empty where there is none.
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

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.facts import read_facts
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.preflight import check, minimum_size, report
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.requirements import HostRequirements
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import sources
from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime import runtimes


def preflight(module: AnsibleModule, now: float) -> None:
    """Read, judge, report."""
    params = module.params
    memory, cpus = minimum_size(params["role"])
    socket = params["cri_socket"]
    spec = HostRequirements(
        role=params["role"],
        address=params["address"],
        min_memory_mib=memory if params["min_memory_mib"] is None else params["min_memory_mib"],
        min_cpus=cpus if params["min_cpus"] is None else params["min_cpus"],
        max_clock_offset=params["max_clock_offset"],
        api_port=params["api_port"],
        cri_socket=socket[len("unix://"):] if socket and socket.startswith("unix://") else socket,
        required_free_mib=params["required_free_mib"],
        ports=tuple(params["ports"]),
        kernel_features=tuple(params["kernel_features"]),
        runtime=None if params["runtime"] is None else runtimes.RuntimeSpec(
            params["runtime"], params["runtime_socket"], params["runtime_version"], params["kubernetes_version"]),
    )
    machine = read_facts(Root(), run, spec, now, params["controller_time"])
    failures = check(spec, machine)
    if machine.os_family == "debian" and params["required_packages"]:
        offer = sources.BundlePackages(tuple(params["bundle_distributions"]), tuple(params["required_packages"]))
        failures += filter(None, [sources.problem(Root(), offer, machine.distribution, machine.version)])
    if failures:
        module.fail_json(msg=report(spec, machine, failures), failures=failures)
    module.exit_json(changed=False, failures=[], ansible_facts={"classroom_machine": machine.facts()})


def main() -> None:
    # Before anything else: reading the machine must not count as a clock that is off.
    now = time.time()
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True, "choices": ["control_plane", "worker", "utility"]},
            "address": {"type": "str"},
            "min_memory_mib": {"type": "int"},
            "min_cpus": {"type": "int"},
            "required_free_mib": {"type": "int", "default": 1024},
            "controller_time": {"type": "float"},
            "max_clock_offset": {"type": "float", "default": 60},
            "api_port": {"type": "int", "default": 6443},
            "kernel_features": {"type": "list", "elements": "str", "default": ["overlay", "br_netfilter"]},
            "cri_socket": {"type": "str"},
            "ports": {"type": "list", "elements": "str", "default": []},
            "runtime": {"type": "str", "choices": ["containerd", "crio"]},
            "runtime_socket": {"type": "str", "default": ""},
            "runtime_version": {"type": "str", "default": ""},
            "kubernetes_version": {"type": "str", "default": ""},
            "bundle_distributions": {"type": "list", "elements": "str", "default": []},
            "required_packages": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        preflight(module, now)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem), failures=[str(problem)])


if __name__ == "__main__":
    main()
