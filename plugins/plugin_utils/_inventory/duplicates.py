# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find hosts and groups that an inventory file declares twice.

Ansible merges them before any task runs: the last declaration wins, and a host that was meant is missing. Only the
files still show it. Files of inventory plugins, scripts and lists of hosts are left to those that read them.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

# Entries of a directory of inventories that Ansible's inventory manager does not read.
_NOT_READ = re.compile(r"^\.|^(host_vars|group_vars|vars_plugins)$")
_YAML = (".yml", ".yaml", ".json")
# The second name is from older releases, and Ansible still reads it.
_ADDRESS = ("ansible_host", "ansible_ssh_host")
_SECTION = re.compile(r"^\[([^:\]]+)(?::(\w+))?\]\s*(?:#.*)?$")
# A larger inventory is generated, and reading it takes seconds.
_LARGEST = 4 << 20


@dataclass(frozen=True)
class Duplicate:
    """A duplicate in one file. `host` is empty if it concerns a group or the whole file."""

    message: str
    host: str = ""


@dataclass(frozen=True)
class _Address:
    host: str
    address: str
    line: int


def duplicates(sources: Iterable[str], ignored: Sequence[str] = ()) -> list[Duplicate]:
    """Return what is declared twice in the files of these inventory sources, file by file.

    `sources` are paths or lists of hosts as given to Ansible's `-i`, `ignored` the extensions that Ansible skips in
    directories. A file that cannot be read, or is not a YAML or INI inventory, has no duplicates.
    """
    return [found for source in sources for path in _files(source, tuple(ignored)) for found in _in_file(path)]


def _files(source: str, ignored: tuple[str, ...]) -> Iterator[Path]:
    # A source with a comma is a list of hosts.
    if "," in source:
        return
    path = Path(source)
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if not _NOT_READ.search(entry.name) and not (ignored and entry.name.endswith(ignored)):
            yield from _files(str(entry), ignored)


def _in_file(path: Path) -> list[Duplicate]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return []
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    if text.startswith("#!") and os.access(path, os.X_OK):
        # A script; only Ansible has its output.
        return []
    if path.suffix in _YAML or not path.suffix:
        try:
            tree = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError):
            tree = None
        if isinstance(tree, yaml.MappingNode):
            return list(_in_yaml(str(path), tree))
    # Ansible reads files with any other extension as INI; TOML has its own reader.
    return [] if path.suffix in (*_YAML, ".toml") else list(_in_ini(str(path), text))


def _in_yaml(path: str, tree: yaml.MappingNode) -> Iterator[Duplicate]:
    keys = [str(key.value) for key, _value in tree.value]
    if "plugin" in keys:
        # The file of an inventory plugin.
        return
    addresses: list[_Address] = []
    found = list(_twice(path, tree, "the group", ""))
    for name, group in tree.value:
        found += _group(path, str(name.value), group, addresses)
    yield from found
    # Each host is reported only once.
    named = {duplicate.host for duplicate in found}
    yield from _contradictions(path, [address for address in addresses if address.host not in named])


def _group(path: str, name: str, group: yaml.Node, addresses: list[_Address]) -> Iterator[Duplicate]:
    if not isinstance(group, yaml.MappingNode):
        return
    yield from _twice(path, group, f"group {name}: the key", "")
    for key, value in group.value:
        if not isinstance(value, yaml.MappingNode):
            continue
        if key.value == "vars":
            yield from _twice(path, value, f"group {name}: the variable", "")
        elif key.value == "children":
            yield from _twice(path, value, f"group {name}: the group", "")
            for child, below in value.value:
                yield from _group(path, str(child.value), below, addresses)
        elif key.value == "hosts":
            yield from _twice(path, value, f"group {name}: the host", None)
            for host, variables in value.value:
                yield from _host(path, str(host.value), variables, addresses)


def _host(path: str, name: str, variables: yaml.Node, addresses: list[_Address]) -> Iterator[Duplicate]:
    if not isinstance(variables, yaml.MappingNode):
        return
    yield from _twice(path, variables, f"host {name}: the variable", name)
    addresses += [
        _Address(name, str(value.value), key.start_mark.line + 1)
        for key, value in variables.value if key.value in _ADDRESS and isinstance(value, yaml.ScalarNode)]


def _twice(path: str, node: yaml.MappingNode, what: str, host: str | None) -> Iterator[Duplicate]:
    """Yield the duplicate keys of one mapping; `host` is None if the keys are hosts."""
    lines: dict[str, list[int]] = {}
    for key, _value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            lines.setdefault(str(key.value), []).append(key.start_mark.line + 1)
    for name, found in lines.items():
        if len(found) > 1:
            yield Duplicate(
                f"{path}: {what} {name} is declared {len(found)} times: expected once, found it in {_lines(found)}. "
                "Ansible would use the last one only. Rename or remove all but one.",
                name if host is None else host)


def _in_ini(path: str, text: str) -> Iterator[Duplicate]:
    addresses: list[_Address] = []
    in_hosts = True
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        section = _SECTION.match(stripped)
        if section:
            in_hosts = section.group(2) is None
        elif in_hosts:
            addresses += _ini_host(stripped, number)
    yield from _contradictions(path, addresses)


def _ini_host(line: str, number: int) -> Iterator[_Address]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    for word in words[1:]:
        key, _equals, value = word.partition("=")
        if key in _ADDRESS:
            # A single colon separates name and port; an IPv6 address has several.
            name = words[0].rpartition(":")[0] if words[0].count(":") == 1 else words[0]
            yield _Address(name, value, number)


def _contradictions(path: str, addresses: Sequence[_Address]) -> Iterator[Duplicate]:
    """Yield hosts with more than one address, anywhere in the file."""
    for host in dict.fromkeys(found.host for found in addresses):
        places = [found for found in addresses if found.host == host]
        if len({found.address for found in places}) > 1:
            yield Duplicate(
                "{}: the host {} has {} addresses: expected one, found {}. Two hosts need two names: rename one of "
                "them, or correct the address.".format(
                    path, host, len({found.address for found in places}),
                    " and ".join(f"{found.address} in line {found.line}" for found in places)), host)


def _lines(numbers: Sequence[int]) -> str:
    return "lines {} and {}".format(", ".join(map(str, numbers[:-1])), numbers[-1])
