# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may reach which port of a host, and which interfaces are trusted, as the role's own variables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[3] / "roles"
FILES = [f"{role}/{kind}" for role in ("cluster", "firewall") for kind in ("defaults", "vars")]
HOSTS = [{"name": "master", "address": "192.168.90.100"}, {"name": "node1", "address": "192.168.90.101"},
         {"name": "utility", "address": "192.168.90.2"}]


pytestmark = pytest.mark.usefixtures("plugin_loader")


def value(words: str, **given: Any) -> Any:
    loader = DataLoader()
    variables: dict[str, Any] = {
        "groups": {}, "group_names": ["workers"], "inventory_hostname": "node1",
        "cluster_machines": ["master", "node1"],
        "cluster_control_plane": "master", "cluster_utility": "utility", "_cluster_hosts": HOSTS,
        "ansible_play_hosts_all": ["master", "node1"], **given}
    for name in FILES:
        known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
        variables.update({key: text for key, text in known.items() if key not in variables})
    return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {words} }}}}"))


ADDRESSES = ["192.168.90.100", "192.168.90.101"]


@pytest.mark.parametrize(("given", "expected"), [
    ({}, ADDRESSES),
    ({"cluster_internal_network": "172.31.90.0/24"}, ["172.31.90.0/24"]),
    ({"cluster_internal_network": "eth1"}, ADDRESSES),
    ({"_cluster_hosts": [{"name": "master", "address": "fd00::1"}, {"name": "node1", "address": "10.0.0.7"}]},
     ["10.0.0.7", "fd00::1"]),
    ({"firewall_sources": ["10.0.0.0/8"]}, ["10.0.0.0/8"]),
    ({"firewall_sources": ["10.0.0.0/8"], "cluster_internal_network": "172.31.90.0/24"}, ["10.0.0.0/8"]),
])
def test_the_kubelet_and_vxlan_are_for_the_hosts_of_the_cluster(given: dict[str, Any], expected: list[str]) -> None:
    assert value("firewall_cluster_sources", **given) == expected
    assert value("_firewall_exclusive", **given) is True


@pytest.mark.parametrize(("host", "ports", "cluster_ports"), [
    ("master", ["6443/tcp"], ["10250/tcp", "8472/udp"]),
    ("node1", ["30000-32767/tcp", "30000-32767/udp"], ["10250/tcp", "8472/udp"]),
    ("utility", ["8080/tcp", "5000/tcp"], []),
])
def test_other_ports_are_open_as_before(host: str, ports: list[str], cluster_ports: list[str]) -> None:
    names = ["workers"] if host == "node1" else []
    assert value("_firewall_ports", inventory_hostname=host, group_names=names) == ports
    assert value("_firewall_cluster_ports", inventory_hostname=host) == cluster_ports


def test_rules_of_a_host_whose_address_is_not_known_stay() -> None:
    hosts = [HOSTS[0], {"name": "node1", "address": ""}]
    assert value("firewall_cluster_sources", _cluster_hosts=hosts) == ["192.168.90.100"]
    assert value("_firewall_exclusive", _cluster_hosts=hosts) is False


@pytest.mark.parametrize(("given", "expected"), [
    ({}, []),
    ({"ansible_play_hosts_all": ["node1"]}, ["master"]),
    ({"ansible_play_hosts_all": ["node1"], "cluster_internal_network": "172.31.90.0/24"}, []),
    ({"ansible_play_hosts_all": ["node1"], "firewall_sources": ["10.0.0.0/8"]}, []),
    ({"ansible_play_hosts_all": ["node1"], "_cluster_audit_mode": True}, []),
    ({"ansible_play_hosts_all": ["utility"], "inventory_hostname": "utility"}, []),
])
def test_hosts_outside_of_the_run_that_need_rules_for_a_new_one(given: dict[str, Any], expected: list[str]) -> None:
    assert value("_firewall_hosts_outside_play", **given) == expected


@pytest.mark.parametrize(("given", "expected"), [
    ({}, ["cni0", "flannel.1"]),
    ({"cluster_pod_subnet": "10.244.0.0/16,fd00::/48"}, ["cni0", "flannel.1", "flannel-v6.1"]),
    ({"pod_network_flannel_backend": "wireguard"}, ["cni0", "flannel-wg"]),
    ({"pod_network_flannel_backend": "host-gw"}, []),
    ({"pod_network_plugin": "manifest"}, []),
    ({"inventory_hostname": "utility"}, []),
])
def test_interfaces_of_pods(given: dict[str, Any], expected: list[str]) -> None:
    assert value("firewall_trusted_interfaces", **given) == expected


@pytest.mark.parametrize(("state", "facts", "expected"), [
    ("auto", {"classroom_machine": {"firewalld": True}}, True),
    ("auto", {"classroom_machine": {"firewalld": False}}, False),
    # With --tags firewall, or in a play with the role alone, nothing has read them: the module finds out
    ("auto", {}, True), ("stopped", {}, True), ("running", {}, True), ("unchanged", {}, False),
])
def test_firewalld_is_managed_where_it_may_run(state: str, facts: dict[str, Any], expected: bool) -> None:
    assert value("_firewall_managed", firewall_state=state, ansible_facts=facts) is expected
