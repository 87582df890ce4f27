# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which digest each image of a list stands for: resolved once, then the same everywhere.

Two digests belong to an image. `images` has what its tag stood for when it was asked, often a list for all platforms;
`copies` has what is copied of it for the platforms that are wanted, and is what a destination is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from re import Pattern

from .._core.errors import ClassroomError
from .._core.files import read_text, write_text
from .reference import DIGEST, Reference

SCHEMA = 1
HEADER = """\
---
# Written by the module image_mirror. `images` has what each tag stood for when it was asked, `copies` what is copied of
# it for these platforms. The module's option `update` takes another digest; nothing else changes a line.
"""


@dataclass(frozen=True)
class Entry:
    """Digests of an image: what its name stood for, and what is copied."""

    resolved: str
    copied: str


@dataclass(frozen=True)
class Lock:
    """The images of a lock by name."""

    platforms: tuple[str, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)


def read(path: str) -> Lock | None:
    """The lock in a file, None if there is no file."""
    text = read_text(path)
    if text is None:
        return None
    lines = text.splitlines()
    if f"schema: {SCHEMA}" not in lines:
        raise _damaged(path, f"no line 'schema: {SCHEMA}'")
    platforms = [line.partition(": ")[2] for line in lines if line.startswith("platforms: ")]
    if len(platforms) != 1:
        raise _damaged(path, "{} lines that name the platforms".format(len(platforms) or "no"))
    resolved = _section(path, lines, "images", DIGEST)
    copied = _section(path, lines, "copies", DIGEST)
    # The second list closes the file, so that a file which was cut off shows here
    odd = sorted(set(resolved) ^ set(copied))
    if odd:
        raise _damaged(path, "{} in one of its two lists only".format(", ".join(odd)))
    return Lock(tuple(platforms[0].split(", ")), {name: Entry(resolved[name], copied[name]) for name in resolved})


def write(path: str, lock: Lock) -> None:
    write_text(path, text(lock))


def text(lock: Lock) -> str:
    """A line an entry, so that it is read without a YAML library and compared line by line."""
    lists = {
        "images": {name: entry.resolved for name, entry in lock.entries.items()},
        "copies": {name: entry.copied for name, entry in lock.entries.items()},
    }
    parts = [HEADER, "schema: {}\nplatforms: {}\n".format(SCHEMA, ", ".join(lock.platforms))]
    for title, entries in lists.items():
        parts.append(title + ":\n" if entries else title + ": {}\n")
        parts.extend(f"  {name}: {digest}\n" for name, digest in sorted(entries.items()))
    return "".join(parts)


def compare(
    path: str, lock: Lock, platforms: Sequence[str], desired: Mapping[str, Reference], update: Collection[str]
) -> None:
    """Refuse a lock of something else than what is asked for; images that it does not have yet are no contradiction."""
    if set(lock.platforms) != set(platforms):
        raise ClassroomError(
            "Wanted {} for the platforms {}, found it for {}; give each choice of platforms a lock of its own, or "
            "remove the file to have all digests resolved anew.".format(
                path, ", ".join(platforms), ", ".join(lock.platforms))
        )
    strangers = sorted(name for name in lock.entries if name not in desired and name not in update)
    if strangers:
        raise ClassroomError(
            "Wanted {} to be the lock of these images, found in it what is not asked for: {}; give each list of "
            "images a lock of its own, or name what is to leave the lock in the option update.".format(
                path, ", ".join(strangers))
        )
    for name, reference in sorted(desired.items()):
        entry = lock.entries.get(name)
        if entry and reference.digest and name not in update and reference.digest != entry.resolved:
            raise ClassroomError(
                f"Wanted {name} with the digest {reference.digest}, found {entry.resolved} in {path}; correct the "
                "image's digest, or name the image in "
                "the option update."
            )


def _section(path: str, lines: Sequence[str], title: str, value: Pattern[str]) -> dict[str, str]:
    starts = [number for number, line in enumerate(lines) if line.partition(" ")[0] == title + ":"]
    if len(starts) != 1:
        raise _damaged(path, "{} list of {}".format("more than one" if starts else "no", title))
    entries: dict[str, str] = {}
    for line in lines[starts[0] + 1:]:
        if not line.startswith(" "):
            break
        # A person or a tool may have quoted it: both of YAML's ways
        name, _colon, found = (_plain(part) for part in line.strip().rpartition(": "))
        if not name or not value.fullmatch(found):
            raise _damaged(path, f"the line '{line.strip()}'")
        if name in entries:
            raise _damaged(path, f"{name} twice")
        entries[name] = found
    return entries


def _plain(part: str) -> str:
    if len(part) > 1 and part[0] == part[-1] == "'":
        return part[1:-1]
    if len(part) > 1 and part[0] == part[-1] == '"':
        return str(json.loads(part))
    return part


def _damaged(path: str, found: str) -> ClassroomError:
    return ClassroomError(
        f"Wanted a lock of images in {path} as the module image_mirror writes it, found {found}; take the file from "
        "where it "
        "was whole, or remove it to have all digests resolved anew."
    )
