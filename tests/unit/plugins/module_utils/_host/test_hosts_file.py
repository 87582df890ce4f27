# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/etc/hosts: the block, foreign lines, contradictions."""

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.hosts_file import (
    BEGIN,
    END,
    Entry,
    check_entries,
    plan_hosts,
)

MASTER = Entry("192.168.90.100", ("master.example.com", "master"))
NODE1 = Entry("192.168.90.101", ("node1.example.com", "node1"))
BLOCK = f"{BEGIN}\n{MASTER.line()}\n{NODE1.line()}\n{END}\n"
LOOPBACK = "127.0.0.1\tlocalhost\n"


def planned(text: str) -> str:
    return plan_hosts(text, [MASTER, NODE1]).text


@pytest.mark.parametrize(("found", "expected"), [
    ("", BLOCK),
    (LOOPBACK, LOOPBACK + BLOCK),
    ("127.0.0.1 localhost", "127.0.0.1 localhost\n" + BLOCK),
    (LOOPBACK + BLOCK, LOOPBACK + BLOCK),
    (LOOPBACK + BEGIN + "\n10.0.0.9 node1\n" + END + "\n# the end\n", LOOPBACK + BLOCK + "# the end\n"),
    ("# node1 is nice\n10.0.0.1 printer # node1\n", "# node1 is nice\n10.0.0.1 printer # node1\n" + BLOCK),
    # a container engine's own line, and a name of both families
    ("192.168.90.101 node1 lab-node1\n", "192.168.90.101 node1 lab-node1\n" + BLOCK),
    ("2001:db8::101 node1\n", "2001:db8::101 node1\n" + BLOCK),
    ("192.168.90.101 an-alias\n", "192.168.90.101 an-alias\n" + BLOCK),
])
def test_foreign_lines_are_kept(found: str, expected: str) -> None:
    plan = plan_hosts(found, [MASTER, NODE1])
    assert plan.text == expected
    assert plan.commented_out == ()
    assert planned(plan.text) == plan.text


@pytest.mark.parametrize(("line", "rest"), [
    ("127.0.1.1 node1", ""),
    ("127.0.1.1\tnode1.example.com\tnode1", ""),
    ("127.0.0.1 localhost NODE1", "127.0.0.1 localhost\n"),
    ("::1 ip6-localhost node1", "::1 ip6-localhost\n"),
])
def test_a_loopback_address_of_a_node_is_put_aside(line: str, rest: str) -> None:
    plan = plan_hosts(line + "\n", [MASTER, NODE1])
    assert plan.text == f"#classroom.kubeadm# {line}\n{rest}{BLOCK}"
    assert plan.commented_out == (line,)
    assert planned(plan.text) == plan.text


@pytest.mark.parametrize("line", ["192.168.90.102 node1", "10.0.0.9 gate Node1.Example.com", "192.168.90.101 master"])
def test_a_contradiction_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ClassroomError, match=rf"expected \S+ at 192.168.90.10[01], found '{line}'.*line 2 "):
        planned(LOOPBACK + line + "\n")


@pytest.mark.parametrize("found", [BEGIN + "\n", END + "\n", END + "\n" + BEGIN + "\n", BLOCK + BLOCK])
def test_an_incomplete_block_is_rejected(found: str) -> None:
    with pytest.raises(ClassroomError, match="expected one block"):
        planned(found)


@pytest.mark.parametrize(("entries", "message"), [
    ([MASTER, Entry("192.168.90.100", ("node1",))],
     "expected one node for 192.168.90.100, found both master.example.com master and node1"),
    ([MASTER, Entry("192.168.90.101", ("Master",))],
     "expected one address for master, found both 192.168.90.100 and 192.168.90.101"),
    ([Entry("192.168.90.1000", ("node1",))],
     "address of node1 is invalid: expected an IP address, found '192.168.90.1000'"),
])
def test_the_inventory_itself_is_checked(entries: list[Entry], message: str) -> None:
    with pytest.raises(ClassroomError, match=message):
        check_entries(entries)


def test_a_name_twice_in_one_entry_is_no_contradiction() -> None:
    check_entries([Entry("192.168.90.100", ("master", "master"))])
