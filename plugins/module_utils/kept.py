# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a machine was like before this collection changed it, for the way back.

The file is JSON, readable by root only. Every value is the one that was there before this collection's first change of
it; later runs add what they touch for the first time and never replace anything. Its keys, each there only when the
collection changed that thing:

    format     1
    hostname   text: the live host name
    hosts      text: all of /etc/hosts
    fstab      list: the lines of /etc/fstab that were put out of force
    swaps      list: the swap devices and files that were switched off
    modules    list: the kernel modules that were loaded
    sysctls    mapping: the live value of each kernel setting
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import ClassroomError
from .files import Root, read_text, write_text

FILE = "/var/lib/classroom-kubeadm/before.json"
FORMAT = 1


def keep(root: Root, former: Mapping[str, Any]) -> None:
    """Add the former values that are not kept yet."""
    kept = read(root)
    merged = merge(kept, former)
    if merged != kept:
        write_text(root(FILE), json.dumps(merged, indent=2, sort_keys=True) + "\n", 0o600)


def read(root: Root) -> dict[str, Any]:
    """What is kept; nothing when the collection changed nothing yet."""
    text = read_text(root(FILE))
    if text is None:
        return {}
    try:
        kept = json.loads(text)
    except ValueError as problem:
        raise ClassroomError(
            "Wanted this machine's former settings in {0}, found a file that is not JSON ({1}). "
            "Move it away if they are not needed any more.".format(FILE, problem)) from problem
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise ClassroomError(
            "Wanted format {0} of {1}, found another one. Use the version of this collection that wrote it.".format(
                FORMAT, FILE))
    return kept


def merge(kept: Mapping[str, Any], former: Mapping[str, Any]) -> dict[str, Any]:
    """`kept` with what only `former` has; mappings and lists grow, single values stay."""
    merged: dict[str, Any] = {"format": FORMAT, **kept}
    for key, value in former.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, dict):
            merged[key] = {**value, **merged[key]}
        elif isinstance(value, list):
            merged[key] = merged[key] + [item for item in value if item not in merged[key]]
    return merged
