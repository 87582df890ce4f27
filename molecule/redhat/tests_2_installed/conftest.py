# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small repositories that are right, wrongly signed, or damaged, on the machine of the Red Hat family."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbooks import ad_hoc
from tests.support.snapshots import machine
from tests.support.timings import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# `small` of two versions, a kubelet that is newer than any, and `slow`, whose scriptlet takes its time, but only once
PACKAGES = {"small": ("1.0", "1.1"), "kubelet": ("1.99.0",), "slow": ("1.0", "1.1")}
SCRIPTLETS = {"slow": "%post\n[ -e /run/slow-{version} ] || {{ touch /run/slow-{version}; sleep 60; }}"}
SPECIFICATION = """
Name: {name}
Version: {version}
Release: 1
Summary: Of a test
License: GPL-3.0-or-later
BuildArch: noarch
%description
Nothing is in it.
{scriptlet}
%files
"""
PLACE = "/srv/repositories"


class Forge:
    """Makes packages, keys and signatures in a directory of the controller."""

    def __init__(self, directory: Path, keyring: str) -> None:
        self.directory = directory
        self._environment = {**os.environ, "GNUPGHOME": keyring}

    def __call__(self, *argv: str | Path) -> str:
        done = subprocess.run(argv, env=self._environment, check=True, capture_output=True, text=True)
        return done.stdout

    def gpg(self, *argv: str | Path) -> str:
        return self("gpg", "--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", "", *argv)

    def build(self, pool: Path) -> None:
        for name, versions in PACKAGES.items():
            for version in versions:
                specification = self.directory / f"{name}.spec"
                scriptlet = SCRIPTLETS.get(name, "").format(version=version)
                specification.write_text(
                    SPECIFICATION.format(name=name, version=version, scriptlet=scriptlet), encoding="utf-8")
                self("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {self.directory}/build",
                     "--define", f"_rpmdir {pool}", specification)

    def repository(self, name: str, packages_by: str | None, metadata_by: str | None) -> Path:
        place = self.directory / PLACE.lstrip("/") / name
        self.build(place)
        if packages_by:
            self("rpmsign", "--define", f"_gpg_name {packages_by}", "--define", "__gpg /usr/bin/gpg", "--addsign",
                 *place.rglob("*.rpm"))
        self("createrepo_c", "--quiet", place)
        if metadata_by:
            self.gpg("--local-user", metadata_by, "--armor", "--detach-sign", place / "repodata" / "repomd.xml")
        return place


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The repositories are on the master; returned is the public key `right` that should have signed them."""
    directory = tmp_path_factory.mktemp("rpm")
    # gpg's agent refuses sockets in long paths
    with tempfile.TemporaryDirectory(prefix="forge-") as keyring:
        forge = Forge(directory, keyring)
        for owner in ("right", "other"):
            forge.gpg("--quick-generate-key", owner, "rsa3072", "sign", "never")
        forge.repository("right", "right", "right")
        forge.repository("unsigned", "right", None)
        forge.repository("other-metadata", "right", "other")
        forge.repository("other-packages", "other", "right")
        damaged = forge.repository("damaged", "right", "right")
        [package] = damaged.rglob("small-1.1*.rpm")
        package.write_bytes(package.read_bytes()[:-1] + b"X")
        done = ad_hoc("master", "ansible.builtin.copy", {"src": f"{directory}{PLACE}/", "dest": PLACE, "mode": "a+rX"})
        assert done.status == 0, done.output
        yield forge.gpg("--armor", "--export", "right")
        subprocess.run(["gpgconf", "--homedir", keyring, "--kill", "all"], check=True)
    machine("master").check_output(f"rm -rf {PLACE}")
