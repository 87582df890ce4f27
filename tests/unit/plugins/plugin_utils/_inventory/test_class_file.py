# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Class files, good ones as seats and bad ones as sentences with line and key."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.class_file import (
    Class,
    ClassFileError,
    SeatHost,
    read_class,
)

HEAD = "plugin: classroom.kubeadm.seats\n"
RULE = "addresses: {first: 10.20.0.10}\n"


def read(text: str) -> Class:
    return read_class(yaml.safe_load(text), text, "class.yml")


def refused(text: str) -> str:
    with pytest.raises(ClassFileError) as error:
        read(text)
    return str(error.value)


def machines(found: Class) -> dict[str, str]:
    return {machine.name: machine.address for seat in found.seats for machine in seat.machines}


def test_twenty_seats_of_three_hosts() -> None:
    found = read(HEAD + "seats: 1-20\n" + RULE)
    assert [seat.name for seat in found.seats] == [f"seat{number:02}" for number in range(1, 21)]
    assert len(machines(found)) == 60
    assert found.seats[19].machines == (
        SeatHost("seat20-master", "10.20.0.200"), SeatHost("seat20-node1", "10.20.0.201"),
        SeatHost("seat20-node2", "10.20.0.202"))
    assert found.name == "class" and found.utility is None


@pytest.mark.parametrize(("seats", "numbers"), [
    ("7", [7]), ("'7'", [7]), ("3-3", [3]), ("[1, 3-4, {number: 9}]", [1, 3, 4, 9]),
])
def test_which_seats(seats: str, numbers: list[int]) -> None:
    assert [seat.number for seat in read(HEAD + f"seats: {seats}\n" + RULE).seats] == numbers


def test_a_seat_keeps_its_addresses_whichever_others_there_are() -> None:
    whole = machines(read(HEAD + "seats: 1-3\n" + RULE))
    part = machines(read(HEAD + "seats: [3, 2]\n" + RULE))
    assert part.items() <= whole.items() and len(part) == 6


def test_steps_and_families() -> None:
    rule = "addresses: {first: 'fd00::1:10', next_machine: 2, next_seat: 65536}\n"
    found = machines(read(HEAD + "seats: 1-2\nmachines: [m, n]\n" + rule))
    assert list(found.values()) == ["fd00::1:10", "fd00::1:12", "fd00::2:10", "fd00::2:12"]


def test_patterns() -> None:
    patterns = "seat: place{number}\nnames: '{machine}.{seat}.school.example'\n"
    found = read(HEAD + "seats: 1\nmachines: [m]\n" + patterns + RULE)
    assert found.seats[0].name == "place1" and machines(found) == {"m.place1.school.example": "10.20.0.10"}


def test_a_seat_has_its_own_settings() -> None:
    found = read(HEAD + "seats:\n- 1\n- {number: 2, student: Łukasz Żak, machines: [m], addresses: [10.9.9.9],\n"
                 "   variables: {cluster_runtime: crio}}\n" + RULE)
    assert found.seats[1].student == "Łukasz Żak" and found.seats[1].variables == {"cluster_runtime": "crio"}
    assert machines(found)["seat02-m"] == "10.9.9.9" and len(machines(found)) == 4


def test_a_template_may_be_another_endpoint_at_each_seat() -> None:
    assert read(HEAD + "seats: 1-2\nvariables: {cluster_endpoint: '{{ seat_name }}.school.example:6443'}\n" + RULE)


@pytest.mark.parametrize("students", ["[Anna Müller, Ben Sørensen]", "{1: Anna Müller, 3: Ben Sørensen}"])
def test_students_by_order_or_by_number(students: str) -> None:
    found = read(HEAD + f"seats: [1, 3]\nstudents: {students}\n" + RULE)
    assert [seat.student for seat in found.seats] == ["Anna Müller", "Ben Sørensen"]


def test_kubernetes_networks_may_be_the_same_in_every_seat() -> None:
    found = read(HEAD + "seats: 1-2\nvariables: {cluster_pod_subnet: 10.244.0.0/16}\n" + RULE)
    assert found.variables == {"cluster_pod_subnet": "10.244.0.0/16"}


