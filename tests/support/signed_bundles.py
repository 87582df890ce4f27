# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of bundles that tests make by hand."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.gpg import Keyring
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.lock import NAME, SIGNATURE
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.repository import PUBLIC_KEY


def sign(directory: Path, secret: Path) -> str:
    """Sign the lock of a bundle with the secret key in a file, made if there is none; returns its fingerprint."""
    with Keyring() as keyring:
        key = keyring.unlock(str(secret))
        (directory / PUBLIC_KEY).write_text(keyring.public_key(key), encoding="utf-8")
        keyring.detach_sign(key, str(directory / NAME), str(directory / SIGNATURE))
    return key.fingerprint
