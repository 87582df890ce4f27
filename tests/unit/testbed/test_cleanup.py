# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.cleanup import monitors, network_removal, scaffold_removal

SCAFFOLD = """\
*filter
:INPUT ACCEPT [0:0]
:NETAVARK_FORWARD - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD
COMMIT
*nat
:NETAVARK-HOSTPORT-MASQ - [0:0]
-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ
-A NETAVARK-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
COMMIT
"""
NETWORK = SCAFFOLD.replace("*nat\n", "*nat\n:NETAVARK-C73F18B813054 - [0:0]\n").replace(
    "-A POSTROUTING -j NETAVARK-H",
    "-A POSTROUTING -s 192.168.95.0/24 -j NETAVARK-C73F18B813054\n"
    "-A POSTROUTING -s 192.168.95.0/24 -j MASQUERADE\n"
    "-A NETAVARK-C73F18B813054 -d 192.168.95.0/24 -j ACCEPT\n-A POSTROUTING -j NETAVARK-H",
).replace('NETAVARK_FORWARD\nCOMMIT', 'NETAVARK_FORWARD\n-A NETAVARK_FORWARD -s 192.168.95.0/24 -j ACCEPT\nCOMMIT')


class TestRules:
    def test_common_chains_are_removed_and_nothing_else(self) -> None:
        assert scaffold_removal(SCAFFOLD).splitlines() == [
            "*filter",
            '-D FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD',
            "-F NETAVARK_FORWARD", "-X NETAVARK_FORWARD", "COMMIT",
            "*nat", "-D POSTROUTING -j NETAVARK-HOSTPORT-MASQ",
            "-F NETAVARK-HOSTPORT-MASQ", "-X NETAVARK-HOSTPORT-MASQ", "COMMIT",
        ]

    @pytest.mark.parametrize("saved", ["", NETWORK, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"])
    def test_common_chains_stay_while_a_network_uses_them(self, saved: str) -> None:
        assert scaffold_removal(saved) == ""

    def test_rules_of_one_network(self) -> None:
        assert network_removal(NETWORK, "192.168.95.0/24").splitlines() == [
            "*filter", "-D NETAVARK_FORWARD -s 192.168.95.0/24 -j ACCEPT", "COMMIT",
            "*nat", "-D POSTROUTING -s 192.168.95.0/24 -j NETAVARK-C73F18B813054",
            "-F NETAVARK-C73F18B813054", "-X NETAVARK-C73F18B813054", "COMMIT",
        ]

    @pytest.mark.parametrize("subnet", ["192.168.9.0/24", "192.168.90.0/24"])
    def test_other_networks_keep_theirs(self, subnet: str) -> None:
        assert network_removal(NETWORK, subnet) == ""


def test_monitors_are_told_apart_by_where_their_container_lies() -> None:
    processes = {
        1: ["/sbin/init"], 2: [""],
        7: ["/usr/bin/conmon", "-c", "mine", "-b", "/srv/a/.cache/podman/storage/x", "-n", "master"],
        8: ["/usr/bin/conmon", "-c", "other", "-b", "/srv/ab/.cache/podman/storage/x"],
        10: ["/usr/bin/conmon", "--version"],
        11: [],
        12: ["conmon", "-b"],
        9: ["grep", "conmon", "-b", "/srv/a/.cache/podman/storage/x"],
    }
    assert monitors(processes, Path("/srv/a/.cache/podman")) == {"mine": 7}
