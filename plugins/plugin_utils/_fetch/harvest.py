# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate a harvest from a host: list its archive of files, and write manifests of its objects by namespace."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from typing import BinaryIO

from ...module_utils._core.errors import ClassroomError
from ...module_utils._formats.dns_names import is_dns_label
from . import archive
from .destination import Directory
from .manifests import Manifests

FILES, OBJECTS, MANIFESTS = "files.tar.gz", "objects.tar.gz", "objects"
MEBIBYTE = 1 << 20
_MOST_MEMBERS = 500_000
_MOST_NAMESPACES = 10_000
_MOST_STRANGERS = 20
# A file of one byte takes four blocks of the archive, including its extended header. A value of one byte takes several
# in YAML, with its indentation.
_EXPANSION = 8


def transfer_limit(max_mb: int) -> int:
    """Return the maximum size in bytes of an archive of `max_mb` MiB of files that cannot be compressed."""
    return max_mb * MEBIBYTE * 9 // 8 + 32 * MEBIBYTE


def strangers(stream: BinaryIO, directories: Sequence[str], max_mb: int) -> list[str]:
    """Return messages about members that are not files of the harvested directories, only the first of many.

    Raise ClassroomError if the archive is damaged, because the files in it are not safe then.
    """
    inside = [posixpath.normpath(directory).strip("/") for directory in directories]
    found: list[str] = []
    links: set[str] = set()
    left_out = 0
    try:
        for member in archive.Archive(stream, _EXPANSION * max_mb * MEBIBYTE + 64 * MEBIBYTE, _MOST_MEMBERS).members():
            reason = _reason(member, inside, links)
            if reason and len(found) < _MOST_STRANGERS:
                found.append(f"{member.name[:200]!a}: {reason}")
            elif reason:
                left_out += 1
    except archive.NotListed as problem:
        found.append(f"{FILES} cannot be listed to its end: {problem}")
    if left_out:
        found.append(f"{left_out} more")
    return found


def _reason(member: archive.Member, inside: Sequence[str], links: set[str]) -> str:
    name = member.name.rstrip("/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "." in parts or "" in parts:
        return "the name is not plain"
    if not any(name == directory or name.startswith(directory + "/") or not directory for directory in inside):
        return "outside of the harvested directories"
    above = (posixpath.join(*parts[:count]) for count in range(1, len(parts)))
    if links and any(path in links for path in above):
        return "behind a link of the archive"
    if member.kind == archive.LINK:
        links.add(name)
    elif member.kind == archive.HARD_LINK:
        target = member.target
        if ".." in target.split("/") or not any(target.startswith(directory + "/") for directory in inside):
            return "a hard link to something outside of the harvested directories"
    elif member.kind not in (archive.REGULAR, archive.DIRECTORY):
        return "a device, a pipe, or of an unknown kind"
    return "with a set-user-ID or set-group-ID bit" if member.mode & 0o6000 and member.kind == archive.REGULAR else ""


def write_manifests(stream: BinaryIO, directory: Directory, max_mb: int) -> list[str]:
    """Write the objects of an archive as manifests in YAML, one file for each namespace; return the namespaces.

    Raise ClassroomError for a name that is not `<namespace>.json`, for a duplicate name, for anything that is not a
    regular file with JSON objects, and for more than `max_mb` MiB.
    """
    found: list[str] = []
    limit = max_mb * MEBIBYTE + (_MOST_NAMESPACES + 20) * 1024
    reader = archive.Archive(stream, limit, _MOST_NAMESPACES)
    manifests = Manifests(_EXPANSION * max_mb * MEBIBYTE)
    try:
        for member in reader.members():
            namespace, extension = os.path.splitext(member.name)
            regular = member.kind == archive.REGULAR and extension == ".json"
            # The only form in which a name that a host reported may name a file
            if not regular or not is_dns_label(namespace) or namespace in found:
                raise ClassroomError(f"a member {member.name[:80]!a} that is not one file for a namespace")
            found.append(namespace)
            directory.write_stream(f"{namespace}.yml", manifests.documents(reader.data(member)))
    except archive.NotListed as problem:
        raise ClassroomError(f"an archive that is not accepted: {problem}") from problem
    return found
