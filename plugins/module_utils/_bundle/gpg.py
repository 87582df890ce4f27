# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign with a key and verify signatures, with gpg in a separate keyring.

The keyrings of users are neither read nor changed.
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

# Seconds for signing a large file, which takes as long as reading it
_TIMEOUT = 600.0


@dataclass(frozen=True)
class SigningKey:
    """A secret key in a keyring: its fingerprint, and its time of creation in seconds since the epoch."""

    fingerprint: str
    created: int


class Keyring:
    """A temporary keyring; a context manager.

    It is in the directory for temporary files, since the agent of gpg rejects sockets in long paths. All methods raise
    ClassroomError if gpg fails.
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
        """Import the secret key in the file `secret`, which is created if it is missing, readable only by its owner."""
        if os.path.isfile(secret):
            self._do(f"import the secret key in {secret}", "--import", secret)
        else:
            self._make(secret)
        keys = self._secret_keys()
        if len(keys) != 1:
            raise ClassroomError(
                f"The signing key is ambiguous: expected one secret key in {secret}, found {len(keys)}. Export exactly "
                "one with `gpg --armor --export-secret-keys`.")
        return keys[0]

    def trust(self, public: str) -> list[str]:
        """Import the public keys in the file `public` and return the fingerprints of all keys."""
        self._do(f"import the public keys in {public}", "--import", public)
        listed = self._do("list the keys", "--with-colons", "--list-keys")
        return [fingerprint for kind, fingerprint, _created in _records(listed.out) if kind == "pub"]

    def public_key(self, key: SigningKey) -> str:
        """Return the armored public key, as apt (Signed-By) and dnf (gpgkey) need it."""
        return self._do("export the public key", "--armor", "--export", key.fingerprint).out

    def clear_sign(self, key: SigningKey, source: str, target: str) -> None:
        """Write the text of `source` as a clear-signed message to `target`."""
        self._do("sign", "--local-user", key.fingerprint, "--output", target, "--clear-sign", source)

    def detach_sign(self, key: SigningKey, source: str, target: str) -> None:
        """Write an armored, detached signature of `source` to `target`."""
        self._do(
            "sign", "--local-user", key.fingerprint, "--output", target, "--armor", "--detach-sign", source)

    def signer(self, signature: str, signed: str) -> str:
        """Return the fingerprint of the imported key that has signed `signed`, empty if none has.

        An expired or revoked key counts as none: gpg reports GOODSIG only for a valid one.
        """
        answer = self._gpg("--status-fd", "1", "--verify", signature, signed)
        words = [line.split() for line in answer.out.splitlines() if line.startswith("[GNUPG:] ")]
        good = any(line[1] == "GOODSIG" for line in words)
        # The last word of VALIDSIG is the fingerprint of the primary key, also if a subkey signed
        valid = [line[-1] for line in words if line[1] == "VALIDSIG"]
        return valid[0] if good and valid and answer.rc == 0 else ""

    def _make(self, secret: str) -> None:
        # RSA, because every apt, dnf and rpm in use supports it. The key never expires, because a class may be
        # restored years later
        self._do("create a signing key", "--quick-generate-key", OWNER, "rsa3072", "sign", "never")
        armored = self._do("export the new signing key", "--armor", "--export-secret-keys", OWNER).out
        os.makedirs(os.path.dirname(secret), mode=0o700, exist_ok=True)
        fresh = f"{secret}.{os.getpid()}"
        write_text(fresh, armored, 0o600)
        try:
            # A key that another run has just created is not replaced: it may have signed packages by now
            os.link(fresh, secret)
        except FileExistsError as problem:
            raise ClassroomError(
                f"The signing key {secret} cannot be created: expected no such file, found that another run has just "
                "created it. Run this again.") from problem
        finally:
            os.unlink(fresh)

    def _secret_keys(self) -> list[SigningKey]:
        listed = self._do("list the secret keys", "--with-colons", "--list-secret-keys")
        found = _records(listed.out)
        return [SigningKey(fingerprint, int(created)) for kind, fingerprint, created in found if kind == "sec"]

    def _do(self, what: str, *arguments: str) -> Completed:
        answer = self._gpg(*arguments)
        if answer.rc != 0:
            raise ClassroomError(
                "gpg cannot {}: expected it to succeed, found: {}. Use a key that gpg can read, without a passphrase "
                "and not expired.".format(what, answer.text or f"it ended with {answer.rc}"))
        return answer

    def _gpg(self, *arguments: str) -> Completed:
        own = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--yes", "--no-auto-check-trustdb"]
        quiet = ["--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""]
        return self._run([*own, *quiet, *arguments], timeout=_TIMEOUT, check=False)


def fingerprint(secret: str) -> str:
    """Return the fingerprint of the secret key in a file, which is created if it is missing."""
    with Keyring() as keyring:
        return keyring.unlock(secret).fingerprint


def _records(listing: str) -> list[tuple[str, str, str]]:
    """Return kind (pub, sec), fingerprint and time of creation of the keys in gpg's machine-readable listing."""
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
