# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By whose key a bundle's lock was signed, and whether that is a key that was expected."""

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

# Beside a bundle: who signed the first one that was accepted in this place
_RECORD = ".signed-by"
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def fingerprints(given: Sequence[str]) -> list[str]:
    """Fingerprints as gpg prints them, whatever blanks a person left in."""
    found = ["".join(each.split()).upper() for each in given]
    wrong = [each for each in found if not _FINGERPRINT.fullmatch(each)]
    if wrong:
        raise ClassroomError(
            "Wanted whole fingerprints of keys, 40 hexadecimal digits each, found '{}'; `gpg --show-keys {}` prints "
            "a bundle's.".format("', '".join(wrong), PUBLIC_KEY))
    return found


def signer(bundle: str, runner: Runner = run) -> str:
    """The fingerprint of the key in the bundle, which has signed its lock; raises for a signature that does not hold.

    `bundle` is a directory with the lock, its signature and the public key.
    """
    lock, signature, public = (
        os.path.join(bundle, name) for name in (bundle_lock.NAME, bundle_lock.SIGNATURE, PUBLIC_KEY))
    missing = [path for path in (signature, public) if not os.path.isfile(path)]
    if missing:
        raise ClassroomError(
            "Wanted the lock of a bundle with its signature, found no {}; make the bundle anew."
            .format(" and no ".join(missing)))
    with Keyring(runner) as keyring:
        keyring.trust(public)
        found = keyring.signer(signature, lock)
    if not found:
        raise ClassroomError(
            f"Wanted {lock} as its maker has signed it, found that {signature} is not a signature of it by the key in "
            f"{public}; the "
            "bundle was changed after it was sealed: take it from where it was whole.")
    return found


def require_signer(bundle: str, allowed: Sequence[str], runner: Runner = run) -> str:
    """The same, refused when it is none of the fingerprints `allowed`, if there are any."""
    found = signer(bundle, runner)
    if allowed and found not in allowed:
        raise ClassroomError(
            "Wanted a bundle signed by {}, found one signed by {}; if its maker says that this is the key, name it "
            "as well, otherwise do not use the bundle.".format(" or ".join(allowed), found))
    return found


def record(bundle: str, signer: str) -> None:
    """Write down who signs the bundles in this place, unless that is written down already."""
    if not recorded(bundle):
        write_text(os.path.abspath(bundle) + _RECORD, signer + "\n")


def recorded(bundle: str) -> list[str]:
    """Return the fingerprints that `record` has written for this place; raises ClassroomError for another text."""
    return fingerprints((read_text(os.path.abspath(bundle) + _RECORD) or "").splitlines())


def require_known_signer(bundle: str, named: Sequence[str], runner: Runner = run) -> str:
    """Return the fingerprint of a bundle's signer, which has to be one of `named` or, without any, the recorded one.

    Raises ClassroomError for another one, for an unknown one and for a signature that does not hold.
    """
    allowed = fingerprints(named) or recorded(bundle)
    found = require_signer(bundle, allowed, runner)
    if not allowed:
        raise ClassroomError(
            f"The signer of the bundle {os.path.abspath(bundle)} is unknown: expected cluster_bundle_signed_by, or the "
            "fingerprint that "
            f"bundle.yml writes into {os.path.abspath(bundle)}{_RECORD}, found neither. It is signed by {found}. Ask "
            "its maker for the fingerprint of "
            f"the key; if it is this one, set cluster_bundle_signed_by: [{found}]. Nothing was changed.")
    return found
