# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify the signature of a bundle's lock, and that its key is an accepted one."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from .._core.command import Runner, run
from .._core.errors import ClassroomError
from .._core.files import read_text, write_text
from . import lock as bundle_lock
from .gpg import Keyring
from .repository import PUBLIC_KEY

# Suffix of a file next to a bundle, with the signer of the first bundle that was accepted at this path
_RECORD = ".signed-by"
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def fingerprints(given: Sequence[str]) -> list[str]:
    """Return fingerprints in gpg's form, without blanks; raise ClassroomError for incomplete ones."""
    found = ["".join(each.split()).upper() for each in given]
    wrong = [each for each in found if not _FINGERPRINT.fullmatch(each)]
    if wrong:
        raise ClassroomError(
            "A fingerprint is invalid: expected whole fingerprints of keys, 40 hexadecimal digits each, found '{}'. "
            "Run `gpg --show-keys {}` in a bundle to see that of its key.".format("', '".join(wrong), PUBLIC_KEY))
    return found


def signer(bundle: str, runner: Runner = run) -> str:
    """Return the fingerprint of the key in the bundle that has signed its lock.

    `bundle` is a directory with the lock, its signature and the public key. Raises ClassroomError for an invalid or
    missing signature.
    """
    lock, signature, public = (
        os.path.join(bundle, name) for name in (bundle_lock.NAME, bundle_lock.SIGNATURE, PUBLIC_KEY))
    missing = [path for path in (signature, public) if not os.path.isfile(path)]
    if missing:
        raise ClassroomError(
            "The signature of the bundle is missing: expected the lock with its signature and key, found no {}. Create "
            "the bundle again.".format(" and no ".join(missing)))
    with Keyring(runner) as keyring:
        keyring.trust(public)
        found = keyring.signer(signature, lock)
    if not found:
        raise ClassroomError(
            f"The signature of the bundle is invalid: expected {lock} as its maker has signed it, found that "
            f"{signature} is not a signature of it by the key in {public}. The bundle was changed after it was sealed: "
            "copy it again from its source.")
    return found


def require_signer(bundle: str, allowed: Sequence[str], runner: Runner = run) -> str:
    """Return the fingerprint like `signer`; raise ClassroomError if it is none of `allowed`, if there are any."""
    found = signer(bundle, runner)
    if allowed and found not in allowed:
        raise ClassroomError(
            "The bundle has another signer: expected a bundle signed by {}, found one signed by {}. If its maker "
            "confirms this key, name it, too; otherwise do not use the bundle.".format(" or ".join(allowed), found))
    return found


def record(bundle: str, signer: str) -> None:
    """Record the signer of the bundles at this path, unless one is recorded already."""
    if not recorded(bundle):
        write_text(os.path.abspath(bundle) + _RECORD, signer + "\n")


def recorded(bundle: str) -> list[str]:
    """Return the fingerprints that `record` has written for this path; raise ClassroomError for another text."""
    return fingerprints((read_text(os.path.abspath(bundle) + _RECORD) or "").splitlines())


def require_known_signer(bundle: str, named: Sequence[str], runner: Runner = run) -> str:
    """Return the fingerprint of a bundle's signer, which must be one of `named` or, without any, the recorded one.

    Raises ClassroomError for another or an unknown signer, and for an invalid signature.
    """
    allowed = fingerprints(named) or recorded(bundle)
    found = require_signer(bundle, allowed, runner)
    if not allowed:
        raise ClassroomError(
            f"The signer of the bundle {os.path.abspath(bundle)} is unknown: expected cluster_bundle_signed_by, or the "
            f"fingerprint that bundle.yml writes into {os.path.abspath(bundle)}{_RECORD}, found neither. It is signed "
            f"by {found}. Ask its maker for the fingerprint of the key; if it is this one, set "
            f"cluster_bundle_signed_by: [{found}]. Nothing was changed.")
    return found
