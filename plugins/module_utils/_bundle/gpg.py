# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key that signs, and signatures that are checked, by gpg in a keyring of its own.

Nobody's keys are read and nobody's are changed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from .._core.command import Completed, Runner, run
from .._core.errors import ClassroomError
from .._core.files import write_text

OWNER = "classroom.kubeadm bundle"
# Tool and the Debian package that has it; agent and gpgconf come with gpg-agent
TOOLS: Mapping[str, str] = {"gpg": "gpg and gpg-agent"}

# Of a large file; signing takes no time but that of reading it
_TIMEOUT = 600.0


@dataclass(frozen=True)
class SigningKey:
    """A secret key in a keyring: its fingerprint, and when it was made, in seconds since the epoch."""

    fingerprint: str
    created: int


class Keyring:
    """A keyring for the moment, to be used in a `with`.

    It lies below the directory for temporary files: the agent of gpg refuses sockets in long paths.
    """

    def __init__(self, runner: Runner = run) -> None:
        self._run = runner
        self.home = ""

    def __enter__(self) -> Keyring:
        self.home = tempfile.mkdtemp(prefix="classroom-gpg-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def unlock(self, secret: str) -> SigningKey:
        """Take the secret key in the file `secret`; the first use makes it, readable for its owner alone."""
        if os.path.isfile(secret):
            self._do(f"the secret key in {secret}", "--import", secret)
        else:
            self._make(secret)
        keys = self._secret_keys()
        if len(keys) != 1:
            raise ClassroomError(
                f"Wanted one secret key in {secret}, found {len(keys)}; export exactly one with `gpg --armor "
                "--export-secret-keys`.")
        return keys[0]

    def trust(self, public: str) -> list[str]:
        """Take the public keys in the file `public`; their fingerprints."""
        self._do(f"public keys in {public}", "--import", public)
        listed = self._do("the list of keys", "--with-colons", "--list-keys")
        return [fingerprint for kind, fingerprint, _created in _records(listed.out) if kind == "pub"]

    def public_key(self, key: SigningKey) -> str:
        """The public part, armored, as Signed-By and gpgkey take it."""
        return self._do("the public key", "--armor", "--export", key.fingerprint).out

    def clear_sign(self, key: SigningKey, source: str, target: str) -> None:
        """Write the text of `source` with a signature around it."""
        self._do("a signature", "--local-user", key.fingerprint, "--output", target, "--clear-sign", source)

    def detach_sign(self, key: SigningKey, source: str, target: str) -> None:
        """Write an armored signature of `source` into a file of its own."""
        self._do(
            "a signature", "--local-user", key.fingerprint, "--output", target, "--armor", "--detach-sign", source)

    def signer(self, signature: str, signed: str) -> str:
        """The fingerprint of the trusted key with which `signature` was made over `signed`; empty if none was.

        An expired or revoked key counts as none: gpg says GOODSIG only for one that holds.
        """
        answer = self._gpg("--status-fd", "1", "--verify", signature, signed)
        words = [line.split() for line in answer.out.splitlines() if line.startswith("[GNUPG:] ")]
        good = any(line[1] == "GOODSIG" for line in words)
        # The last word of VALIDSIG is the primary key's fingerprint, also where a subkey signed
        valid = [line[-1] for line in words if line[1] == "VALIDSIG"]
        return valid[0] if good and valid and answer.rc == 0 else ""

    def _make(self, secret: str) -> None:
        # RSA, because every apt, dnf and rpm in use can check it; it never expires, because a class may be put back
        # years later
        self._do("a new signing key", "--quick-generate-key", OWNER, "rsa3072", "sign", "never")
        armored = self._do("the new signing key", "--armor", "--export-secret-keys", OWNER).out
        os.makedirs(os.path.dirname(secret), mode=0o700, exist_ok=True)
        fresh = f"{secret}.{os.getpid()}"
        write_text(fresh, armored, 0o600)
        try:
            # Never over a key that another run has made meanwhile: packages may be signed with it by now
            os.link(fresh, secret)
        except FileExistsError as problem:
            raise ClassroomError(
                f"Wanted to make the signing key {secret}, found that another run has just made it; run again."
            ) from problem
        finally:
            os.unlink(fresh)

    def _secret_keys(self) -> list[SigningKey]:
        listed = self._do("the list of secret keys", "--with-colons", "--list-secret-keys")
        found = _records(listed.out)
        return [SigningKey(fingerprint, int(created)) for kind, fingerprint, created in found if kind == "sec"]

    def _do(self, what: str, *arguments: str) -> Completed:
        answer = self._gpg(*arguments)
        if answer.rc != 0:
            raise ClassroomError(
                "Wanted {}, found that gpg cannot: {}; the key must be one that gpg reads, without a passphrase and "
                "not expired.".format(what, answer.text or f"it ended with {answer.rc}"))
        return answer

    def _gpg(self, *arguments: str) -> Completed:
        own = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--yes", "--no-auto-check-trustdb"]
        quiet = ["--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""]
        return self._run([*own, *quiet, *arguments], timeout=_TIMEOUT, check=False)


def fingerprint(secret: str) -> str:
    """Of the secret key in a file, which is made if there is none."""
    with Keyring() as keyring:
        return keyring.unlock(secret).fingerprint


def _records(listing: str) -> list[tuple[str, str, str]]:
    """The keys of gpg's listing for programs: kind (pub, sec), fingerprint and time of creation."""
    found: list[tuple[str, str, str]] = []
    primary: list[str] = []
    for line in listing.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sec"):
            primary = fields
        elif fields[0] == "fpr" and primary:
            found.append((primary[0], fields[9], primary[5]))
            primary = []
    return found
