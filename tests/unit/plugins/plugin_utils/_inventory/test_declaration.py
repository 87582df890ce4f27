# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.declaration import (
    Declaration,
    Host,
    problems,
)

MASTER = Host("master", "192.168.90.100", "master.example.com", frozenset({"k8s_cluster", "control_plane"}))
NODE1 = Host("node1", "192.168.90.101", "node1.example.com", frozenset({"k8s_cluster", "workers"}))
NODE2 = Host("node2", "192.168.90.102", "node2.example.com", frozenset({"k8s_cluster", "workers"}))
UTILITY = Host("utility", "192.168.90.10", "", frozenset({"utility"}))
LAB = Declaration(
    (MASTER, NODE1, NODE2, UTILITY), "10.244.0.0/16", "10.96.0.0/12", "192.168.90.0/24", "1.36.3"
)


def with_hosts(*hosts: Host) -> Declaration:
    return replace(LAB, hosts=hosts)


@pytest.mark.parametrize(
    "declaration",
    [
        LAB,
        replace(LAB, node_subnet="", kubernetes_version=""),
        replace(LAB, bundle_version="1.36.3"),
        # Its packages are not used
        replace(LAB, missing_bundle="/bundle/key.asc"),
        replace(LAB, pod_subnet="10.244.0.0/16,fd00:1::/56", service_subnet="10.96.0.0/16, fd00:2::/112"),
        with_hosts(MASTER),
        replace(LAB, packages_from="utility", images_from="utility", utility="utility"),
        # Nothing is asked of it
        replace(LAB, utility="gone"),
        with_hosts(replace(MASTER, name="master.example.com")),
        with_hosts(MASTER, replace(NODE1, fqdn="")),
        with_hosts(MASTER, replace(UTILITY, address="172.16.0.9")),
        # 256 parts of a /16 for 256 nodes
        with_hosts(MASTER, *(replace(NODE1, name=f"n{n}", fqdn="", address=f"192.168.90.{n}") for n in range(1, 90))),
        replace(
            with_hosts(replace(MASTER, address="fd00:9::1")),
            pod_subnet="fd00:1::/56", service_subnet="fd00:2::/112", node_subnet="fd00:9::/64",
        ),
    ],
)
def test_a_good_declaration_has_no_problem(declaration: Declaration) -> None:
    assert problems(declaration) == []


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        (with_hosts(MASTER, NODE1, replace(NODE2, address=NODE1.address)),
         ["192.168.90.101", "node1", "node2", "its own address"]),
        (with_hosts(MASTER, NODE1, replace(UTILITY, address=NODE1.address)), ["192.168.90.101", "node1", "utility"]),
        # Two spellings of one IPv6 address
        (replace(with_hosts(replace(MASTER, address="fd00:9::1"), replace(NODE1, address="fd00:9:0::1")),
                 pod_subnet="fd00:1::/56", service_subnet="fd00:2::/112", node_subnet=""),
         ["fd00:9::1 on master", "node1"]),
        (with_hosts(MASTER, NODE1, replace(NODE2, name="node1", fqdn="")), ["the name node1", "192.168.90.102"]),
        (with_hosts(MASTER, NODE1, replace(NODE2, fqdn="node1.example.com")), ["the name node1.example.com", "node2"]),
        (with_hosts(MASTER, NODE1, replace(NODE2, fqdn="master")), ["the name master", "node2"]),
        (with_hosts(MASTER, NODE1, replace(NODE2, name="node1.example.org", fqdn="")),
         ["the name node1 on", "node1.example.org (192.168.90.102)"]),
        (with_hosts(MASTER, replace(NODE1, address="")), ["node1", "found none", "inventory"]),
        (with_hosts(MASTER, replace(NODE1, address="192.168.90")), ["node1", "'192.168.90'"]),
        (with_hosts(MASTER, replace(NODE1, address="node1")), ["node1", "'node1'"]),
        (with_hosts(MASTER, replace(NODE1, address="192.168.90.0101")), ["node1", "'192.168.90.0101'"]),
        (replace(with_hosts(MASTER, replace(NODE1, address="127.0.1.1")), node_subnet=""), ["node1", "127.0.1.1"]),
        (replace(with_hosts(MASTER, replace(NODE1, address="0.0.0.0")), node_subnet=""), ["node1", "0.0.0.0"]),
        (with_hosts(MASTER, replace(NODE1, groups=frozenset({"control_plane", "workers"}))),
         ["node1", "control_plane", "workers", "one of them"]),
        (with_hosts(MASTER, replace(NODE1, groups=frozenset({"k8s_cluster"}))), ["node1", "neither"]),
        (with_hosts(MASTER, replace(NODE1, groups=frozenset({"workers"}))),
         ["node1", "found it in workers only", "child of k8s_cluster"]),
        (with_hosts(NODE1, NODE2), ["control_plane", "node1 and node2", "no cluster to join"]),
        (with_hosts(UTILITY), ["control_plane", "found none"]),
        (with_hosts(MASTER, replace(NODE1, groups=frozenset({"control_plane"}))),
         ["master and node1", "all that this version supports"]),
        (with_hosts(MASTER, replace(NODE1, name="Node1")), ["'Node1'", "lower-case"]),
        (with_hosts(MASTER, replace(NODE1, name="node_1")), ["'node_1'"]),
        (with_hosts(MASTER, replace(NODE1, name="n" * 64)), ["at most 63"]),
        (with_hosts(MASTER, replace(NODE1, name="-n")), ["'-n'"]),
        (with_hosts(MASTER, replace(UTILITY, fqdn="utility_.example.com")), ["'utility_.example.com'"]),
        (replace(LAB, pod_subnet="10.96.0.0/16"),
         ["pod subnet 10.96.0.0/16", "service subnet 10.96.0.0/12", "another pod subnet"]),
        (replace(LAB, pod_subnet="192.168.0.0/16"), ["pod subnet 192.168.0.0/16", "node subnet 192.168.90.0/24"]),
        (replace(LAB, service_subnet="192.168.90.0/24"), ["service subnet 192.168.90.0/24", "node subnet"]),
        (replace(LAB, pod_subnet="192.168.0.0/16", node_subnet=""), ["node1", "192.168.90.101", "pod subnet"]),
        (replace(LAB, service_subnet="192.168.0.0/16", node_subnet=""), ["utility", "192.168.90.10", "service subnet"]),
        (with_hosts(MASTER, replace(NODE1, address="10.0.2.15")), ["node1", "10.0.2.15", "network card"]),
        (replace(LAB, pod_subnet="10.244.0.0/23"), ["room for 2 of 3 nodes", "/22 or shorter"]),
        (replace(LAB, pod_subnet="10.244.0.0/25"), ["room for 0 of 3 nodes", "/22 or shorter"]),
        (replace(LAB, pod_subnet="fd00::/40"), ["too wide", "/48 or longer"]),
        (replace(LAB, service_subnet="10.96.0.0/29"), ["8 addresses", "at least 10"]),
        (replace(LAB, service_subnet="10.96.0.0/11"), ["too wide", "/12 or longer"]),
        (replace(LAB, service_subnet="fd00:2::/112"), ["master", "one family", "IPv4 first"]),
        (replace(LAB, pod_subnet="10.244.0.0"), ["pod subnet", "no prefix length"]),
        (replace(LAB, pod_subnet="10.244.0.0/33"), ["pod subnet", "no network"]),
        (replace(LAB, pod_subnet="10.244.5.0/16"), ["inside of 10.244.0.0/16", "write 10.244.0.0/16"]),
        (replace(LAB, pod_subnet="10.1.0.0/16,10.2.0.0/16"), ["two networks of IPv4"]),
        (replace(LAB, pod_subnet="10.1.0.0/16,fd00::/56,fd01::/56"), ["3 networks"]),
        (replace(LAB, node_subnet="lan"), ["node subnet", "'lan'"]),
        (replace(LAB, kubernetes_version="v1.36.3"), ["'v1.36.3'", "1.36.3"]),
        (replace(LAB, kubernetes_version="1.36"), ["'1.36'"]),
        (replace(LAB, kubernetes_version="latest"), ["'latest'"]),
        (replace(LAB, packages_from="utility", utility="utility", missing_bundle="/bundle/key.asc"),
         ["public key", "no /bundle/key.asc", "bundle.yml", "cluster_bundle"]),
        (replace(LAB, bundle_version="1.35.2"), ["Kubernetes 1.36.3", "1.35.2 in the bundle", "cluster_version"]),
    ],
)
def test_each_problem_is_named_with_what_was_found_and_what_to_do(declaration: Declaration, words: list[str]) -> None:
    found = problems(declaration)

    telling = [problem for problem in found if all(word in problem for word in words)]
    assert len(telling) == 1, found
    # The fix is the second sentence; that of a network is part of the error of its parser.
    assert re.search(r"expected .*found .*(\. [A-Z]|; write )", telling[0])


