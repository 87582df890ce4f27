# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints, compared with gpg's own of keys that it has just made."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats.openpgp import fingerprints, normalized

KINDS = ("rsa2048", "ed25519", "nistp256")


class Gpg:
    """A keyring for the moment."""

    def __init__(self, home: str) -> None:
        self._home = home

    def __call__(self, *words: str) -> str:
        argv = ["gpg", "--homedir", self._home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        return subprocess.run([*argv, *words], check=True, capture_output=True, text=True).stdout

    def read(self, *words: str, stdin: str) -> str:
        argv = ["gpg", "--homedir", self._home, "--batch", "--quiet", *words]
        return subprocess.run(argv, input=stdin, check=True, capture_output=True, text=True).stdout

    def known(self) -> dict[str, str]:
        """The fingerprint of each primary key by its owner's name."""
        rows = [line.split(":") for line in self("--list-keys", "--with-colons").splitlines()]
        found = {}
        for number, row in enumerate(rows):
            if row[0] == "pub":
                name = next(other[9] for other in rows[number:] if other[0] == "uid")
                found[name] = next(other[9] for other in rows[number:] if other[0] == "fpr")
        return found


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    with tempfile.TemporaryDirectory(prefix="pgp-") as home:
        made = Gpg(home)
        for kind in KINDS:
            made("--quick-generate-key", kind, kind, "sign", "never")
        # With a subkey, whose fingerprint nobody asks for
        made("--quick-add-key", made.known()["rsa2048"], "rsa2048", "encr", "never")
        yield made
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [(), ("--comment", "of a person"), ("--emit-version",)])
def test_as_gpg_has_it(gpg: Gpg, kind: str, options: tuple[str, ...]) -> None:
    armoured = gpg(*options, "--armor", "--export", kind)
    assert fingerprints(armoured) == [gpg.known()[kind]]
    assert fingerprints("\r\n".join(["", *armoured.splitlines(), ""])) == [gpg.known()[kind]]


@pytest.mark.parametrize("kinds", [("rsa2048",), ("ed25519", "nistp256")])
@pytest.mark.parametrize("separate", [False, True])
def test_what_is_written_is_what_was_parsed(gpg: Gpg, kinds: tuple[str, ...], separate: bool) -> None:
    """As gpg reads it, and with as many blocks as the package manager wants."""
    written = normalized("".join(gpg("--comment", "x", "--armor", "--export", kind) for kind in kinds), separate)
    assert written.count("-----BEGIN") == (len(kinds) if separate else 1)
    assert fingerprints(written) == [gpg.known()[kind] for kind in kinds]
    assert normalized(written, separate) == written
    shown = gpg.read("--show-keys", "--with-colons", stdin=written)
    assert next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr")) == gpg.known()[kinds[0]]


@pytest.mark.parametrize("attack", [
    # A header that some programs skip, so that they use a block that others do not see
    "{other:X Y: z}{key}", "{other:Comment z}{key}", "{key}{other:X Y: z}",
    # Words that are no block
    "Words before\n{key}", "{key}words behind", "{key}-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n",
    "{key}-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
])
def test_a_text_of_which_not_all_is_a_key_is_rejected(gpg: Gpg, attack: str) -> None:
    key, other = (gpg("--armor", "--export", kind) for kind in ("rsa2048", "ed25519"))
    header = attack.partition("{other:")[2].partition("}")[0]
    hidden = other.replace("BLOCK-----\n\n", "BLOCK-----\n" + header + "\n\n", 1)
    text = attack.replace("{other:" + header + "}", hidden)
    with pytest.raises(ClassroomError, match="and nothing else, found"):
        fingerprints(text.replace("{key}", key))


def test_a_wrong_checksum_is_rejected(gpg: Gpg) -> None:
    lines = gpg("--armor", "--export", "ed25519").splitlines()
    (place,) = (number for number, line in enumerate(lines) if line.startswith("=") and len(line) == 5)
    with pytest.raises(ClassroomError, match="Invalid key"):
        fingerprints("\n".join([*lines[:place], "=AAAA", *lines[place + 1:]]))


def test_of_several_keys_all(gpg: Gpg) -> None:
    together = gpg("--armor", "--export")
    assert sorted(fingerprints(together)) == sorted(gpg.known().values())
    assert len(fingerprints(gpg("--armor", "--export", "rsa2048") + gpg("--armor", "--export", "ed25519"))) == 2


BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{0}\n-----END PGP PUBLIC KEY BLOCK-----"


@pytest.mark.parametrize("text", ["", "<html>Log in</html>", *(BLOCK.format(body) for body in ("!!", "AAAA", "mQ=="))])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ClassroomError, match="Invalid key: expected OpenPGP public keys in ASCII armour"):
        fingerprints(text)


def test_half_a_key_is_refused(gpg: Gpg) -> None:
    lines = gpg("--armor", "--export", "rsa2048").splitlines()
    with pytest.raises(ClassroomError, match="Invalid key"):
        fingerprints("\n".join([*lines[:5], lines[-1]]))
