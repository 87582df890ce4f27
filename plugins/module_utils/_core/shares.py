# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Share one resource of a host between several owners, each of which replaces its own share only.

An owner is an inventory, known by the names of its clusters. A run has only its own inventory: what others have added
must stay, and what the inventory no longer contains must go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .errors import ClassroomError

# Begins the share of an owner in a file; what follows are the names of the owner
MARKER = "# Owner: "
_SEPARATOR = ", "


@dataclass(frozen=True)
class Share:
    """The lines of one owner."""

    names: tuple[str, ...]
    lines: tuple[str, ...] = ()


def replaced(shares: Iterable[Share], own: Share) -> tuple[Share, ...]:
    """Return the shares with `own` instead of the former share of the same owner, sorted by names.

    An owner may have got or lost names since, so a share belongs to it if one set of names includes the other. If they
    only overlap, the owner may have got a name of another one, whose share stays, without that name.
    """
    mine = Share(tuple(sorted(set(own.names))), own.lines)
    return tuple(sorted((mine, *without(shares, own.names)), key=lambda share: share.names))


def without(shares: Iterable[Share], names: Sequence[str]) -> tuple[Share, ...]:
    """Return the shares of other owners."""
    return tuple(Share(tuple(name for name in share.names if name not in names), share.lines)
                 for share in shares if not _is_same(share.names, names))


def own_lines(shares: Iterable[Share], names: Sequence[str]) -> tuple[str, ...]:
    """Return the lines that the owner with these names has now."""
    return tuple(line for share in shares if _is_same(share.names, names) for line in share.lines)


def _is_same(one: Sequence[str], other: Sequence[str]) -> bool:
    return set(one) <= set(other) or set(other) <= set(one)


def parse(text: str) -> tuple[Share, ...]:
    """Return the shares of a file that `render` has written; lines before the first marker are left out."""
    found: list[Share] = []
    for line in text.splitlines():
        if line.startswith(MARKER):
            found.append(Share(tuple(name.strip() for name in line[len(MARKER):].split(",") if name.strip())))
        elif found:
            found[-1] = Share(found[-1].names, (*found[-1].lines, line))
    return tuple(found)


def render(shares: Iterable[Share]) -> str:
    """Return the text of a file with these shares."""
    return "".join(f"{line}\n" for share in shares for line in (MARKER + _SEPARATOR.join(share.names), *share.lines))


def validate(names: Sequence[str]) -> None:
    """Check the names of an owner, which a file must be able to contain. Raises ClassroomError."""
    wrong = [name for name in names if "," in name or not name.isprintable() or name != name.strip() or not name]
    if wrong:
        raise ClassroomError(
            "A name of an owner is invalid: expected printable text without commas, found {}. Correct the name of the "
            "cluster. Nothing was changed.".format(", ".join(map(repr, wrong))))
