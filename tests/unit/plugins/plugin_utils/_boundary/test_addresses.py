# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that several hosts of a class report."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.addresses import conflicts

NETWORK = "192.0.2.0/24"
SEATS = {seat: [f"{seat}-master", f"{seat}-node1"] for seat in ("s1", "s2", "s3")}
ALL = [name for names in SEATS.values() for name in names]


def reported(address: Any) -> dict[str, Any]:
    return {"ansible_facts": {"classroom_interfaces": {"internal": {"address": address}}}}


def found(changes: dict[str, dict[str, Any]], play: list[str] | None = None, **more: Any) -> dict[str, str]:
    """The conflicts of three seats whose hosts report addresses of their own, after these changes."""
    hosts: dict[str, dict[str, Any]] = {
        name: {"ansible_host": f"10.0.0.{number}", "cluster_machines": SEATS[name[:2]],
               **reported(f"192.0.2.{number}"), **changes.get(name, {})}
        for number, name in enumerate(ALL, 1)}
    hosts["gateway"] = {"ansible_host": "192.0.2.200"}
    return conflicts(hosts, ALL if play is None else play, [], more.get("network", NETWORK))


def test_addresses_of_their_own_are_fine() -> None:
    assert found({}) == {}


@pytest.mark.parametrize(("given", "claim"), [
    ({"node_address": "192.0.2.77"}, "192.0.2.77"),
    ({"ansible_host": "192.0.2.77"}, "192.0.2.77"),
    ({"ansible_host": "192.0.2.77", "ansible_facts": {}}, "192.0.2.77"),
])
@pytest.mark.parametrize("liar", ["s2-node1", "s1-node1"], ids=["of another cluster", "of the same cluster"])
def test_a_host_with_the_declared_address_of_another_is_rejected_alone(
    given: dict[str, Any], claim: str, liar: str
) -> None:
    problems = found({"s1-master": given, liar: reported(claim)})
    assert set(problems) == {liar} and "found 192.0.2.77, the address of s1-master" in problems[liar]


@pytest.mark.parametrize("claim", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_the_address_of_a_connection_counts_outside_of_the_network(claim: str) -> None:
    """A network by the name of an interface does not say which addresses are in it."""
    assert set(found({"s2-node1": reported(claim)}, network="eth1")) == {"s2-node1"}


def test_hosts_outside_of_the_class_have_their_address() -> None:
    assert set(found({"s1-node1": reported("192.0.2.200")})) == {"s1-node1"}


def test_the_endpoint_of_another_cluster_is_its_own() -> None:
    endpoint = {"cluster_endpoint": "192.0.2.150:6443"}
    others = dict.fromkeys(SEATS["s1"], endpoint)
    assert found({"s1-master": {**endpoint, **reported("192.0.2.150")}, "s1-node1": endpoint}) == {}
    problems = found({**others, "s2-master": reported("192.0.2.150")})
    assert set(problems) == {"s2-master"}
    assert "the address of the cluster of s1-master (cluster_endpoint)" in problems["s2-master"]


def test_both_clusters_stop_where_the_inventory_gives_it_to_neither() -> None:
    problems = found({"s2-node1": reported("192.0.2.1")})
    assert set(problems) == {*SEATS["s1"], *SEATS["s2"]}
    assert all("192.0.2.1 on s1-master and s2-node1" in message for message in problems.values())


def test_a_declaration_ends_the_conflict_for_its_host() -> None:
    assert set(found({"s1-master": {"node_address": "192.0.2.1"}, "s2-node1": reported("192.0.2.1")})) == {"s2-node1"}


def test_declared_addresses_are_not_compared_with_each_other() -> None:
    """Networks of seats may be separate and have the same addresses."""
    same = {"node_address": "192.0.2.1"}
    assert found({"s1-master": same, "s2-master": same}) == {}


@pytest.mark.parametrize("claim", ["0.0.0.0/0", ["192.0.2.1"], None, "", "192.0.2.1; x", {"a": 1}])
def test_what_is_no_address_is_no_report(claim: Any) -> None:
    assert found({"s2-node1": reported(claim)}) == {}


def test_facts_of_clusters_outside_of_the_play_do_not_count() -> None:
    assert found({"s3-master": reported("192.0.2.1")}, SEATS["s1"] + SEATS["s2"]) == {}


def test_a_host_outside_of_the_play_stops_its_cluster() -> None:
    lie = {"s1-master": {"node_address": "192.0.2.77"}, "s2-master": reported("192.0.2.77")}
    assert set(found(lie, ["s1-master", "s1-node1", "s2-node1"])) == {"s2-node1"}


def test_hosts_without_a_cluster_of_their_own_are_of_the_given_one() -> None:
    hosts = {name: reported("192.0.2.9") for name in ("master", "node1")}
    assert set(conflicts(hosts, ["master", "node1", "utility"], ["master", "node1"], NETWORK)) == {"master", "node1"}
