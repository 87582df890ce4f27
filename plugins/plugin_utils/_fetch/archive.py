# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read tar archives from hosts with limits, without unpacking them: Python's tarfile trusts the sizes in headers.

Formats: POSIX.1-2001 ustar and pax, and GNU's long names, as GNU tar writes them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...module_utils._core.errors import ClassroomError

_BLOCK = 512
_PIECE = 1 << 16
_LONGEST_HEADER = 1 << 20
REGULAR, HARD_LINK, LINK, DIRECTORY = "0", "1", "2", "5"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = "x", "g", "L", "K"


class NotListed(ClassroomError):
    """An archive exceeds a limit or has an unsupported form; it need not be damaged."""


@dataclass(frozen=True)
class Member:
    """A member of an archive: `kind` is tar's type flag, `size` the number of bytes that follow."""

    name: str
    kind: str
    mode: int
    size: int
    target: str


class Archive:
    """A gzip-compressed tar archive that is read once, from start to end.

    `limit` is the largest number of bytes after decompression, `most` the largest number of members.
    """

    def __init__(self, stream: BinaryIO, limit: int, most: int) -> None:
        self._stream = gzip.GzipFile(fileobj=stream)
        self._left = limit
        self._limit = limit
        self._most = most
        self._waiting = 0

    def members(self) -> Iterator[Member]:
        """Yield the members. Raise NotListed beyond the limits, ClassroomError for a damaged archive."""
        count, started = 0, False
        extended: dict[str, str] = {}
        while True:
            self._skip()
            header = self._exactly(_BLOCK)
            if not header.strip(b"\0"):
                self._require_end()
                return
            try:
                member = _member(header)
            except ValueError as problem:
                if not started:
                    raise ClassroomError("it is not a tar archive") from problem
                raise NotListed("it has a header that cannot be read") from problem
            started = True
            if member.kind in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
                extended.update(self._extension(member))
                continue
            count += 1
            if count > self._most:
                raise NotListed(f"it has more than {self._most} members")
            member = _extended(member, extended)
            extended = {}
            # Data is stored in whole blocks.
            self._waiting = -(-member.size // _BLOCK) * _BLOCK
            yield member

    def data(self, member: Member) -> Iterator[bytes]:
        """Yield the content of the member that `members` has just yielded."""
        left = member.size
        while left:
            piece = self._read(min(left, _PIECE))
            if not piece:
                raise ClassroomError("it is cut off")
            left -= len(piece)
            self._waiting -= len(piece)
            yield piece

    def _extension(self, member: Member) -> dict[str, str]:
        if member.size > _LONGEST_HEADER:
            raise NotListed(f"it has a header of more than {_LONGEST_HEADER} bytes")
        text = self._exactly(member.size)
        self._exactly(-member.size % _BLOCK)
        if member.kind == _GNU_NAME:
            return {"path": _text(text)}
        if member.kind == _GNU_LINK:
            return {"linkpath": _text(text)}
        return _records(text) if member.kind == _PAX else {}

    def _skip(self) -> None:
        while self._waiting:
            piece = self._read(min(self._waiting, _PIECE))
            if not piece:
                raise ClassroomError("it is cut off")
            self._waiting -= len(piece)

    def _require_end(self) -> None:
        """Raise NotListed if anything but zeros follows: GNU tar continues after a single empty block."""
        while True:
            piece = self._read(_PIECE)
            if not piece:
                return
            if piece.strip(b"\0"):
                raise NotListed("it has data after its end")

    def _exactly(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = self._read(size)
            if not piece:
                raise ClassroomError("it is cut off")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        try:
            piece = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as problem:
            raise ClassroomError("it is damaged or cut off") from problem
        self._left -= len(piece)
        if self._left < 0:
            raise NotListed(f"it holds more than {self._limit} bytes")
        return piece


def _member(header: bytes) -> Member:
    """Return the member of a header. Raise ValueError for an invalid header."""
    if _number(header[148:156]) != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise ValueError
    name = _text(header[:100])
    # GNU's own format has no prefix, and two spaces in place of the zero byte.
    if header[257:263] == b"ustar\0":
        prefix = _text(header[345:500])
        name = f"{prefix}/{name}" if prefix else name
    kind = chr(header[156]) if header[156] else REGULAR
    return Member(name, kind, _number(header[100:108]), _number(header[124:136]), _text(header[157:257]))


def _number(field: bytes) -> int:
    """Return a number from octal digits, or from GNU's binary form for large numbers."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.strip(b" \0") or b"0", 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _records(text: bytes) -> dict[str, str]:
    """Return the records of a pax header: length, space, keyword, equals sign, value, line break."""
    found: dict[str, str] = {}
    while text.strip(b"\0"):
        digits, _blank, _rest = text[:20].partition(b" ")
        if not digits.isdigit() or not len(digits) + 2 < int(digits) <= len(text):
            raise NotListed("it has a pax header that cannot be read")
        keyword, _equals, value = text[len(digits) + 1:int(digits) - 1].partition(b"=")
        found[keyword.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        text = text[int(digits):]
    return found


def _extended(member: Member, extended: dict[str, str]) -> Member:
    size = extended.get("size", str(member.size))
    if not (size.isascii() and size.isdigit() and len(size) < 20):
        raise NotListed("it has a size that cannot be read")
    name = extended.get("GNU.sparse.name", extended.get("path", member.name))
    return Member(name, member.kind, member.mode, int(size), extended.get("linkpath", member.target))
