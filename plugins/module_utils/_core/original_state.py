# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Record the original state of a host, from before this collection changed it, so that a reset can restore it.

The file is JSON, readable by root only, and has nothing from home directories. Every value is from before the first
change by this collection; later runs add what they change for the first time and never replace a value. Its keys, each
present only if the collection changed its subject:

    format       1
    hostname     text: the live host name
    hosts        text: all of /etc/hosts
    fstab        list: the lines of /etc/fstab that were commented out
    swaps        list: the swap devices and files that were switched off
    modules      list: the kernel modules that were loaded
    sysctls      mapping: the live value of each kernel setting
    selinux      text: the live mode
    time         mapping: `chrony`, its state (empty: it was not installed), and `replaced`, the services that it
                 replaced, each with its package (`name=version`)
    packages     mapping: the version of each package, null where it was not installed
    holds        mapping: whether each installed package was held
    files        mapping: `text` (null: there was no such file) and `mode` of each file that was written
    directories  list: the directories that were created for them
    units        mapping: the state of each unit's file in systemd (`disabled`; empty: there was no such unit)
    written      mapping: what this collection wrote last, to recognize later changes by the user: the SHA-256 digest
                 of a file's content by its path, and the host name as `hostname`. Only this is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import host_lock
from .errors import ClassroomError
from .files import Root, mode_of, read_text, remove, write_text

FILE = "/var/lib/classroom-kubeadm/before.json"
FORMAT = 1
# Seconds to wait for another run on this host, for example an installation or kubeadm with its timeouts
_LOCK_TIMEOUT = 300.0


@dataclass(frozen=True)
class Added:
    """One change of the file: its whole content before and after."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def keep(root: Root, former: Mapping[str, Any]) -> Added:
    """Record the former values that are not recorded yet, and return the change for `take_back`.

    The host-wide lock is held: of two runs that read, merge and write at the same time, the later one would drop the
    additions of the other one.
    """
    if not former:
        return Added()
    with host_lock.held(root.path, _LOCK_TIMEOUT):
        kept = read(root)
        merged = merge(kept, former)
        if merged != kept:
            _write(root, merged)
    return Added(kept, merged)


def take_back(root: Root, *changes: Added) -> None:
    """Undo these changes, the last one first, and keep everything that another run has recorded since."""
    if all(change.after == change.before for change in changes):
        return
    with host_lock.held(root.path, _LOCK_TIMEOUT):
        for change in reversed(changes):
            kept = read(root)
            left = without(kept, change)
            if left != kept:
                _write(root, left)


def replace(root: Root, kept: Mapping[str, Any]) -> None:
    """Replace the record; without any entry remove the file, and its directory if that is empty."""
    with host_lock.held(root.path, _LOCK_TIMEOUT):
        _write(root, kept)


def _write(root: Root, kept: Mapping[str, Any]) -> None:
    if set(kept) - {"format"}:
        write_text(root(FILE), json.dumps(kept, indent=2, sort_keys=True) + "\n", 0o600)
        return
    remove(root(FILE))
    with contextlib.suppress(OSError):
        os.rmdir(root(os.path.dirname(FILE)))


def without(kept: Mapping[str, Any], change: Added) -> dict[str, Any]:
    """Return the record as it would be without a change; entries that have another value by now stay."""
    left = dict(kept)
    for key, after in change.after.items():
        before = change.before.get(key)
        if key == "format" or key not in left or after == before:
            continue
        value = left[key]
        if isinstance(after, dict) and isinstance(value, dict):
            left[key] = _entries_without(value, before or {}, after)
        elif isinstance(after, list) and isinstance(value, list):
            left[key] = [item for item in value if item not in after or item in (before or ())]
        elif value == after:
            left[key] = before
        if left[key] in ({}, [], None) and key not in change.before:
            del left[key]
    return left


def _entries_without(value: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    left = dict(value)
    for name, entry in after.items():
        changed = name not in before or before[name] != entry
        if changed and name in left and left[name] == entry:
            if name in before:
                left[name] = before[name]
            else:
                del left[name]
    return left


def read(root: Root) -> dict[str, Any]:
    """Return the record, empty if the collection has changed nothing yet. Raises ClassroomError for an invalid file."""
    text = read_text(root(FILE))
    if text is None:
        return {}
    try:
        kept = json.loads(text)
    except ValueError as problem:
        raise ClassroomError(
            f"The original state of this host cannot be read: expected JSON in {FILE}, found a file that is not JSON "
            f"({problem}). Move the file away if the original state is no longer needed.") from problem
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise ClassroomError(
            f"The original state of this host cannot be read: expected format {FORMAT} of {FILE}, found another one. "
            "Use the version of this collection that wrote it.")
    return kept


def brought(root: Root, packages: Collection[str]) -> bool:
    """Return whether this collection installed one of these packages, that is, it was not installed before."""
    former = read(root).get("packages", {})
    return any(name in former and former[name] is None for name in packages)


def merge(kept: Mapping[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with the additions of `former`; mappings and lists grow, single values stay."""
    merged: dict[str, Any] = {"format": FORMAT, **kept}
    for key, value in former.items():
        if key not in merged:
            merged[key] = value
        elif key == "written":
            merged[key] = {**merged[key], **value}
        elif isinstance(value, dict):
            merged[key] = {**value, **merged[key]}
        elif isinstance(value, list):
            merged[key] = merged[key] + [item for item in value if item not in merged[key]]
    return merged


def former_files(root: Root, contents: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the argument of `keep` for files that will get these contents, or be removed (None)."""
    former: dict[str, Any] = {"files": {}, "directories": [], "written": {}}
    for path, content in contents.items():
        former["files"][path] = {"text": read_text(root(path)), "mode": mode_of(root(path))}
        former["directories"] += [each for each in _missing(root, path) if each not in former["directories"]]
        if content is not None:
            former["written"][path] = digest(content)
    return former if contents else {}


def digest(content: str) -> str:
    """Return the SHA-256 digest of a text in hexadecimal digits."""
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _missing(root: Root, path: str) -> list[str]:
    """Return the parent directories of a file that do not exist, the outermost first."""
    found: list[str] = []
    directory = os.path.dirname(path)
    while len(directory) > 1 and not os.path.isdir(root(directory)):
        found.insert(0, directory)
        directory = os.path.dirname(directory)
    return found
