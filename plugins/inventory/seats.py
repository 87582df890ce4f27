# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create the inventory of a class from a class file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: seats
short_description: Create the inventory of a class from a class file
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Reads a class file, in YAML and with the key C(plugin), and creates hosts, groups and variables from it. Each seat
    is a separate cluster.
  - A host of seat 1 is in the groups C(seat01), C(seat01_control_plane) or C(seat01_workers), and so in
    C(control_plane) or C(workers), and C(k8s_cluster).
  - Each host has C(cluster_name), C(cluster_machines) and C(cluster_control_plane), by which every role finds the hosts
    of a cluster, and C(seat_number), C(seat_name) and C(seat_student).
  - Networks of Kubernetes may be the same for all seats. Duplicate names, addresses and endpoints are errors. Errors
    name the line and the key.
options:
  plugin:
    description: Marks a YAML file as one for this plugin.
    type: str
    required: true
    choices: [classroom.kubeadm.seats]
  class:
    description: Name of the class.
    type: str
    default: class
  seats:
    description:
      - A range such as V(1-20), or a list of numbers, ranges and single seats with their own settings.
      - For a single seat C(number) is required; C(student), C(machines), C(addresses) (a list, one for each host) and
        C(variables) are optional.
    type: raw
    required: true
  seat:
    description: Pattern with C({number}) for the name of a seat, which is also the name of its group and its cluster.
    type: str
    default: "seat{number:02}"
  machines:
    description: The hosts of each seat, its control plane first.
    type: list
    elements: str
    default: [master, node1, node2]
  names:
    description: Pattern with C({seat}), C({number}) and C({machine}) for the name of a host.
    type: str
    default: "{seat}-{machine}"
  addresses:
    description:
      - Rule for the addresses. C(first) is the address of the first host of seat 1, even if there is no seat 1;
        C(next_machine) (V(1)) and C(next_seat) (V(10)) are the distances to the next host and the next seat.
      - It is required unless each seat has its own list.
    type: dict
  students:
    description: Names of the students, a list in the order of the seats, or names by the number of their seat.
    type: raw
  variables:
    description:
      - Variables of all hosts, like C(group_vars/all) next to the file, which takes precedence. Variables of a seat
        apply to its hosts and take precedence over both.
    type: dict
    default: {}
  utility:
    description: C(name) and C(address) of the host that serves all seats. It is added to the group C(utility).
    type: dict
"""

EXAMPLES = r"""
# class.yml: ansible-inventory -i class.yml --graph
plugin: classroom.kubeadm.seats
class: kubernetes-basics
seats:
  - 1-19
  - {number: 20, student: Łukasz Żak, machines: [master], variables: {cluster_runtime: crio}}
addresses: {first: 10.20.0.10, next_seat: 10}
utility: {name: utility.example.com, address: 10.20.0.2}
students: [Anna Müller, Ben Sørensen]
variables:
  cluster_packages_from: utility
  cluster_images_from: utility
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.core_version import version_problem
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.class_file import (
    Class,
    ClassFileError,
    Seat,
    SeatHost,
    read_class,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.errors import record

CONTROL_PLANE = "control_plane"
WORKERS = "workers"
CLUSTER = "k8s_cluster"
UTILITY = "utility"


class InventoryModule(BaseInventoryPlugin):
    """Ansible's entry point."""

    NAME = "classroom.kubeadm.seats"

    def verify_file(self, path: str) -> bool:
        """Return whether a file is YAML; Ansible recognizes a class file by its key `plugin`."""
        return bool(super().verify_file(path)) and path.endswith((".yml", ".yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        if version_problem():
            raise AnsibleParserError(version_problem())
        super().parse(inventory, loader, path, cache)
        data = loader.load_from_file(path, cache="none", trusted_as_template=True)
        try:
            with open(path, encoding="utf-8") as file:
                found = read_class(data, file.read(), path)
        except ClassFileError as problem:
            # Any other file belongs to another plugin.
            if isinstance(data, Mapping) and data.get("plugin") == self.NAME:
                record(path, str(problem))
            raise AnsibleParserError(str(problem)) from problem
        record(path, "")
        self._fill(found)

    def _fill(self, found: Class) -> None:
        for child in (CONTROL_PLANE, WORKERS):
            self.inventory.add_group(CLUSTER)
            self.inventory.add_group(child)
            self.inventory.add_child(CLUSTER, child)
        for name, value in {**found.variables, "class_name": found.name}.items():
            self.inventory.set_variable("all", name, value)
        for seat in found.seats:
            self._fill_seat(seat)
        if found.utility is not None:
            self.inventory.add_group(UTILITY)
            self.inventory.add_host(found.utility.name, group=UTILITY)
            self.inventory.set_variable(found.utility.name, "ansible_host", _address(found.utility))

    def _fill_seat(self, seat: Seat) -> None:
        group = self.inventory.add_group(seat.name)
        names = [machine.name for machine in seat.machines]
        variables = {
            "cluster_name": seat.name, "cluster_machines": names, "cluster_control_plane": names[0],
            "seat_number": seat.number, "seat_name": seat.name, "seat_student": seat.student, **seat.variables,
        }
        for index, machine in enumerate(seat.machines):
            role = WORKERS if index else CONTROL_PLANE
            part = self.inventory.add_group(f"{seat.name}_{role}")
            self.inventory.add_child(group, part)
            self.inventory.add_child(role, part)
            self.inventory.add_host(machine.name, group=part)
            # Set as host variables, because group_vars/all of the inventory takes precedence over those of a group.
            for name, value in {"ansible_host": _address(machine), **variables}.items():
                self.inventory.set_variable(machine.name, name, value)


def _address(machine: SeatHost) -> Any:
    """Return the address as a trusted text, which `ansible-inventory --list` shows without a mark of a template."""
    # Releases of ansible-core that the collection does not support have no such function, and get a message
    from ansible.template import trust_as_template

    return trust_as_template(machine.address)
