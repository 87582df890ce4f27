# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manage a block in /etc/hosts: other lines stay, and contradictions are found before anything is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from .._core.errors import ClassroomError

BEGIN = "# BEGIN classroom.kubeadm: nodes of the inventory"
END = "# END classroom.kubeadm"
# The prefix of a foreign line that is commented out.
COMMENT_PREFIX = "#classroom.kubeadm# "


@dataclass(frozen=True)
class Entry:
    """One node: its address and its names, the full one first."""

    address: str
    names: tuple[str, ...]

    def line(self) -> str:
        return " ".join((self.address, *self.names))


@dataclass(frozen=True)
class HostsPlan:
    """The new text, and the foreign lines that it comments out."""

    text: str
    commented_out: tuple[str, ...]


def check_entries(entries: Sequence[Entry]) -> None:
    """Check that no name or address belongs to two nodes. Raises ClassroomError."""
    names: dict[str, str] = {}
    addresses: dict[str, Entry] = {}
    for entry in entries:
        if not _is_address(entry.address):
            raise ClassroomError(
                "The address of {} is invalid: expected an IP address, found '{}' in the inventory. Correct it "
                "there.".format(" ".join(entry.names), entry.address))
        twin = addresses.setdefault(entry.address, entry)
        if twin is not entry:
            raise ClassroomError(
                "An address is not unique: expected one node for {}, found both {} and {} in the inventory. "
                "Give one of them another address.".format(entry.address, " ".join(twin.names), " ".join(entry.names)))
        for name in dict.fromkeys(name.lower() for name in entry.names):
            other = names.setdefault(name, entry.address)
            if other != entry.address:
                raise ClassroomError(
                    f"A node name is not unique: expected one address for {name}, found both {other} and "
                    f"{entry.address} in the inventory. Rename one of the two nodes.")


def plan_hosts(text: str, entries: Sequence[Entry]) -> HostsPlan:
    """Return the desired file.

    A foreign line that gives one of the nodes' names another address is an error, because the order of lines decides
    which of the two is used. The exception are loopback addresses, such as the `127.0.1.1 HOSTNAME` of Debian's
    installer: they were not written on purpose, and the kubelet and etcd would use an address that no other host can
    reach. Those lines are commented out; their other names stay active.
    """
    check_entries(entries)
    ours = {name.lower(): entry.address for entry in entries for name in entry.names}
    before, after = _around_block(text.splitlines())
    commented_out: list[str] = []
    kept = [_sifted(lines, first, ours, commented_out) for first, lines in ((1, before), (len(before) + 1, after))]
    block = [BEGIN, *(entry.line() for entry in entries), END] if entries else []
    lines = kept[0] + block + kept[1]
    return HostsPlan("".join(line + "\n" for line in lines), tuple(commented_out))


def without_block(text: str) -> str:
    """Return the file without the block, and with the commented-out lines restored.

    The exact reverse of `plan_hosts`; lines that were added since then stay.
    """
    before, after = _around_block(text.splitlines())
    if not any(line in (BEGIN, END) or line.startswith(COMMENT_PREFIX) for line in text.splitlines()):
        return text
    lines: list[str] = []
    skipped = ""
    for line in before + after:
        if line.startswith(COMMENT_PREFIX):
            lines.append(line[len(COMMENT_PREFIX):])
            skipped = line[len(COMMENT_PREFIX):]
        elif skipped and _is_rest(line, skipped):
            skipped = ""
        else:
            lines.append(line)
            skipped = ""
    return "".join(line + "\n" for line in lines)


def _is_rest(line: str, former: str) -> bool:
    """Return whether a line has the names that `_sifted` left active of another line."""
    words, whole = line.split(), former.partition("#")[0].split()
    return len(words) > 1 and words[0] == whole[0] and len(words) < len(whole) and set(words) <= set(whole)


def _around_block(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the foreign lines before and after the block; a new block goes to the end."""
    begins = [number for number, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [number for number, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return lines, []
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise ClassroomError(
            f"The block of this collection in /etc/hosts is damaged: expected one block between '{BEGIN}' and '{END}', "
            f"found {len(begins)} first and {len(ends)} last lines. Remove the rest of the block manually.")
    return lines[: begins[0]], lines[ends[0] + 1 :]


def _sifted(lines: list[str], first: int, ours: dict[str, str], commented_out: list[str]) -> list[str]:
    kept: list[str] = []
    for number, line in enumerate(lines, first):
        words = line.partition("#")[0].split()
        contradicting = [name for name in words[1:] if _contradicts(words[0], ours.get(name.lower()))]
        if not contradicting:
            kept.append(line)
            continue
        if not _is_loopback(words[0]):
            raise ClassroomError(
                f"/etc/hosts contradicts the inventory: expected {contradicting[0]} at "
                f"{ours[contradicting[0].lower()]}, found '{line.strip()}' (line {number} without this collection's "
                "block). Remove that line, or correct the inventory.")
        commented_out.append(line)
        kept.append(COMMENT_PREFIX + line)
        others = [name for name in words[1:] if name not in contradicting]
        if others:
            kept.append(" ".join([words[0], *others]))
    return kept


def _contradicts(found: str, wanted: str | None) -> bool:
    """Return whether an address is another one of the same family (a name may have one of each), or a loopback one."""
    if wanted is None or not _is_address(found):
        return False
    if _is_loopback(found):
        return True
    one, other = ipaddress.ip_address(found), ipaddress.ip_address(wanted)
    return one.version == other.version and one != other


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return _is_address(text) and ipaddress.ip_address(text).is_loopback
