# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's package repositories, on loopback: real signed repositories of real packages, under upstream's paths.

kubeadm is the compiled bundle's, since it is asked for its images; of the others the names and versions are enough.
"""

from __future__ import annotations

import contextlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.gpg import Keyring, SigningKey
from tests.unit.support import small_packages
from tools.paths import BUNDLE

MINOR = "v1.36"
RELEASE = "1.36.3-1.1"
SMALL = {"kubelet": RELEASE, "kubectl": RELEASE, "kubernetes-cni": "1.9.1-1.1", "cri-tools": "1.36.0-1.1"}
CONTAINERD = "2.4.2"


def build(root: Path, signing: Path) -> dict[str, str]:
    """Write all repositories below `root`; the fingerprints of their keys, by the word before it in this file."""
    with Keyring() as keyring:
        # A key of their own for each of the two, as upstream has
        kubernetes = keyring.unlock(str(signing / "kubernetes.asc"))
        _kubernetes(root / "core:" / "stable:" / MINOR, keyring, kubernetes)
    with Keyring() as keyring:
        docker = keyring.unlock(str(signing / "docker.asc"))
        _docker_deb(root / "linux" / "debian", keyring, docker)
        _docker_rpm(root / "linux" / "centos", keyring, docker)
    return {"kubernetes": kubernetes.fingerprint, "docker": docker.fingerprint}


def _kubernetes(directory: Path, keyring: Keyring, key: SigningKey) -> None:
    """Flat for apt, with the key beside it; the key of dnf's is in its repodata."""
    for family, pool in (("deb", "apt"), ("rpm", "rpm")):
        target = directory / family / "pool"
        target.mkdir(parents=True)
        (package,) = (BUNDLE / pool / "pool").glob(f"kubeadm[_-]*.{family}")
        shutil.copyfile(package, target / package.name)
    for name, version in SMALL.items():
        programs = {f"/usr/bin/{name}": "#!/bin/sh\n"}
        small_packages.deb(directory / "deb" / "pool", name, version, "amd64", programs=programs)
        small_packages.rpm(directory / "rpm" / "pool", name, version, "x86_64", programs=programs)
    bundle_repository.make_apt(str(directory / "deb"), keyring, key)
    bundle_repository.make_rpm(str(directory / "rpm"), keyring, key)
    (directory / "deb" / bundle_repository.PUBLIC_KEY).rename(directory / "deb" / "Release.key")


def _docker_deb(directory: Path, keyring: Keyring, key: SigningKey) -> None:
    """With suites and components, and versions that have an epoch or name the distribution."""
    pool = directory / "dists" / "trixie" / "pool" / "stable" / "amd64"
    for version in (f"{CONTAINERD}-1~debian.13~trixie", "2.4.20-1~debian.13~trixie", "5:1.7.0-1~debian.13~trixie"):
        small_packages.deb(pool, "containerd.io", version, "amd64")
    binaries = directory / "dists" / "trixie" / "stable" / "binary-amd64"
    binaries.mkdir(parents=True)
    archive = ["apt-ftparchive", "-o=APT::FTPArchive::Release::Suite=trixie",
               "-o=APT::FTPArchive::Release::Components=stable", "-o=APT::FTPArchive::Release::Architectures=amd64"]
    _output([*archive, "packages", "dists/trixie/pool"], directory, binaries / "Packages")
    suite = directory / "dists" / "trixie"
    _output([*archive, "release", "dists/trixie"], directory, suite / "Release")
    keyring.clear_sign(key, str(suite / "Release"), str(suite / "InRelease"))
    (directory / "gpg").write_text(keyring.public_key(key), encoding="utf-8")


def _docker_rpm(directory: Path, keyring: Keyring, key: SigningKey) -> None:
    """With signed packages, and metadata that nobody has signed."""
    stable = directory / "9" / "x86_64" / "stable"
    small_packages.rpm(stable / "pool", "containerd.io", f"{CONTAINERD}-1.el9", "x86_64")
    bundle_repository.make_rpm(str(stable), keyring, key)
    (stable / "repodata" / "repomd.xml.asc").unlink()
    (directory / "gpg").write_text(keyring.public_key(key), encoding="utf-8")


def _output(argv: list[str], directory: Path, target: Path) -> None:
    done = subprocess.run(argv, cwd=directory, check=True, capture_output=True)
    target.write_bytes(done.stdout)


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files, and a list of what was asked for."""

    asked: list[str]

    def log_message(self, format: str, *arguments: object) -> None:
        self.asked.append(self.path)


@contextlib.contextmanager
def serving(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a directory on a free port; its address, and the paths that are asked for."""
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"asked": asked})

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()
