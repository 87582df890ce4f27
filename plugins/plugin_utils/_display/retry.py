# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that repeats a run for the hosts that failed, and only for these."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import yaml

from .run import Failure, Run, SeatRun

MASK = "***"
# Options of ansible-playbook with one letter that take no value, and so may stand before another in the same word
_FLAGS = "bCDJkKv"
_SHORT_LIMIT = re.compile(f"-([{_FLAGS}]*)l(.*)", re.DOTALL)
_SHORT_VARIABLES = re.compile(f"(-[{_FLAGS}]*e)(.*)", re.DOTALL)
# A password in the arguments of other programs, up to the end of the word: where it ends is that program's business
_SECRET = re.compile(r"((?:\b|_)(?:pass|secret|token|credential|private_?key|api_?key)\w*[\"']?\s*[=:]\s*)(.+)",
                     re.IGNORECASE | re.DOTALL)
# User and password of a URL; a password may have any character, so up to the last at sign of the word
_USERINFO = re.compile(r"://\S*@")
_ROLES = Path(__file__).resolve().parents[3] / "roles"
# Of our variables that are any text, those that people change from run to run; the types of the others tell
_HARMLESS = ("ansible_user", "cluster_name", "cluster_pod_subnet", "cluster_service_subnet", "cluster_version",
             "report_directory", "report_names")
# Without quotes and blanks, so that it needs none around it
_SIMPLE = re.compile(r"[\w.,:/+-]*")


def limits(run: Run) -> dict[str, list[str]]:
    """Return the seats and hosts that failed: a seat if its control plane or all of its hosts did, else its hosts.

    They are grouped by the playbook that completes them: that of the run (an empty name, first), or a playbook that it
    imports, for hosts that were reset.
    """
    found: dict[str, list[str]] = {"": []}
    for playbook, hosts in map(seat_limit, run.seats.values()):
        found.setdefault(playbook, []).extend(hosts)
    return {playbook: hosts for playbook, hosts in found.items() if hosts}


def seat_limit(seat: SeatRun) -> tuple[str, list[str]]:
    """Return what `limits` returns for one seat: the playbook, and the seat or its hosts."""
    stopped = [each for each in seat.failures if not each.tolerated]
    failed = {each.machine for each in stopped}
    machines = [machine for machine in seat.machines if machine in failed]
    if not machines:
        return "", []
    return _completed_by(seat, stopped), [seat.place.seat] if _whole(seat, machines) else machines


def _completed_by(seat: SeatRun, failures: Sequence[Failure]) -> str:
    """Return the playbook after that of the reset, if every failed host was reset before it failed."""
    playbooks = {
        each.playbook if seat.reset.get(each.machine, each.playbook) != each.playbook else "" for each in failures}
    return playbooks.pop() if len(playbooks) == 1 else ""


def _whole(seat: SeatRun, failed: Sequence[str]) -> bool:
    return seat.place.group and (seat.place.control_plane in failed or len(failed) == len(seat.machines))


def retry_command(argv: Sequence[str], hosts: Sequence[str], former: str = "", playbook: str = "") -> str:
    """Return `argv` as it was typed, with another --limit and without secrets; empty when nothing failed.

    A value of --extra-vars is repeated only if its variable is known to be harmless, see `harmless`; MASK stands for
    all others. `playbook` replaces `former`, both names of files in one directory.
    """
    if not hosts or not argv:
        return ""
    return limited(unlimited_command(argv, former, playbook), hosts)


def unlimited_command(argv: Sequence[str], former: str = "", playbook: str = "") -> str:
    """Return the command of `retry_command` for all hosts."""
    words = without_limit(argv[1:])
    if playbook:
        words = [_replaced(word, PurePath(former), PurePath(playbook)) for word in words]
    return " ".join(map(shlex.quote, [PurePath(argv[0]).name, *masked(words, harmless)]))


def limited(command: str, hosts: Sequence[str]) -> str:
    """Return a command of `unlimited_command` for these seats and hosts."""
    return f"{command} --limit {shlex.quote(','.join(hosts))}"


def _replaced(word: str, former: PurePath, playbook: PurePath) -> str:
    """Return a word of the command line; if it names `former`, by path or in a collection, it names `playbook`."""
    if PurePath(word).name == former.name:
        return str(PurePath(word).with_name(playbook.name))
    collection, dot, name = word.rpartition(".")
    return collection + dot + playbook.stem if collection and name == former.stem else word


def harmless() -> frozenset[str]:
    """Return the names of this collection's variables that hold no secret: a number, a choice, yes or no, or a path."""
    found = set(_HARMLESS)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
        for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=loader)["argument_specs"].values():
            found.update(name for name, option in (entry.get("options") or {}).items()
                         if option.get("type") in ("bool", "int", "path") or "choices" in option)
    return frozenset(found)


def masked(words: Sequence[str], known: Callable[[], frozenset[str]]) -> Iterator[str]:
    """Yield the words without what may be secret; `known` returns the names of harmless variables."""
    rest = iter(words)
    for word in rest:
        short = _SHORT_VARIABLES.fullmatch(word)
        # ansible-playbook takes an option's unique beginning for it
        if word.startswith("--e") and "=" in word:
            option, _equals, value = word.partition("=")
            yield option + "=" + _variables(value, known())
        elif short and short.group(2):
            yield short.group(1) + _variables(short.group(2), known())
        elif short or word.startswith("--e"):
            yield word
            yield from (_variables(value, known()) for value in (next(rest, None),) if value is not None)
        else:
            yield _SECRET.sub(r"\1" + MASK, _USERINFO.sub(f"://{MASK}@", word))


def _variables(value: str, known: frozenset[str]) -> str:
    """Return a masked value of --extra-vars in one of its forms: a file, a dictionary, or name=value pairs."""
    if value.startswith("@"):
        return value
    if value.lstrip().startswith(("{", "[")):
        return _dictionary(value, known)
    try:
        pairs = [pair.partition("=") for pair in shlex.split(value)]
    except ValueError:
        return MASK
    return " ".join(
        name + equals + (text if name in known and _SIMPLE.fullmatch(text) else MASK) if equals else MASK
        for name, equals, text in pairs)


def _dictionary(value: str, known: frozenset[str]) -> str:
    try:
        found = yaml.safe_load(value)
    except (yaml.YAMLError, RecursionError, ValueError):
        return MASK
    if not isinstance(found, Mapping):
        return MASK
    return json.dumps({str(name): each if name in known and _simple(each) else MASK for name, each in found.items()})


def _simple(value: Any) -> bool:
    return isinstance(value, (bool, int)) or (isinstance(value, str) and bool(_SIMPLE.fullmatch(value)))


def without_limit(words: Sequence[str]) -> list[str]:
    """Return the words without --limit, in all of its forms, and its value."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        short = _SHORT_LIMIT.fullmatch(word)
        if word.startswith("--lim"):
            if "=" not in word:
                next(rest, None)
        elif short:
            if short.group(1):
                kept.append("-" + short.group(1))
            if not short.group(2):
                next(rest, None)
        else:
            kept.append(word)
    return kept
