# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a class file, which declares the seats of a class, into the hosts of every seat."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import yaml

from ...module_utils._formats.dns_names import is_dns_subdomain

NAMES = "{seat}-{machine}"
SEAT = "seat{number:02}"
MACHINES = ("master", "node1", "node2")
_CLASS_KEYS = ("plugin", "class", "seats", "seat", "machines", "names", "addresses", "students", "variables", "utility")
_SEAT_KEYS = ("number", "student", "machines", "addresses", "variables")
_RULE_KEYS = ("first", "next_machine", "next_seat")
_UTILITY_KEYS = ("name", "address")
# The names of groups that Ansible accepts without a warning, and the groups that all seats share.
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GROUPS = ("all", "ungrouped", "control_plane", "workers", "k8s_cluster", "utility")
# The keys, of a seat or of the class, that set values which have to be unique.
_ONCE: Mapping[str, Place] = {
    "name": ("names",), "address": ("addresses",), "endpoint": ("variables", "cluster_endpoint")}
_RANGE = re.compile(r"\s*(\d+)\s*-\s*(\d+)\s*")
# A larger number is a mistake, and each seat would be a cluster.
_MOST_SEATS = 1000

Place = tuple[Union[str, int], ...]


class ClassFileError(Exception):
    """An error with all problems of a class file, with lines and keys."""


@dataclass(frozen=True)
class SeatHost:
    """A host of a seat; `name` is its inventory name."""

    name: str
    address: str


@dataclass(frozen=True)
class Seat:
    """The cluster of one student; the first host is its control plane."""

    number: int
    name: str
    machines: tuple[SeatHost, ...]
    student: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Class:
    """All seats of a class, with common variables and the utility."""

    name: str
    seats: tuple[Seat, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    utility: SeatHost | None = None


def read_class(data: Any, text: str, path: str) -> Class:
    """Return the class that `data`, loaded from `text`, describes. Raise ClassFileError with all problems."""
    reader = _Reader(lines(text))
    found = reader.read(data)
    if reader.problems or found is None:
        count = "a problem" if len(reader.problems) == 1 else f"{len(reader.problems)} problems"
        raise ClassFileError("The class file {} has {}:\n- {}".format(path, count, "\n- ".join(reader.problems)))
    return found


def lines(text: str) -> dict[Place, int]:
    """Return the line of each key and each entry of a list."""
    found: dict[Place, int] = {}

    def walk(node: yaml.Node | None, place: Place) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*place, str(key.value))
                found[below] = key.start_mark.line + 1
                walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                found[(*place, index)] = value.start_mark.line + 1
                walk(value, (*place, index))

    # The text is composed only and not constructed, so that tags such as !vault do not matter.
    walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return found


