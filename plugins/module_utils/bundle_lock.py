# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bundle has to be made of, and whether it still is."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from re import Pattern
from typing import Optional

from .errors import ClassroomError
from .files import read_text, write_text

NAME = "bundle.lock.yml"
SCHEMA = 1
PIECE = 1 << 20

_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# Size and time of the last change in nanoseconds; None for a file that is not there
Trait = Optional[tuple[int, int]]


class BundleMissing(ClassroomError):
    """There is no bundle: perhaps it is only going to be copied here."""


@dataclass(frozen=True)
class Lock:
    """The part of bundle.lock.yml that matters to a machine that serves the bundle.

    `files` maps a path in the bundle to its sha256, `images` a full reference to the digest of its manifest;
    `checksum` is the sha256 of the lock itself.
    """

    checksum: str
    files: Mapping[str, str]
    images: Mapping[str, str]


def read(bundle: str) -> Lock:
    """The lock of a bundle."""
    path = os.path.join(bundle, NAME)
    text = read_text(path)
    if text is None:
        raise BundleMissing(
            "Wanted a bundle in {0}, found no {1} there; build the bundle and copy all of it to this machine."
            .format(bundle, NAME)
        )
    lines = text.splitlines()
    if "schema: {0}".format(SCHEMA) not in lines:
        raise _unreadable(path, "another schema than {0}".format(SCHEMA))
    return Lock(
        hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
        _section(path, lines, "files", _CHECKSUM), _section(path, lines, "images", _DIGEST),
    )


def traits(bundle: str, lock: Lock) -> dict[str, Trait]:
    """What tells cheaply that a file was touched, for every file of the lock."""
    return {name: _trait(os.path.join(bundle, name)) for name in lock.files}


def is_stamped(stamp: str, bundle: str, lock: Lock, found: Mapping[str, Trait]) -> bool:
    """Whether exactly these files were verified before."""
    text = read_text(stamp)
    return text is not None and text == _stamp_text(bundle, lock, found)


def write_stamp(stamp: str, bundle: str, lock: Lock, found: Mapping[str, Trait]) -> None:
    """Remember a good verification; `found` was read before it, so a file changed meanwhile is verified again."""
    write_text(stamp, _stamp_text(bundle, lock, found), 0o644)


def problems(bundle: str, lock: Lock) -> list[str]:
    """A sentence for every file that is not as locked. Reads all of the bundle."""
    names = sorted(lock.files)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        sums = list(pool.map(lambda name: _sha256(os.path.join(bundle, name)), names))
    return [
        "{0}: wanted sha256 {1}, found {2}; copy it again from where it came, or build the bundle anew.".format(
            os.path.join(bundle, name), lock.files[name], "sha256 " + found if found else "no such file"
        )
        for name, found in zip(names, sums) if found != lock.files[name]
    ]


def _stamp_text(bundle: str, lock: Lock, found: Mapping[str, Trait]) -> str:
    return json.dumps({"bundle": bundle, "lock": lock.checksum, "files": found}, indent=1, sort_keys=True) + "\n"


def _trait(path: str) -> Trait:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _sha256(path: str) -> str:
    """The checksum of a file, empty when it cannot be read."""
    total = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for piece in iter(lambda: stream.read(PIECE), b""):
                total.update(piece)
    except OSError:
        return ""
    return total.hexdigest()


def _section(path: str, lines: Sequence[str], title: str, value: Pattern[str]) -> dict[str, str]:
    """One mapping of the lock, written a line an entry.

    The machine need not have a YAML library, and these entries need none: neither names nor checksums hold a blank.
    """
    start = title + ":"
    if start not in lines:
        raise _unreadable(path, "no list of {0}".format(title))
    entries: dict[str, str] = {}
    for line in lines[lines.index(start) + 1:]:
        if not line.startswith(" "):
            break
        name, _colon, found = line.strip().partition(": ")
        found = found.strip("'")
        if not value.fullmatch(found):
            raise _unreadable(path, "the line '{0}'".format(line.strip()))
        entries[name.strip("'")] = found
    return entries


def _unreadable(path: str, found: str) -> ClassroomError:
    return ClassroomError(
        "Wanted {0} as this collection's bundle builder writes it, found {1}; build the bundle with this version of "
        "the collection.".format(path, found)
    )
