# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By whose key a bundle's lock was signed, and whether that is a key that was expected."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from . import bundle_lock
from .bundle_repository import PUBLIC_KEY
from .command import Runner, run
from .errors import ClassroomError
from .gpg_keyring import Keyring

_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")


def fingerprints(given: Sequence[str]) -> list[str]:
    """Fingerprints as gpg prints them, whatever blanks a person left in."""
    found = ["".join(each.split()).upper() for each in given]
    wrong = [each for each in found if not _FINGERPRINT.fullmatch(each)]
    if wrong:
        raise ClassroomError(
            "Wanted whole fingerprints of keys, 40 hexadecimal digits each, found '{0}'; `gpg --show-keys {1}` prints "
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
            "Wanted the lock of a bundle with its signature, found no {0}; make the bundle anew."
            .format(" and no ".join(missing)))
    with Keyring(runner) as keyring:
        keyring.trust(public)
        found = keyring.signer(signature, lock)
    if not found:
        raise ClassroomError(
            "Wanted {0} as its maker has signed it, found that {1} is not a signature of it by the key in {2}; the "
            "bundle was changed after it was sealed: take it from where it was whole.".format(lock, signature, public))
    return found


def require_signer(bundle: str, allowed: Sequence[str], runner: Runner = run) -> str:
    """The same, refused when it is none of the fingerprints `allowed`, if there are any."""
    found = signer(bundle, runner)
    if allowed and found not in allowed:
        raise ClassroomError(
            "Wanted a bundle signed by {0}, found one signed by {1}; if its maker says that this is the key, name it "
            "as well, otherwise do not use the bundle.".format(" or ".join(allowed), found))
    return found
