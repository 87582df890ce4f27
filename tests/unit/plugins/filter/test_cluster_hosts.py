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
def test_one_host(machine: str, domain: str, address: str, fqdn: str) -> None:
    [entry] = cluster_hosts(HOSTVARS, [machine], domain)
    assert entry == {
        "name": machine,
        "address": address,
        "fqdn": fqdn,
        "groups": HOSTVARS[machine].get("group_names", []),
    }


def test_hosts_are_listed_once_and_unknown_ones_left_out() -> None:
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
    # What the inventory declares goes before what a host says
    ({"ansible_host": "192.0.2.8", "ansible_facts": seen("192.0.2.7")}, "192.0.2.0/24", "192.0.2.8"),
    # Declared is declared
    ({"node_address": "172.16.0.1", "ansible_facts": seen("192.0.2.7")}, "192.0.2.0/24", "172.16.0.1"),
])
def test_the_address_in_the_internal_network(variables: dict[str, object], network: str, expected: str) -> None:
    [entry] = cluster_hosts({"node1": {"group_names": ["workers"], **variables}}, ["node1"], "", network)
    assert entry["address"] == expected


@pytest.mark.parametrize("reported", [
    "0.0.0.0/0", "192.0.2.7/24", "0.0.0.0", "::", "203.0.113.9", "192.0.2.0", "192.0.2.255", "127.0.0.1", "224.0.0.1",
    "192.0.2.7; allow all", "192.0.2.7\n", "", "fe80::1%eth0", "{{ 1 }}",
])
@pytest.mark.parametrize("network", ["192.0.2.0/24", "eth1"])
def test_a_reported_address_is_one_address_of_the_network(reported: str, network: str) -> None:
    if network == "eth1" and reported in ("203.0.113.9", "192.0.2.0", "192.0.2.255"):
        pytest.skip("which network the interface has is not known")
    variables = {"group_names": ["workers"], "ansible_host": "10.0.2.15", "ansible_facts": seen(reported)}
    assert cluster_hosts({"a": variables}, ["a"], "", network)[0]["address"] == ""


@pytest.mark.parametrize("facts", [
    "x", ["x"], None, {"classroom_interfaces": "x"}, {"classroom_interfaces": {"internal": ["x"]}},
    {"classroom_interfaces": {"internal": {"address": ["192.0.2.7"]}}},
])
def test_odd_facts_are_no_address(facts: object) -> None:
    variables = {"group_names": ["workers"], "ansible_host": "10.0.2.15", "ansible_facts": facts}
    assert cluster_hosts({"a": variables}, ["a"], "", "192.0.2.0/24")[0]["address"] == ""
