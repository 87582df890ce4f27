#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_settings
short_description: A host as Kubernetes needs it
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Sets the host name, keeps the nodes' names in C(/etc/hosts), turns swap off, sets SELinux' mode, loads kernel
    modules, sets kernel settings and has chrony keep the clock, each in the running system and for the next boot.
  - Everything that cannot be done is found before anything is changed.
  - What was there before the first change is kept in C(/var/lib/classroom-kubeadm/before.json) (mode V(0600)), so that
    a reset can bring it back. It is a mapping with C(format) V(1) and, for each thing this module changed,
    C(hostname), C(hosts) (the whole text of C(/etc/hosts)), C(fstab) (the lines put out of force), C(swaps) (what was
    switched off), C(modules) (what was loaded), C(sysctls) (former live values), C(selinux) (the live mode), C(time)
    (what kept the clock), C(packages) (what was installed) and C(files) (whole former texts of files). Later runs add
    to it what they change for the first time and replace nothing.
notes:
  - In a container the kernel is shared. Swap in use belongs to the host and is left on (with a warning), and no list of
    modules to load at boot is written.
  - A kernel feature that is built in needs no module; nothing is loaded for it.
  - The same holds for SELinux, whose live mode is the host's, and for the clock, about which nobody asks there unless
    O(time_service=chrony).
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  hostname:
    description:
      - The host name, in lower case. The node gets the same name in Kubernetes.
      - Without it the name is left alone.
    type: str
  hosts:
    description:
      - All nodes with their names. They become one block in C(/etc/hosts) between two marking lines; other
        lines are kept.
      - An address or a name that belongs to two nodes is an error.
      - So is a line outside the block that gives one of the names another address of the same family. Only where that
        is a loopback address, as in the line C(127.0.1.1 HOSTNAME) of Debian's installer, the name is taken out of
        force there (the old line stays as a comment), because the kubelet would take that address for the node's own.
      - When the list is empty, C(/etc/hosts) is left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The node's address in the cluster's network.
        type: str
        required: true
      names:
        description: Its names, the full one first.
        type: list
        elements: str
        required: true
  swap:
    description:
      - V(false) switches all swap off and puts the swap lines of C(/etc/fstab) out of force (as comments with a
        prefix of this collection). V(true) leaves swap as it is.
      - Where systemd has a swap unit from elsewhere (a file of its own, a partition found by its type, zram-generator),
        a drop-in for all swap units (C(/etc/systemd/system/swap.d)) keeps each from being started, and one keeps
        compressed memory from being set up by zram-generator, C(zramswap.service) and their like.
      - A line of C(/etc/fstab) that is no entry is an error.
    type: bool
    default: false
  kernel_modules:
    description:
      - Kernel features that must be there, by the names of their modules. They are loaded now where they are not built
        in, and at boot by C(/etc/modules-load.d/classroom-kubeadm.conf).
    type: list
    elements: str
    default: []
  sysctls:
    description:
      - Kernel settings and their values, set now and at boot by C(/etc/sysctl.d/90-classroom-kubeadm.conf).
      - A file that is applied after that one and says otherwise is among RV(findings).
      - A setting that has another value and is read-only on this machine is an error.
    type: dict
    default: {}
  selinux:
    description:
      - The mode of SELinux, in the running kernel and in C(/etc/selinux/config).
      - V(unchanged) leaves it alone; so does V(permissive) where it is disabled, and every choice on a machine that has
        none.
      - V(enforcing) where it is disabled is an error, because all files need labels first.
    type: str
    choices: [permissive, enforcing, unchanged]
    default: unchanged
  time_service:
    description:
      - V(chrony) has chrony installed from the distribution, enabled and running, in place of other time services.
      - V(unchanged) leaves the clock to what keeps it; that nothing does is among RV(findings).
    type: str
    choices: [chrony, unchanged]
    default: unchanged
  time_servers:
    description:
      - Servers that chrony asks beside those of its distribution's configuration, in a file of a directory that this
        configuration names (Debian family), else in a block of it (Red Hat family).
      - One that does not answer is among RV(findings).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The host is ready for Kubernetes
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

- name: SELinux watches, and chrony asks the school's own server
  classroom.kubeadm.host_settings:
    selinux: permissive
    time_service: chrony
    time_servers: [192.168.90.1]

- name: Only the names, swap as it is
  classroom.kubeadm.host_settings:
    swap: true
    hosts:
      - address: 192.168.90.10
        names: [utility.example.com, utility]
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "kernel setting net.ipv4.ip_forward: the running kernel has another value"
findings:
  description: What is not as it should be and not this module's to change, in the same form. Each is a warning as well.
  returned: success
  type: list
  elements: str
  sample:
    - "time server 192.168.90.1: it does not answer at UDP port 123"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.hosts_file import Entry
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.prepare import (
    HostSpec,
    Performer,
    plan,
    read_host,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.time_services import TimeSpec as Clock


def prepare(module: AnsibleModule) -> None:
    """Plan, perform unless in check mode, report."""
    spec = HostSpec(
        hostname=module.params["hostname"],
        hosts=tuple(Entry(entry["address"], tuple(entry["names"])) for entry in module.params["hosts"]),
        swap=module.params["swap"],
        modules=tuple(module.params["kernel_modules"]),
        sysctls={key: str(value) for key, value in module.params["sysctls"].items()},
        selinux=None if module.params["selinux"] == "unchanged" else module.params["selinux"],
        time=Clock(module.params["time_service"] == "chrony", tuple(module.params["time_servers"])),
    )
    root = Root()
    planned = plan(spec, read_host(root, spec, run))
    if planned.steps and not module.check_mode:
        Performer(root, run).perform(planned, spec)
    for warning in (*planned.warnings, *(finding + "." for finding in planned.findings)):
        module.warn(warning)
    module.exit_json(
        changed=bool(planned.steps), changes=as_changes(planned.steps), findings=list(planned.findings),
        diff=as_diff(planned.steps))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hostname": {"type": "str"},
            "hosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "required": True},
                    "names": {"type": "list", "elements": "str", "required": True},
                },
            },
            "swap": {"type": "bool", "default": False},
            "kernel_modules": {"type": "list", "elements": "str", "default": []},
            "sysctls": {"type": "dict", "default": {}},
            "selinux": {"type": "str", "choices": ["permissive", "enforcing", "unchanged"], "default": "unchanged"},
            "time_service": {"type": "str", "choices": ["chrony", "unchanged"], "default": "unchanged"},
            "time_servers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        with host_lock.changing(module.check_mode):
            prepare(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
