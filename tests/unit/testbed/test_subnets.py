# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from testbed import subnets
from testbed.config import MachineSet, machine_set
from testbed.output import MachineError
from testbed.subnets import Taken, conflict, free_prefix
from tools.paths import Checkout

LAB = machine_set("lab", {})
TESTS = machine_set("molecule", {})
HERE, THERE = "/srv/here", "/srv/there"


def taken(subnet: str, interface: str = "eth0") -> Taken:
    return Taken(IPv4Network(subnet), interface)


@pytest.mark.parametrize(
    ("used", "prefix"),
    [
        ([], "192.168.91"),
        ([taken("192.168.90.0/24")], "192.168.91"),
        ([taken("192.168.91.0/24")], "192.168.92"),
        ([taken("192.168.91.128/25"), taken("192.168.92.7/32")], "192.168.93"),
        ([taken("192.168.88.0/22")], "192.168.92"),
    ],
)
def test_the_first_free_network(used: list[Taken], prefix: str) -> None:
    assert free_prefix(used) == prefix
    assert free_prefix(used, besides=[prefix]) not in (prefix, *(str(network.subnet)[:-5] for network in used))


def test_no_free_network_is_said() -> None:
    with pytest.raises(MachineError, match=r"192\.168\.91\.0/24 to 192\.168\.99\.0/24.*CLASSROOM_NET"):
        free_prefix([taken("192.168.0.0/16")])


@pytest.mark.parametrize(
    ("used", "owner"),
    [
        pytest.param([], None, id="nothing there"),
        pytest.param([taken("192.168.91.0/24")], None, id="another network"),
        pytest.param([taken("192.168.90.0/24", LAB.bridge)], HERE, id="ours"),
        pytest.param([taken("192.168.90.0/24", LAB.bridge)], None, id="left by one that died"),
    ],
)
def test_no_conflict(used: list[Taken], owner: str | None) -> None:
    assert conflict(LAB, HERE, used, owner) is None


@pytest.mark.parametrize(
    ("machines", "used", "owner", "words"),
    [
        (LAB, taken("192.168.90.0/24"), None, ["192.168.90.0/24", "this machine", "eth0", "Give that network another"]),
        (LAB, taken("192.168.0.0/16", "wg0"), HERE, ["this machine", "192.168.0.0/16", "wg0"]),
        (LAB, taken("192.168.90.0/24", LAB.bridge), THERE, [THERE, LAB.bridge, f"{THERE}/testbed/cli.py down"]),
        (TESTS, taken("192.168.91.0/24"), None, ["CLASSROOM_NET", "free-subnet"]),
        (TESTS, taken("192.168.91.0/24", TESTS.bridge), THERE, [f"{THERE}/testbed/cli.py down --set molecule"]),
    ],
)
def test_conflict_says_wanted_found_and_what_to_do(
    machines: MachineSet, used: Taken, owner: str | None, words: list[str]
) -> None:
    sentence = conflict(machines, HERE, [used], owner)
    assert sentence is not None
    assert machines.subnet in sentence
    assert "Nothing was created" in sentence
    assert all(word in sentence for word in words)


def test_owner_is_found_over_all_checkouts(checkout: Checkout) -> None:
    other = replace(checkout, root=checkout.root.with_name("other"))
    assert subnets.owner(checkout, LAB) is None
    subnets.mark(other, LAB)
    assert subnets.owner(checkout, LAB) == str(other.root)
    assert subnets.owner(checkout, TESTS) is None
    subnets.mark(checkout, LAB)
    assert subnets.owner(checkout, LAB) == str(checkout.root)
    subnets.unmark(checkout, LAB)
    assert subnets.owner(checkout, LAB) == str(other.root)


def test_addresses_and_routes_are_taken_and_the_way_out_is_not() -> None:
    answers = {
        "address": [{"ifname": "eth0", "addr_info": [{"local": "10.1.2.3", "prefixlen": 24}]}, {}],
        "all": [
            {"dst": "default", "dev": "eth0"}, {"dst": "172.16.0.0/12", "dev": "wg0"},
            {"dst": "10.1.2.3", "type": "local"}, {"dst": "192.168.91.7", "dev": "tun0"},
        ],
    }

    def run(argv: Sequence[str], **_: Any) -> Completed:
        return Completed(0, json.dumps(answers[argv[-1]]), "")

    assert subnets.taken_subnets(run) == [
        taken("10.1.2.0/24"), taken("172.16.0.0/12", "wg0"), taken("192.168.91.7/32", "tun0"),
    ]
