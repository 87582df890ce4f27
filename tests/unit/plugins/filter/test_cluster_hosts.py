# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.filter.cluster_hosts import cluster_hosts

HOSTVARS: dict[str, dict[str, Any]] = {
    "master": {"ansible_host": "192.0.2.1", "group_names": ["control_plane", "k8s_cluster"]},
    "node1": {"ansible_host": "203.0.113.7", "node_address": "192.0.2.2", "group_names": ["workers"]},
    "node2.school.example": {},
}


@pytest.mark.parametrize(
    ("machine", "domain", "address", "fqdn"),
    [
        ("master", "", "192.0.2.1", ""),
        ("master", "example.com", "192.0.2.1", "master.example.com"),
        # The address of the cluster's network goes before the one that Ansible connects to
        ("node1", "example.com", "192.0.2.2", "node1.example.com"),
        # A name with a dot is complete, and stands for its own address until there is a better one
        ("node2.school.example", "example.com", "node2.school.example", "node2.school.example"),
    ],
)
def test_one_machine(machine: str, domain: str, address: str, fqdn: str) -> None:
    [entry] = cluster_hosts(HOSTVARS, [machine], domain)
    assert entry == {
        "name": machine,
        "address": address,
        "fqdn": fqdn,
        "groups": HOSTVARS[machine].get("group_names", []),
    }


def test_machines_are_listed_once_and_unknown_ones_left_out() -> None:
    listed = cluster_hosts(HOSTVARS, ["master", "", "nobody", "node1", "master"])
    assert [entry["name"] for entry in listed] == ["master", "node1"]


def seen(address: str) -> dict[str, object]:
    return {"classroom_interfaces": {"internal": {"interface": "eth1", "address": address, "prefix": 24}}}


@pytest.mark.parametrize(("variables", "network", "expected"), [
    ({"ansible_host": "10.0.2.15"}, "", "10.0.2.15"),
    ({"ansible_host": "10.0.2.15", "ansible_facts": seen("192.0.2.7")}, "", "10.0.2.15"),
    ({"ansible_host": "10.0.2.15", "ansible_facts": seen("192.0.2.7")}, "192.0.2.0/24", "192.0.2.7"),
    ({"ansible_host": "10.0.2.15", "ansible_facts": seen("192.0.2.7")}, "eth1", "192.0.2.7"),
    ({"ansible_host": "192.0.2.8"}, "192.0.2.0/24", "192.0.2.8"),
    ({"ansible_host": "192.0.2.8"}, "eth1", ""),
    ({"ansible_host": "10.0.2.15", "ansible_facts": {}}, "192.0.2.0/24", ""),
    ({"ansible_host": "10.0.2.15", "group_names": ["utility"]}, "192.0.2.0/24", "10.0.2.15"),
    # Declared is declared
    ({"node_address": "172.16.0.1", "ansible_facts": seen("192.0.2.7")}, "192.0.2.0/24", "172.16.0.1"),
])
def test_the_address_in_the_internal_network(variables: dict[str, object], network: str, expected: str) -> None:
    [entry] = cluster_hosts({"node1": {"group_names": ["workers"], **variables}}, ["node1"], "", network)
    assert entry["address"] == expected
