# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record the digest of each image of a list: resolved once, then the same everywhere.

Each image has two digests. `images` has that of its tag when it was resolved, often of a list for all platforms;
`copies` has that of the copied content for the desired platforms, with which a destination is compared.
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
# Written by the module image_mirror. `images` has the digest of each tag when it was resolved, `copies` that of the
# copied content for these platforms. Only the module's option `update` changes a digest.
"""


@dataclass(frozen=True)
class Entry:
    """The digests of an image: that of its name when it was resolved, and that of the copied content."""

    resolved: str
    copied: str


@dataclass(frozen=True)
class Lock:
    """The images of a lock by name."""

    platforms: tuple[str, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)


def read(path: str) -> Lock | None:
    """Return the lock in a file, None if there is no file; raise ClassroomError for a damaged lock."""
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
    # The second list ends the file, so that a truncated file is recognized here
    odd = sorted(set(resolved) ^ set(copied))
    if odd:
        raise _damaged(path, "{} in one of its two lists only".format(", ".join(odd)))
    return Lock(tuple(platforms[0].split(", ")), {name: Entry(resolved[name], copied[name]) for name in resolved})


def write(path: str, lock: Lock) -> None:
    """Write a lock to a file."""
    write_text(path, text(lock))


def text(lock: Lock) -> str:
    """Return the text of a lock with one line per entry: no YAML library is needed, and lines can be compared."""
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
    """Raise ClassroomError for a lock of other images, digests or platforms; it may lack some of the images."""
    if set(lock.platforms) != set(platforms):
        raise ClassroomError(
            "The lock {} is for other platforms: expected it for {}, found it for {}. Use a separate lock for each "
            "choice of platforms, or remove the file to resolve all digests again.".format(
                path, ", ".join(platforms), ", ".join(lock.platforms))
        )
    strangers = sorted(name for name in lock.entries if name not in desired and name not in update)
    if strangers:
        raise ClassroomError(
            "The lock {} is for other images: expected only requested images, found in it others: {}. Use a separate "
            "lock for each list of images, or name the images to remove in the option update.".format(
                path, ", ".join(strangers))
        )
    for name, reference in sorted(desired.items()):
        entry = lock.entries.get(name)
        if entry and reference.digest and name not in update and reference.digest != entry.resolved:
            raise ClassroomError(
                f"The lock has another digest: expected {name} with the digest {reference.digest}, found "
                f"{entry.resolved} in {path}. Correct the digest of the image, or name the image in the option update."
            )


def _section(path: str, lines: Sequence[str], title: str, value: Pattern[str]) -> dict[str, str]:
    starts = [number for number, line in enumerate(lines) if line.partition(" ")[0] == title + ":"]
    if len(starts) != 1:
        raise _damaged(path, "{} list of {}".format("more than one" if starts else "no", title))
    entries: dict[str, str] = {}
    for line in lines[starts[0] + 1:]:
        if not line.startswith(" "):
            break
        # A user or a tool may have added either form of YAML's quotes
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
        f"The lock {path} is damaged: expected a lock of images as the module image_mirror writes it, found {found}. "
        "Restore the file from an intact copy, or remove it to resolve all digests again.")
