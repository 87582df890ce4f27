# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make signed repositories from directories of packages, one for apt and one for dnf."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Mapping

from .._core.command import Runner, run
from .._core.files import write_text
from .._packages.package_file import run_tool, unsigned_rpms
from .gpg import Keyring, SigningKey

# Where the packages of a family are in a bundle, below apt/ and rpm/
POOL = "pool"
PUBLIC_KEY = "classroom-kubeadm.asc"
LABEL = "classroom.kubeadm"
# Tool and the Debian package that has it
APT_TOOLS: Mapping[str, str] = {"apt-ftparchive": "apt-utils"}
RPM_TOOLS: Mapping[str, str] = {"createrepo_c": "createrepo-c", "rpmkeys": "rpm", "rpmsign": "rpm"}

_TIMEOUT = 600.0


def make_apt(
    repository: str, keyring: Keyring, key: SigningKey, runner: Runner = run, upgrades: bool = True,
) -> None:
    """Index and sign a flat repository: `Suites: ./` in the sources of a host.

    Without `upgrades` apt prefers installed packages and other sources (NotAutomatic, priority 1).
    """
    # Relative names, because apt-ftparchive writes its arguments into the field Filename
    archive = ["env", "--chdir=" + repository, "apt-ftparchive"]
    packages = run_tool("Cannot list the packages of the apt repository", [*archive, "packages", POOL], runner)
    _write(repository, "Packages", packages.out)
    fields = {"Origin": LABEL, "Label": LABEL, **({} if upgrades else {"NotAutomatic": "yes"})}
    names = [f"-o=APT::FTPArchive::Release::{field}={value}" for field, value in fields.items()]
    for former in ("Release", "Release.gpg", "InRelease"):
        _remove(os.path.join(repository, former))
    release = os.path.join(repository, "Release")
    listed = run_tool("Cannot list the files of the apt repository", [*archive, *names, "release", "."], runner)
    _write(repository, "Release", listed.out)
    keyring.clear_sign(key, release, os.path.join(repository, "InRelease"))
    keyring.detach_sign(key, release, release + ".gpg")
    _write(repository, PUBLIC_KEY, keyring.public_key(key))


def make_rpm(repository: str, keyring: Keyring, key: SigningKey, runner: Runner = run) -> None:
    """Sign every package that this key has not signed, then index and sign the repository."""
    public = keyring.public_key(key)
    _write(repository, PUBLIC_KEY, public)
    files = sorted(glob.glob(os.path.join(glob.escape(repository), POOL, "*.rpm")))
    unsigned = unsigned_rpms(files, os.path.join(repository, PUBLIC_KEY), keyring.home, runner)
    if unsigned:
        _sign_rpms(unsigned, keyring, key, runner)
    shutil.rmtree(os.path.join(repository, "repodata"), ignore_errors=True)
    # Without the SQLite copies of the lists, which only old versions of yum read
    run_tool("Cannot index the rpm repository", ["createrepo_c", "--quiet", "--no-database", repository], runner)
    metadata = os.path.join(repository, "repodata", "repomd.xml")
    keyring.detach_sign(key, metadata, metadata + ".asc")
    write_text(metadata + ".key", public)


def _sign_rpms(files: list[str], keyring: Keyring, key: SigningKey, runner: Runner) -> None:
    """Sign packages with this key and replace other signatures."""
    gpg = shutil.which("gpg") or "gpg"
    # A signature contains a time; with that of the key equal packages stay equal, whenever they are signed
    extra = f"--batch --pinentry-mode loopback --faked-system-time {key.created}!"
    macros = {
        "_gpg_name": key.fingerprint, "_gpg_path": keyring.home, "__gpg": gpg, "_gpg_digest_algo": "sha256",
        "_gpg_sign_cmd_extra_args": extra,
    }
    definitions = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    for path in files:
        # If a package has space for it, rpmsign writes into the file, which another bundle may use, too
        fresh = path + ".unsigned"
        shutil.copy2(path, fresh)
        run_tool("Cannot sign " + path, ["rpmsign", "--addsign", *definitions, fresh], runner)
        os.rename(fresh, path)


def _write(repository: str, name: str, content: str) -> None:
    # A new file: another bundle may use the existing one, too
    path = os.path.join(repository, name)
    _remove(path)
    write_text(path, content)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
