#!/usr/bin/python
# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_interfaces
short_description: A node's interfaces by their networks
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Finds the interfaces of the internal and the external network, and returns them with their addresses as the fact
    C(classroom_interfaces).
  - Where NetworkManager runs, it has it leave Kubernetes' own interfaces alone, and changes what is declared of the
    profiles of the two interfaces, at once and for the next boot. All else in them stays as it is, unlike with
    M(community.general.nmcli), which gives every option that is not named its own default.
  - Everything that cannot be done is found before anything is changed. So is a change that would cut the connection by
    which Ansible is on the machine.
  - What was there before is kept in C(/var/lib/classroom-kubeadm/before.json), the former values of the profiles among
    it, so that a reset can bring it back.
extends_documentation_fragment:
  - classroom.kubeadm.attributes
options:
  internal_network:
    description:
      - The network in which the nodes reach each other, such as V(192.168.90.0/24), or the name of the interface.
      - Exactly one interface of the machine has to be in it.
    type: str
    default: ""
  external_network:
    description: The same for the network by which the machine reaches the rest of the world.
    type: str
    default: ""
  address:
    description: The address from the inventory. It decides where several are in the network.
    type: str
    default: ""
  optional:
    description: Whether a machine that has no interface in the networks is fine.
    type: bool
    default: false
  unmanaged:
    description:
      - Names of interfaces that NetworkManager leaves alone, such as V(cni*).
      - They are written to C(/etc/NetworkManager/conf.d/90-classroom-kubeadm.conf). With none nothing is written.
    type: list
    elements: str
    default: []
  profiles:
    description:
      - What the profiles of the interfaces V(internal) and V(external) are to be like. The options are called as in
        M(community.general.nmcli). Possible are C(autoconnect), C(zone), and C(method), C(ip), C(gw), C(dns),
        C(never_default) and C(route_metric), each with V(4) or V(6) behind.
      - An interface without a stored profile is left alone, with a warning.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The internal interface is known
  classroom.kubeadm.host_interfaces:
    internal_network: 192.168.90.0/24

- name: NetworkManager leaves Kubernetes' interfaces alone, and the default route to the external network
  classroom.kubeadm.host_interfaces:
    internal_network: 192.168.90.0/24
    external_network: 10.0.2.0/24
    unmanaged: [cni*, flannel*, veth*]
    profiles:
      internal: {never_default4: true}
"""

RETURN = r"""
changes:
  description: What was changed (in check mode - what would be), each with the reason.
  returned: success
  type: list
  elements: str
  sample:
    - "profile internal of eth1: it is not as declared"
ansible_facts:
  description: Facts that Ansible keeps for the run.
  returned: success
  type: dict
  contains:
    classroom_interfaces:
      description: The interfaces that were found.
      returned: success
      type: dict
      contains:
        internal:
          description: The internal one. Empty when none was requested or found.
          type: dict
          contains: &interface
            interface:
              description: Name of the interface.
              returned: when there is one
              type: str
            address:
              description: Its address in the network.
              returned: when there is one
              type: str
            prefix:
              description: Length of the prefix of the address.
              returned: when there is one
              type: int
        external:
          description: The external one, in the same form.
          type: dict
          contains: *interface
      sample:
        internal: {interface: eth1, address: 192.168.90.101, prefix: 24}
        external: {}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import as_changes, as_diff
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.network_manager import (
    InterfacesSpec,
    apply,
    plan,
    read_state,
)


def find(module: AnsibleModule) -> None:
    """Plan, perform unless in check mode, report."""
    given = module.params
    spec = InterfacesSpec(
        internal=given["internal_network"],
        external=given["external_network"],
        address=given["address"],
        optional=given["optional"],
        unmanaged=tuple(given["unmanaged"]),
        profiles={side: options or {} for side, options in given["profiles"].items()},
    )
    root = Root()
    planned = plan(spec, read_state(root, run, spec))
    if planned.steps and not module.check_mode:
        apply(root, run, planned)
    for warning in planned.warnings:
        module.warn(warning)
    module.exit_json(changed=bool(planned.steps), changes=as_changes(planned.steps), diff=as_diff(planned.steps),
                     ansible_facts={"classroom_interfaces": planned.facts()})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "internal_network": {"type": "str", "default": ""},
            "external_network": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "optional": {"type": "bool", "default": False},
            "unmanaged": {"type": "list", "elements": "str", "default": []},
            "profiles": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    try:
        # Without profiles and unmanaged interfaces nothing is changed
        reads = module.check_mode or not (module.params["profiles"] or module.params["unmanaged"])
        with host_lock.changing(reads):
            find(module)
    except ClassroomError as problem:
        module.fail_json(msg=str(problem))


if __name__ == "__main__":
    main()
