# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a directory of packages into a signed apt repository."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle.builder.process import output

PUBLIC_KEY = "classroom-kubeadm.asc"
OWNER = "classroom.kubeadm bundle"


def index(repository: Path) -> None:
    """Packages and Release of a flat repository: `Suites: ./` in a machine's sources."""
    # Relative names, because what apt-ftparchive is given is what stands in Filename.
    listing = output(["apt-ftparchive", "packages", "pool"], cwd=repository)
    (repository / "Packages").write_text(listing, encoding="utf-8")
    options = [
        "-o=APT::FTPArchive::Release::Origin=classroom.kubeadm",
        "-o=APT::FTPArchive::Release::Label=classroom.kubeadm",
    ]
    release = output(["apt-ftparchive", *options, "release", "."], cwd=repository)
    (repository / "Release").write_text(release, encoding="utf-8")


def sign(repository: Path, secret: Path) -> None:
    """Sign Release both ways and put the public key beside it, armored, as Signed-By takes it."""
    with _keyring() as gpg:
        _unlock(gpg, secret)
        release = str(repository / "Release")
        output([*gpg, "--output", str(repository / "InRelease"), "--clear-sign", release])
        output([*gpg, "--output", f"{release}.gpg", "--armor", "--detach-sign", release])
        output([*gpg, "--output", str(repository / PUBLIC_KEY), "--armor", "--export", OWNER])


@contextmanager
def _keyring() -> Iterator[list[str]]:
    """A keyring for the moment: gpg's agent refuses sockets in long paths, which a checkout's cache may well have."""
    with tempfile.TemporaryDirectory(prefix="bundle-gpg-") as home:
        try:
            yield ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
        finally:
            output(["gpgconf", "--homedir", home, "--kill", "all"])


def _unlock(gpg: list[str], secret: Path) -> None:
    """Import the cache's key; the first build makes it. It never expires: a class may be put back years later."""
    if secret.is_file():
        output([*gpg, "--import", str(secret)])
        return
    # RSA, because every apt, dnf and rpm in use can check it.
    output([*gpg, "--quick-generate-key", OWNER, "rsa3072", "sign", "never"])
    secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    armored = output([*gpg, "--armor", "--export-secret-keys", OWNER])
    partial = secret.with_suffix(".partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(armored)
    partial.rename(secret)
