#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_settings
short_description: Configure a host for Kubernetes
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Sets the host name, writes the names of the nodes to C(/etc/hosts), disables swap, sets the mode of SELinux, loads
    kernel modules, sets kernel settings and sets up chrony, each in the running system and for the next boot.
  - All errors are found before any change.
  - The original state is recorded in C(/var/lib/classroom-kubeadm/before.json) (mode V(0600)), so that a reset can
    restore it. It is a mapping with C(format) V(1) and, for each subject that this module changed, C(hostname),
    C(hosts) (the whole text of C(/etc/hosts)), C(fstab) (the lines that were commented out), C(swaps) (swap that was
    switched off), C(modules) (modules that were loaded), C(sysctls) (former live values), C(selinux) (the live mode),
    C(time) (the former time service), C(packages) (packages that were installed) and C(files) (whole former texts of
    files). Later runs add what they change for the first time, and replace nothing.
notes:
  - A container shares the kernel of its host. Swap in use belongs to the container's host and stays on (with a
    warning), and no list of modules to load at boot is written. The live mode of SELinux is not changed either, and the
    time service is not checked without O(time_service=chrony).
  - A kernel feature that is built in needs no module; nothing is loaded for it.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  hostname:
    description:
      - The host name, in lower case. The node gets the same name in Kubernetes.
      - Without it the name is not changed.
    type: str
  hosts:
    description:
      - All nodes with their names. They become one block in C(/etc/hosts) between two marker lines; other lines are
        kept.
      - An address or a name that belongs to two nodes is an error.
      - A line outside the block that gives one of the names another address of the same family is an error, too. Only a
        line with a loopback address, such as C(127.0.1.1 HOSTNAME) of Debian's installer, is commented out, because the
        kubelet would use that address as the node's own. Its other names stay active.
      - With an empty list, C(/etc/hosts) is not changed.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address of the node in the cluster's network.
        type: str
        required: true
      names:
        description: The names of the node, the full one first.
        type: list
        elements: str
        required: true
  swap:
    description:
      - V(false) switches all swap off and comments out the swap lines of C(/etc/fstab), with a prefix of this
        collection. V(true) does not change swap.
      - If systemd has a swap unit from another source (a unit file, a partition found by its type, zram-generator), a
        drop-in for all swap units (C(/etc/systemd/system/swap.d)) prevents their start. Other drop-ins prevent
        compressed memory of zram-generator, C(zramswap.service) and similar services.
      - An invalid line in C(/etc/fstab) is an error.
    type: bool
    default: false
  kernel_modules:
    description:
      - The required kernel features, by the names of their modules. Modules of features that are not built in are
        loaded now, and at boot by C(/etc/modules-load.d/classroom-kubeadm.conf).
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - The kernel settings and their values, set now and at boot by C(/etc/sysctl.d/90-classroom-kubeadm.conf).
      - A file that is applied after that one and sets another value is reported in RV(findings).
      - A setting that has another value and is read-only on this host is an error.
    type: dict
    default: {}
  selinux:
    description:
      - The mode of SELinux, in the running kernel and in C(/etc/selinux/config).
      - V(unchanged) does not change it; neither does V(permissive) if SELinux is disabled, nor any choice on a host
        without SELinux.
      - V(enforcing) is an error if SELinux is disabled, because all files need labels first.
    type: str
    choices: [permissive, enforcing, unchanged]
    default: unchanged
  time_service:
    description:
      - V(chrony) installs chrony from the distribution, and enables and starts it in place of other time services.
      - V(unchanged) keeps the present time service; a host without any is reported in RV(findings).
    type: str
    choices: [chrony, unchanged]
    default: unchanged
  time_servers:
    description:
      - The servers that chrony uses in addition to those of the distribution's configuration. They are written to a
        file in a directory that this configuration names (Debian family), or to a block in it (Red Hat family).
      - A server that does not respond is reported in RV(findings).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Configure the host for Kubernetes
  classroom.kubeadm.host_settings:
    hostname: node1
    hosts:
      - address: 192.168.90.100
        names: [master.example.com, master]
      - address: 192.168.90.101
        names: [node1.example.com, node1]
    kernel_modules: [overlay, br_netfilter]
    sysctls:
      net.ipv4.ip_forward: 1
      net.bridge.bridge-nf-call-iptables: 1
      net.bridge.bridge-nf-call-ip6tables: 1

- name: Set SELinux to permissive, and configure chrony with the school's own server
  classroom.kubeadm.host_settings:
    selinux: permissive
    time_service: chrony
    time_servers: [192.168.90.1]

- name: Write names of hosts only, and do not change swap
  classroom.kubeadm.host_settings:
    swap: true
    hosts:
      - address: 192.168.90.10
        names: [utility.example.com, utility]
"""

RETURN = r"""
changes:
  description: The changes (in check mode the planned ones), each with its reason.
  returned: success
  type: list
  elements: str
  sample:
    - "kernel setting net.ipv4.ip_forward: the running kernel has another value"
findings:
  description: Problems that this module does not change, in the same form. Each of them is a warning as well.
  returned: success
  type: list
  elements: str
  sample:
    - "time server 192.168.90.1: it does not respond at UDP port 123"
"""

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.operation import run_module
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations.host_settings import OPERATION


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
