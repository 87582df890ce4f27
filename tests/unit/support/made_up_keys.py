# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""OpenPGP public keys that sign nothing, for tests of where a key comes from and where it is written."""

from __future__ import annotations

import base64
import hashlib

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import openpgp

BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{0}\n-----END PGP PUBLIC KEY BLOCK-----\n"


def made_up_key(owner: str) -> str:
    """Return a key of this owner in plain armour: equal owners have equal keys."""
    return openpgp.normalized(BLOCK.format(base64.b64encode(_packets(owner)).decode("ascii")))


def fingerprint_of(owner: str) -> str:
    """Return the fingerprint of the key of this owner, in upper-case hexadecimal digits."""
    body = _body(owner)
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def _body(owner: str) -> bytes:
    # Version 4, made at no time, EdDSA, and instead of the numbers of a key something that differs by owner
    return b"\x04\x00\x00\x00\x00\x16" + hashlib.sha256(owner.encode()).digest()


def _packets(owner: str) -> bytes:
    body, name = _body(owner), owner.encode()
    return bytes([0x98, len(body)]) + body + bytes([0xB4, len(name)]) + name
