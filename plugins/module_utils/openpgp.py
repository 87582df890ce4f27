# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints of OpenPGP public keys, read without gpg, which not every machine has (RFC 4880 and 9580)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from .errors import ClassroomError

_BLOCK = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\n(?:[!-9;-~]+:.*\n)*\s*\n(.+?)\n(?:=[A-Za-z0-9+/]{4}\s*\n)?"
    r"-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_PUBLIC_KEY = 6


def fingerprints(armoured: str) -> list[str]:
    """Of the primary keys in an ASCII-armoured text, as upper-case hexadecimal digits.

    Raises ClassroomError for a text that is no key, such as the page of a proxy that wants a login.
    """
    found = []
    try:
        for block in _BLOCK.findall(armoured.replace("\r\n", "\n")):
            found += [_fingerprint(body) for tag, body in _packets(base64.b64decode(block)) if tag == _PUBLIC_KEY]
    except (binascii.Error, IndexError, ValueError):
        found = []
    if not found:
        raise ClassroomError(
            "Wanted an OpenPGP public key in ASCII armour, found '{0}'. Fetch it again from where its owner "
            "publishes it.".format(armoured.strip()[:60].replace("\n", " ")))
    return found


def _fingerprint(body: bytes) -> str:
    version, size = body[0], len(body)
    if version == 4:
        return hashlib.sha1(b"\x99" + size.to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()
    if version == 6:
        return hashlib.sha256(b"\x9b" + size.to_bytes(4, "big") + body).hexdigest().upper()
    raise ValueError("version {0}".format(version))


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each packet's tag and body."""
    at = 0
    while at < len(data):
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
        yield tag, data[at : at + size]
        at += size


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """The length of a packet in the newer form, and how many bytes say it. Keys do not come in parts."""
    first = data[at]
    if first < 192:
        return first, 1
    if first < 224:
        return ((first - 192) << 8) + data[at + 1] + 192, 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), 5
    raise ValueError("a partial length")
