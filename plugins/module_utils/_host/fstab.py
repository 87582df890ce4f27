# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comment out the swap lines of /etc/fstab; every other line stays untouched."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.errors import ClassroomError

# The prefix of a line that is commented out; the original line follows it.
COMMENT_PREFIX = "#classroom.kubeadm# "


@dataclass(frozen=True)
class FstabPlan:
    """The new text, and the lines that it comments out."""

    text: str
    commented_out: tuple[str, ...]


def plan_fstab(text: str) -> FstabPlan:
    """Plan the file without swap. Raises ClassroomError for an invalid line, before the file is touched."""
    kept: list[str] = []
    commented_out: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = _fields(line, number)
        if fields and fields[2] == "swap":
            commented_out.append(line)
            kept.append(COMMENT_PREFIX + line)
        else:
            kept.append(line)
    return FstabPlan("".join(line + "\n" for line in kept) if commented_out else text, tuple(commented_out))


def without_marks(text: str) -> str:
    """Return the text with the commented-out lines restored and every other line untouched."""
    if COMMENT_PREFIX not in text:
        return text
    lines = (line[len(COMMENT_PREFIX):] if line.startswith(COMMENT_PREFIX) else line for line in text.splitlines())
    return "".join(line + "\n" for line in lines)


def _fields(line: str, number: int) -> list[str]:
    """Return the fields of an entry; none for a comment or an empty line."""
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return []
    fields = stripped.split()
    # util-linux ignores a comment after the options.
    comment = next((place for place, field in enumerate(fields) if place >= 4 and field.startswith("#")), len(fields))
    fields = fields[:comment]
    if not 3 <= len(fields) <= 6 or not all(field.isdigit() for field in fields[4:]):
        raise ClassroomError(
            f"/etc/fstab is invalid: expected an entry 'device mountpoint type options dump pass', found '{stripped}' "
            f"in line {number}. Correct or remove that line.")
    return fields