class _Reader:
    """A reader that collects problems; its result is valid only if there are none."""

    def __init__(self, known_lines: Mapping[Place, int]) -> None:
        self.problems: list[str] = []
        self._lines = known_lines
        # The place of each seat in the file, by its name in messages.
        self._places: dict[str, Place] = {}

    def _problem(self, place: Place, message: str) -> None:
        shown = place
        while shown and shown not in self._lines:
            shown = shown[:-1]
        if not shown:
            self.problems.append(message)
            return
        key = ".".join(str(part) for part in place if not isinstance(part, int))
        self.problems.append(f"line {self._lines[shown]}, {key}: {message}")

    def read(self, data: Any) -> Class | None:
        if not isinstance(data, Mapping):
            self._problem((), f"expected keys and values such as 'seats: 1-20', found {_kind(data)}.")
            return None
        self._unknown(data, _CLASS_KEYS, ())
        name = self._text(data, "class", (), "class")
        seats = self._seats(data)
        utility = self._utility(data.get("utility"))
        variables = self._mapping(data, "variables", ())
        if not self.problems:
            self._apart(seats, utility, variables)
        return Class(name, tuple(seats), variables, utility)

    def _unknown(self, data: Mapping[str, Any], known: Sequence[str], place: Place) -> None:
        for key in data:
            if key not in known:
                self._problem((*place, str(key)), "expected one of {}, found '{}'. Correct or remove it.".format(
                    ", ".join(known), key))

    def _text(self, data: Mapping[str, Any], key: str, place: Place, default: str) -> str:
        value = data.get(key, default)
        if not isinstance(value, str) or not value.strip():
            self._problem((*place, key), f"expected a text, found {_kind(value)}.")
            return default
        return str(value)

    def _mapping(self, data: Mapping[str, Any], key: str, place: Place) -> Mapping[str, Any]:
        value = data.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._problem((*place, key), f"expected variables and their values, found {_kind(value)}.")
            return {}
        for name in value:
            if not isinstance(name, str) or not name.isidentifier():
                self._problem((*place, key, str(name)), f"expected the name of a variable, found '{name}'.")
        return dict(value)

    def _machines(self, data: Mapping[str, Any], place: Place, default: Sequence[str]) -> list[str]:
        value = data.get("machines", default)
        if isinstance(value, str) or not isinstance(value, Sequence) or not value \
                or any(not isinstance(name, str) or not name for name in value):
            self._problem((*place, "machines"), "expected a list of names such as [master, node1, node2], the control "
                          f"plane first, found {_kind(value)}.")
            return []
        for index, name in enumerate(value):
            if name in list(value)[:index]:
                self._problem((*place, "machines", index), f"expected every host of a seat once, found {name} twice. "
                              "Rename one.")
        return [str(name) for name in value]

    def _seats(self, data: Mapping[str, Any]) -> list[Seat]:
        specs = list(self._specs(data))
        names = self._pattern(data, "names", NAMES, {"seat", "number", "machine"})
        called = self._pattern(data, "seat", SEAT, {"number"})
        students = self._students(data, [number for number, _place, _spec in specs])
        machines = self._machines(data, (), MACHINES)
        rule = self._rule(data)
        seats = []
        seen: dict[int, Place] = {}
        for number, place, spec in specs:
            if number in seen:
                self._problem(place, "expected every seat once, found {} again (first in line {}). Remove one.".format(
                    number, self._lines.get(seen[number], "?")))
                continue
            seen[number] = place
            self._places[f"seat {number}"] = place
            own = self._machines(spec, place, machines)
            addresses = self._addresses(spec, place, rule, number, own)
            seat = called.format(number=number) if called else ""
            student = spec.get("student", students.get(number, ""))
            if not isinstance(student, str):
                self._problem((*place, "student"), f"expected a name, found {_kind(student)}.")
            if names and seat and len(own) == len(addresses):
                seats.append(Seat(number, seat, tuple(
                    SeatHost(names.format(seat=seat, number=number, machine=machine), address)
                    for machine, address in zip(own, addresses)
                ), str(student), self._mapping(spec, "variables", place)))
        return seats

    def _specs(self, data: Mapping[str, Any]) -> Iterator[tuple[int, Place, Mapping[str, Any]]]:
        """Yield number, place in the file and own settings of each seat."""
        value = data.get("seats")
        if value is None:
            self._problem(("seats",), "expected 'seats', a range such as 1-20 or a list, found none. Add it.")
            return
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        for index, entry in enumerate(value if listed else [value]):
            place: Place = ("seats", index) if listed else ("seats",)
            if isinstance(entry, Mapping):
                self._unknown(entry, _SEAT_KEYS, place)
                numbers = self._numbers(entry.get("number"), place)
                yield from ((number, place, entry) for number in numbers[:1])
            else:
                yield from ((number, place, {}) for number in self._numbers(entry, place))

    def _numbers(self, value: Any, place: Place) -> list[int]:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return [int(value)]
        match = _RANGE.fullmatch(value) if isinstance(value, str) else None
        if match is None and isinstance(value, str) and value.strip().isdigit():
            return self._numbers(int(value), place)
        if match is None:
            self._problem(place, "expected the number of a seat, from 1 on, or a range such as 1-20, found "
                                 f"{_kind(value)}.")
            return []
        first, last = int(match.group(1)), int(match.group(2))
        if not 1 <= first <= last < first + _MOST_SEATS:
            self._problem(place, f"expected a range upwards from 1 or more of at most {_MOST_SEATS} seats, found "
                                 f"{value}.")
            return []
        return list(range(first, last + 1))

    def _pattern(self, data: Mapping[str, Any], key: str, default: str, fields: set[str]) -> str:
        """Return a valid pattern, or an empty one after a problem."""
        pattern = self._text(data, key, (), default)
        try:
            used = {name for _text, name, _spec, _conversion in string.Formatter().parse(pattern) if name is not None}
            if used - fields:
                raise KeyError(sorted(used - fields)[0])
            pattern.format(**{name: 1 if name == "number" else "x" for name in fields})
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            self._problem((key,), "expected a pattern with {}, found '{}' ({}).".format(
                ", ".join("{" + name + "}" for name in sorted(fields)), pattern, error))
            return ""
        return pattern

    def _students(self, data: Mapping[str, Any], numbers: Sequence[int]) -> dict[int, str]:
        value = data.get("students")
        if value is None:
            return {}
        if isinstance(value, Mapping):
            for number in value:
                if number not in numbers:
                    self._problem(("students", str(number)), "expected the number of a seat of this class, found "
                                  f"'{number}'.")
            return {number: str(student) for number, student in value.items() if number in numbers}
        if isinstance(value, str) or not isinstance(value, Sequence):
            self._problem(("students",), "expected a list of names in the order of the seats, or names by the number "
                          f"of their seat, found {_kind(value)}.")
            return {}
        if len(value) > len(numbers):
            self._problem(("students",), f"expected at most as many students as seats ({len(numbers)}), found "
                                         f"{len(value)}.")
        return {number: str(student) for number, student in zip(numbers, value) if student is not None}

    def _rule(self, data: Mapping[str, Any]) -> dict[str, Any]:
        value = data.get("addresses")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._problem(("addresses",), f"expected a rule such as {{first: 10.20.0.10, next_seat: 10}}, found "
                          f"{_kind(value)}. A list belongs to a single seat.")
            return {}
        self._unknown(value, _RULE_KEYS, ("addresses",))
        if "first" not in value:
            self._problem(("addresses",), "expected 'first', the address of the first machine of seat 1, found none.")
            return {}
        for key in ("next_machine", "next_seat"):
            step = value.get(key, 1)
            if not isinstance(step, int) or isinstance(step, bool) or step < 1:
                self._problem(("addresses", key), "expected how many addresses further the next one is, from 1 on, "
                              f"found '{step}'.")
                return {}
        try:
            first = ipaddress.ip_address(str(value["first"]))
        except ValueError:
            self._problem(("addresses", "first"), "expected an IP address, found '{}'.".format(value["first"]))
            return {}
        return {"first": first, "machine": value.get("next_machine", 1), "seat": value.get("next_seat", 10)}

    def _addresses(self, spec: Mapping[str, Any], place: Place, rule: Mapping[str, Any], seat: int,
                   machines: Sequence[str]) -> list[str]:
        """Return one address for each host of a seat, none after a problem."""
        own = spec.get("addresses")
        if own is None and not rule:
            if not self.problems:
                self._problem(place, "expected an address for each host, found neither a rule (addresses, at the top) "
                              "nor a list at the seat. Add one of them.")
            return []
        if own is None:
            try:
                # By number, so that the addresses of a seat do not depend on other seats.
                first = rule["first"] + (seat - 1) * rule["seat"]
                return [str(first + step * rule["machine"]) for step in range(len(machines))]
            except ValueError:
                self._problem(("addresses",), "expected addresses for every seat, found that the rule has too few.")
                return []
        if isinstance(own, str) or not isinstance(own, Sequence) or len(own) != len(machines):
            found = _kind(own) if isinstance(own, str) or not isinstance(own, Sequence) else f"{len(own)}"
            self._problem((*place, "addresses"), "expected a list of {} addresses, one for each of {}, found {}."
                          .format(len(machines), ", ".join(machines), found))
            return []
        good = []
        for number, address in enumerate(own):
            try:
                good.append(str(ipaddress.ip_address(str(address))))
            except ValueError:
                self._problem((*place, "addresses", number), f"expected an IP address, found '{address}'.")
        return good

    def _utility(self, value: Any) -> SeatHost | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self._problem(("utility",), f"expected its name and address, found {_kind(value)}.")
            return None
        self._unknown(value, _UTILITY_KEYS, ("utility",))
        name = self._text(value, "name", ("utility",), "utility.example.com")
        try:
            return SeatHost(name, str(ipaddress.ip_address(str(value.get("address")))))
        except ValueError:
            self._problem(("utility", "address"), "expected an IP address, found '{}'.".format(value.get("address")))
            return None

    def _apart(self, seats: Sequence[Seat], utility: SeatHost | None, variables: Mapping[str, Any]) -> None:
        """Check that names, addresses and endpoints are unique; networks of Kubernetes may be the same in all seats."""
        owners: dict[tuple[str, str], str] = {}
        common = str(variables.get("cluster_endpoint") or "")
        claims = [("name", utility.name, "the utility"), ("address", utility.address, "the utility")] if utility else []
        for seat in seats:
            whose = f"seat {seat.number}"
            claims.append(("name", seat.name, whose + " itself"))
            if not _GROUP.fullmatch(seat.name) or seat.name in _GROUPS:
                self._problem(("seat",), "expected names for seats that a group can have (letters, digits and '_', and "
                              "none of {}), found '{}'.".format(", ".join(_GROUPS), seat.name))
            for machine in seat.machines:
                if not is_dns_subdomain(machine.name):
                    self._problem(("names",), "expected names that a Kubernetes Node can have (lower case letters, "
                                  f"digits, '-' and '.'), found '{machine.name}'.")
                claims += [("name", machine.name, whose), ("address", machine.address, whose)]
            # A template may have another value at each seat.
            endpoint = str(seat.variables.get("cluster_endpoint") or common)
            if endpoint and "{{" not in endpoint:
                claims.append(("endpoint", endpoint, whose))
        for kind, value, whose in claims:
            other = owners.get((kind, value))
            owners[kind, value] = whose
            if other is not None:
                own = (*self._places.get(whose, ()), *_ONCE[kind])
                self._problem(
                    own if own in self._lines else _ONCE[kind],
                    "expected every {} once, found {} for {} and for {}. {}.".format(kind, value, other, whose, {
                        "name": "Add {seat} (or {number}) and {machine} to the pattern",
                        "address": "Choose larger steps, or other addresses",
                        "endpoint": "Give each seat its own cluster_endpoint",
                    }[kind]))
                break


def _kind(value: Any) -> str:
    """Return a short description of a value for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "an empty list" if not value else "a list"
    return f"'{value}'"
