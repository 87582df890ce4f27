# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read fingerprints of OpenPGP public keys without gpg, which not every host has (RFC 4880 and 9580)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from .._core.errors import ClassroomError

_BEGIN, _END = (f"-----{word} PGP PUBLIC KEY BLOCK-----" for word in ("BEGIN", "END"))
# The armour of RFC 9580, section 6.2: a header is a word, a colon, a blank and a text
_BLOCK = re.compile(
    _BEGIN + r"[ \t]*\n(?:[A-Za-z]+: [^\n]*\n)*[ \t]*\n(?P<body>[A-Za-z0-9+/=\n \t]+?)"
    r"(?:\n=(?P<checksum>[A-Za-z0-9+/]{4})[ \t]*)?\n" + _END + r"[ \t]*(?:\n|$)")
_PUBLIC_KEY = 6
# Packets of a published key: keys, subkeys, user ids and attributes, signatures, trust, marker, padding
_TAGS = frozenset({2, 6, 10, 12, 13, 14, 17, 21})


def fingerprints(armoured: str) -> list[str]:
    """Return the fingerprints of the primary keys in an ASCII-armoured text, as upper-case hexadecimal digits.

    Raises ClassroomError for a text that is not understood completely, because programs treat such a text differently:
    one reads only the first block, another one skips unknown parts.
    """
    return [
        _fingerprint(body) for data in _blocks(armoured) for tag, body, _whole in _packets(data) if tag == _PUBLIC_KEY
    ]


def normalized(armoured: str, separate: bool = False) -> str:
    """Return the keys of a text in plain armour, with exactly the packets that `fingerprints` has seen.

    All keys are in one block, because apt reads only the first block. With `separate` each key has its own block,
    because rpm reads only the first key of a block. Raises ClassroomError like `fingerprints`.
    """
    keys: list[bytes] = []
    for data in _blocks(armoured):
        for tag, _body, whole in _packets(data):
            if tag == _PUBLIC_KEY:
                keys.append(b"")
            keys[-1] += whole
    return "".join(map(_armoured, keys)) if separate else _armoured(b"".join(keys))


def _armoured(data: bytes) -> str:
    body = base64.b64encode(data).decode("ascii")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    checksum = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode("ascii")
    return "\n".join([_BEGIN, "", *lines, "=" + checksum, _END, ""])


def _blocks(armoured: str) -> list[bytes]:
    """Return the packets of each block of public keys; raise ClassroomError for anything else in the text."""
    text = armoured.replace("\r\n", "\n")
    outside = _BLOCK.sub("", text).strip()
    found = []
    try:
        for block in _BLOCK.finditer(text):
            data = base64.b64decode("".join(block.group("body").split()), validate=True)
            if block.group("checksum") and base64.b64decode(block.group("checksum")) != _crc24(data).to_bytes(3, "big"):
                raise ValueError("checksum")
            _check_packets(data)
            found.append(data)
    except (binascii.Error, IndexError, ValueError):
        found = []
    if outside or not found:
        raise ClassroomError(
            "Invalid key: expected OpenPGP public keys in ASCII armour and nothing else, found '{}'. Fetch the key "
            "again from where its owner publishes it.".format((outside or text.strip())[:60].replace("\n", " ")))
    return found


def _check_packets(data: bytes) -> None:
    """Raise ValueError unless the data begins with a primary key and has only packets of public keys."""
    tags = [tag for tag, _body, _whole in _packets(data)]
    if tags[0] != _PUBLIC_KEY or not _TAGS.issuperset(tags):
        raise ValueError("not a public key")


def _crc24(data: bytes) -> int:
    """Return the checksum of RFC 4880, section 6.1; RFC 9580 makes it optional."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _bit in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc


def _fingerprint(body: bytes) -> str:
    version, size = body[0], len(body)
    if version == 4:
        return hashlib.sha1(b"\x99" + size.to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    if version == 6:
        return hashlib.sha256(b"\x9b" + size.to_bytes(4, "big") + body).hexdigest().upper()
    raise ValueError(f"version {version}")


def _packets(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, body and whole data of each packet."""
    at = 0
    while at < len(data):
        start = at
        head = data[at]
        if not head & 0x80:
            raise ValueError("no packet")
        if head & 0x40:
            tag, (size, width) = head & 0x3F, _new_length(data, at + 1)
        else:
            width = (1, 2, 4)[head & 3]
            tag, size = head >> 2 & 0xF, int.from_bytes(data[at + 1 : at + 1 + width], "big")
        at += 1 + width
        if at + size > len(data):
            raise ValueError("half a packet")
        yield tag, data[at : at + size], data[start : at + size]
        at += size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length of a packet in the newer format, and the size of that field. Keys have no partial lengths."""
    first = data[at]
    if first < 192:
        return first, 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), 5
    raise ValueError("a partial length")