@pytest.mark.parametrize(("text", "words"), [
    ("[1, 2]\n", ["expected keys and values", "found a list"]),
    ("", ["expected keys and values", "found nothing"]),
    (HEAD, ["expected 'seats'", "found none"]),
    (HEAD + "seats: 1-3\n", ["line 2, seats: expected an address for each host"]),
    (HEAD + "seats: 1-3\nmachine: [a]\n" + RULE, ["line 3, machine: expected one of plugin", "found 'machine'"]),
    (HEAD + "seats: [1-3, 2]\n" + RULE, ["line 2, seats: expected every seat once, found 2 again (first in line 2)"]),
    (HEAD + "seats:\n- 1\n- {number: 1}\n" + RULE, ["line 4, seats: expected every seat once", "first in line 3"]),
    (HEAD + "seats: 3-1\n" + RULE, ["line 2, seats: expected a range upwards", "3-1"]),
    (HEAD + "seats: 1-9999\n" + RULE, ["at most 1000"]),
    (HEAD + "seats: 0-3\n" + RULE, ["from 1 or more", "0-3"]),
    (HEAD + "seats: '0'\n" + RULE, ["from 1 on", "found '0'"]),
    (HEAD + "seats: many\n" + RULE, ["expected the number of a seat, from 1 on, or a range", "'many'"]),
    (HEAD + "seats: [true]\n" + RULE, ["expected the number of a seat", "'True'"]),
    (HEAD + "seats: [{student: A}]\n" + RULE, ["expected the number of a seat", "found nothing"]),
    (HEAD + "seats: [{number: 1, name: A}]\n" + RULE, ["line 2, seats.name: expected one of number"]),
    (HEAD + "seats: 1-2\nnames: '{machine}'\n" + RULE, [
        "line 3, names: expected every name once, found master for seat 1", "seat 2. Add {seat}"]),
    (HEAD + "seats: 1-2\nseat: place\n" + RULE, ["expected every name once, found place"]),
    (HEAD + "seats: 1\nnames: '{seat}-m'\n" + RULE, ["names: expected every name once, found seat01-m for seat 1 and"]),
    (HEAD + "seats: 1\nseat: 'room-{number}'\n" + RULE, ["line 3, seat: expected names for seats that", "'room-1'"]),
    (HEAD + "seats: 1\nseat: workers\n" + RULE, ["none of all, ungrouped, control_plane, workers", "found 'workers'"]),
    (HEAD + "seats: 1\nnames: '{host}'\n" + RULE, ["line 3, names: expected a pattern with {machine}, {number}, {sea"]),
    (HEAD + "seats: 1\nnames: '{machine'\n" + RULE, ["expected a pattern"]),
    (HEAD + "seats: 1\nnames: '{seat}_{machine}'\n" + RULE, ["names that a Kubernetes Node can have", "seat01_master"]),
    (HEAD + "seats: 1\nmachines: []\n" + RULE, ["line 3, machines: expected a list of names", "an empty list"]),
    (HEAD + "seats: 1\nmachines: master\n" + RULE, ["expected a list of names", "'master'"]),
    (HEAD + "seats: 1\nmachines: [a, a]\n" + RULE, ["expected every host of a seat once, found a twice"]),
    (HEAD + "seats: 1\naddresses: [10.0.0.1]\n", ["line 3, addresses: expected a rule such as {first: 10.20.0.10"]),
    (HEAD + "seats: 1\naddresses: {from: 10.0.0.1}\n", ["line 3, addresses.from: expected one of", "expected 'first"]),
    (HEAD + "seats: 1\naddresses: {first: 10.0.0}\n", ["line 3, addresses.first: expected an IP address, found '10.0"]),
    (HEAD + "seats: 1\naddresses: {first: 10.0.0.1, next_seat: 0}\n", ["addresses.next_seat: expected how", "'0'"]),
    (HEAD + "seats: 1-2\naddresses: {first: 10.0.0.1, next_seat: 2}\n", [
        "line 3, addresses: expected every address once, found 10.0.0.3 for seat 1 and for seat 2"]),
    (HEAD + "seats: 1-2\naddresses: {first: 255.255.255.250}\n", ["the rule has too few"]),
    (HEAD + "seats: [{number: 1, addresses: [10.0.0.1]}]\n", ["seats.addresses: expected a list of 3", "found 1."]),
    (HEAD + "seats: [{number: 1, machines: [m, n], addresses: [10.0.0.1, 10.0.0.1]}]\n", [
        "line 2, seats.addresses: expected every address once, found 10.0.0.1 for seat 1 and for seat 1"]),
    (HEAD + "seats:\n- 1\n- {number: 2, machines: [m],\n   addresses: [10.20.0.12]}\n" + RULE, [
        "line 5, seats.addresses: expected every address once, found 10.20.0.12 for seat 1 and for seat 2"]),
    (HEAD + "seats: [{number: 1, machines: [m], addresses: [x]}]\n", ["expected an IP address, found 'x'"]),
    (HEAD + "seats: 1\nstudents: Anna\n" + RULE, ["line 3, students: expected a list of names"]),
    (HEAD + "seats: 1\nstudents: [Anna, Ben]\n" + RULE, ["at most as many students as seats (1), found 2"]),
    (HEAD + "seats: 1\nstudents: {2: Ben}\n" + RULE, ["line 3, students.2: expected the number of a seat of this"]),
    (HEAD + "seats: 1\nvariables: [a]\n" + RULE, ["line 3, variables: expected variables and their values"]),
    (HEAD + "seats: 1\nvariables: {a-b: 1}\n" + RULE, ["expected the name of a variable, found 'a-b'"]),
    (HEAD + "seats: 1\nclass: 7\n" + RULE, ["line 3, class: expected a text, found '7'"]),
    (HEAD + "seats: 1\nutility: {name: u}\n" + RULE, ["utility.address: expected an IP address, found 'None'"]),
    (HEAD + "seats: 1\nutility: {address: 10.20.0.11}\n" + RULE, ["10.20.0.11 for the utility and for seat 1"]),
    (HEAD + "seats:\n" + "".join(f"- {{number: {n}, variables: {{cluster_endpoint: 'a:1'}}}}\n" for n in (1, 2)) + RULE,
     ["line 4, seats.variables.cluster_endpoint: expected every endpoint once, found a:1", "its own cluster_endpoint"]),
    (HEAD + "seats: 1-2\nvariables: {cluster_endpoint: 'a:1'}\n" + RULE, ["expected every endpoint once, found a:1"]),
])
def test_what_is_wrong_is_said_with_line_and_key(text: str, words: list[str]) -> None:
    said = refused(text)
    assert said.startswith("The class file class.yml has ")
    assert [word for word in words if word not in said] == [], said


def test_everything_wrong_is_said_at_once() -> None:
    said = refused(HEAD + "seats: many\nmachine: x\nclass: 7\n" + RULE)
    assert said.startswith("The class file class.yml has 3 problems:") and said.count("\n- ") == 3
