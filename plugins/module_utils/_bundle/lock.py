# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the lock of a bundle, and verify the bundle with it."""

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

from .._core.errors import ClassroomError
from .._core.files import checksum_of, read_text, write_text
from .._images.reference import REFERENCE

NAME = "bundle.lock.yml"
# Signature of the lock, by the key that signed the repositories of the bundle: the lock names all other files
SIGNATURE = NAME + ".asc"
SCHEMA = 1
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# Largest lock, signature or key in bytes; larger files are not read
MOST_BYTES = 16 << 20

# Where a host that serves a bundle records that the bundle was verified
STAMP = "/var/lib/classroom-kubeadm/bundle-verified.json"

# Size and time of the last change in nanoseconds; None for a missing file
Trait = Optional[tuple[int, int]]


class BundleMissing(ClassroomError):
    """A missing bundle: perhaps it has not been copied here yet."""


@dataclass(frozen=True)
class Lock:
    """The part of bundle.lock.yml that a host needs which serves the bundle.

    `files` maps a path in the bundle to its sha256, `images` a full reference to the digest of its manifest;
    `checksum` is the sha256 of the lock itself.
    """

    checksum: str
    files: Mapping[str, str]
    images: Mapping[str, str]


def read(bundle: str) -> Lock:
    """Return the lock of a bundle; raise BundleMissing without a bundle, ClassroomError for an invalid lock."""
    path = os.path.join(bundle, NAME)
    if os.path.isfile(path) and os.path.getsize(path) > MOST_BYTES:
        raise _unreadable(path, f"{os.path.getsize(path)} bytes, at most {MOST_BYTES} are read")
    text = read_text(path)
    if text is None:
        raise BundleMissing(
            f"The bundle is missing: expected one in {bundle}, found no {NAME} there. Build the bundle and copy all of "
            "it to this host.")
    return parse(path, text)


def parse(path: str, text: str) -> Lock:
    """Return the lock in a text; `path` is its name for messages. Raises ClassroomError for an invalid lock."""
    lines = text.splitlines()
    if f"schema: {SCHEMA}" not in lines:
        raise _unreadable(path, f"another schema than {SCHEMA}")
    files = _section(path, lines, "files", _CHECKSUM)
    outside = sorted(name for name in files if not stays_inside(name))
    if outside:
        raise ClassroomError(
            "The lock {} names files outside of its bundle: expected relative paths without '..', found {}. Do not "
            "use this bundle; get it from its maker again.".format(path, ", ".join(map(repr, outside[:5]))))
    return Lock(
        hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
        files, _section(path, lines, "images", _DIGEST),
    )


def stays_inside(name: str) -> bool:
    """Return whether this is the path of a file in a bundle: relative, printable, without empty, '.' and '..' parts.

    Names at the top level that begin with a dot belong to work in progress.
    """
    parts = name.split("/")
    return name.isprintable() and not {"", ".", ".."} & set(parts) and not parts[0].startswith(".")


def traits(bundle: str, lock: Lock) -> dict[str, Trait]:
    """Return size and time of change of every file of the lock, to recognize changes without reading the files."""
    return {name: _trait(os.path.join(bundle, name)) for name in lock.files}


def is_stamped(stamp: str, bundle: str, lock: Lock, found: Mapping[str, Trait]) -> bool:
    """Return whether exactly these files were verified before."""
    text = read_text(stamp)
    return text is not None and text == _stamp_text(bundle, lock, found)


def write_stamp(stamp: str, bundle: str, lock: Lock, found: Mapping[str, Trait]) -> None:
    """Record a successful verification; `found` was read before it, so a file changed since is verified again."""
    write_text(stamp, _stamp_text(bundle, lock, found), 0o644)


def problems(bundle: str, lock: Lock) -> list[str]:
    """Return a message for every file that differs from the lock. Reads the whole bundle."""
    sums = checksums(bundle, sorted(lock.files))
    return [
        "{}: expected sha256 {}, found {}. Copy it again from its source, or build the bundle again.".format(
            os.path.join(bundle, name), lock.files[name], "sha256 " + found if found else "no such file"
        )
        for name, found in sums.items() if found != lock.files[name]
    ]


def strangers(bundle: str, lock: Lock) -> list[str]:
    """Return a message for every file of the bundle that its lock does not know."""
    found = sorted(set(file_names(bundle)) - set(lock.files))
    return [
        f"{os.path.join(bundle, name)}: expected only files of the lock, found one that it does not know. Remove it, "
        "or build the bundle again." for name in found]


def image_problems(bundle: str, lock: Lock) -> list[str]:
    """Return a message for every image that differs between the index of the layout and the lock."""
    path = os.path.join(bundle, "oci", "index.json")
    text = read_text(path)
    if text is None:
        # A missing file of the lock is reported by problems()
        return [f"{path}: expected images, found no layout. Build the bundle again."] if lock.images else []
    try:
        found = {entry["annotations"][REFERENCE]: entry["digest"] for entry in json.loads(text)["manifests"]}
    except (ValueError, KeyError, TypeError):
        return [f"{path}: expected the index of an OCI layout that names its images, found something else. Build the "
                "bundle again."]
    return [
        "{}: expected {}, found {} in {}. Build the bundle again.".format(
            name, lock.images.get(name, "no such image"), found.get(name, "no such image"), path)
        for name in sorted({*found, *lock.images}) if found.get(name) != lock.images.get(name)
    ]


def all_problems(bundle: str, lock: Lock) -> list[str]:
    """Return a message for every difference between a bundle and its lock. Reads the whole bundle."""
    return problems(bundle, lock) + strangers(bundle, lock) + image_problems(bundle, lock)


def file_names(bundle: str) -> list[str]:
    """Return the paths of all files of a bundle that its lock must know, relative to the bundle."""
    names = [
        os.path.relpath(os.path.join(directory, name), bundle)
        for directory, _directories, files in os.walk(bundle) for name in files
    ]
    return sorted(name for name in names if name not in (NAME, SIGNATURE))


def checksums(bundle: str, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 checksums by path in the bundle, empty for a file that cannot be read."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        sums = pool.map(lambda name: checksum_of(os.path.join(bundle, name)), names)
    return dict(zip(names, sums))


def _stamp_text(bundle: str, lock: Lock, found: Mapping[str, Trait]) -> str:
    return json.dumps({"bundle": bundle, "lock": lock.checksum, "files": found}, indent=1, sort_keys=True) + "\n"


def _trait(path: str) -> Trait:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _section(path: str, lines: Sequence[str], title: str, value: Pattern[str]) -> dict[str, str]:
    """Return one mapping of the lock, which has one line per entry.

    The host need not have a YAML library, and these entries need none: names and checksums have no blanks.
    """
    start = title + ":"
    if start + " {}" in lines:
        return {}
    if start not in lines:
        raise _unreadable(path, f"no list of {title}")
    entries: dict[str, str] = {}
    for line in lines[lines.index(start) + 1:]:
        if not line.startswith(" "):
            break
        name, _colon, found = line.strip().partition(": ")
        found = found.strip("'")
        if not value.fullmatch(found):
            raise _unreadable(path, f"the line '{line.strip()}'")
        entries[name.strip("'")] = found
    return entries


def _unreadable(path: str, found: str) -> ClassroomError:
    return ClassroomError(
        f"The lock {path} is invalid: expected what this version of the collection writes, found {found}. Build the "
        "bundle with this version of the collection.")