def test_all_problems_are_found_at_once() -> None:
    declaration = replace(
        with_hosts(NODE1, replace(NODE2, address=NODE1.address)), pod_subnet="10.96.0.0/16", kubernetes_version="1"
    )

    assert len(problems(declaration)) == 4


PROXY = {"http": "http://proxy.school.example:3128", "no_proxy": [".school.example", "10.0.0.0/8"]}


@pytest.mark.parametrize("proxy", [
    {}, PROXY, {"https": "https://teacher:top%20secret@10.0.0.9:443/"}, {"http": "http://[fd00::1]:3128"},
])
def test_a_good_proxy(proxy: dict[str, object]) -> None:
    assert problems(replace(LAB, proxy=proxy)) == []


@pytest.mark.parametrize(("proxy", "words"), [
    ({"htttp": "http://x:1"}, ["keys http, https and no_proxy, found 'htttp'", "found neither"]),
    ({"no_proxy": ["x"]}, ["found neither"]),
    ({"http": "topsecret@proxy:3128"}, ["cluster_proxy.http", "start with http://"]),
    ({"http": "http://a:topsecret@"}, ["without a host"]),
    ({"https": "http://a:topsecret@proxy:99999"}, ["cluster_proxy.https", "port that is not a number"]),
    ({"http": "http://a:top secret@proxy"}, ["with a blank"]),
    ({"http": "http://proxy:3128/topsecret"}, ["after the port"]),
    ({**PROXY, "no_proxy": "a,b"}, ["cluster_proxy.no_proxy", "a separate entry"]),
    ({**PROXY, "no_proxy": ["a,b"]}, ["a separate entry"]),
    ({**PROXY, "no_proxy": [""]}, ["a separate entry"]),
])
def test_a_proxy_that_cannot_be(proxy: dict[str, object], words: list[str]) -> None:
    found = " ".join(problems(replace(LAB, proxy=proxy)))
    assert all(word in found for word in words), found
    assert "topsecret" not in found and "top secret" not in found


@pytest.mark.parametrize("packages_from", ["upstream", "utility"])
@pytest.mark.parametrize("images_from", ["upstream", "utility"])
@pytest.mark.parametrize(("utility", "found"), [
    ("", "the group utility has no host"), ("gone", "cluster_utility names 'gone', which the inventory does not have")])
def test_a_utility_that_is_asked_for_exists(packages_from: str, images_from: str, utility: str, found: str) -> None:
    declaration = replace(LAB, packages_from=packages_from, images_from=images_from, utility=utility)

    named = [problem.split(" is utility: expected a host in the group utility, found that ")
             for problem in problems(declaration)]

    wanted = [variable for variable, source in (
        ("cluster_packages_from", packages_from), ("cluster_images_from", images_from)) if source == "utility"]
    assert [variable for variable, _rest in named] == wanted
    assert all(rest.startswith(found) and f"set {variable} to upstream" in rest for variable, rest in named)
