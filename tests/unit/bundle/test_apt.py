# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The apt repository: an index that apt can follow and a signature that holds."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from bundle.builder import apt


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one real, empty package."""
    content = tmp_path / "tool"
    (content / "DEBIAN").mkdir(parents=True)
    control = (
        "Package: tool\nVersion: 1.0-1.1\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: x\n"
    )
    (content / "DEBIAN" / "control").write_text(control, encoding="utf-8")
    (tmp_path / "apt" / "pool").mkdir(parents=True)
    subprocess.run(
        ["dpkg-deb", "--build", str(content), str(tmp_path / "apt" / "pool")], check=True, capture_output=True
    )
    apt.index(tmp_path / "apt")
    return tmp_path / "apt"


def gpgv(repository: Path, *signed: str) -> int:
    key = repository.parent / "key.gpg"
    armored = (repository / apt.PUBLIC_KEY).read_bytes()
    key.write_bytes(subprocess.run(["gpg", "--dearmor"], input=armored, capture_output=True, check=True).stdout)
    command = ["gpgv", "--keyring", str(key), *(str(repository / name) for name in signed)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_index_names_packages_as_a_machine_will_ask_for_them(repository: Path) -> None:
    packages = (repository / "Packages").read_text(encoding="utf-8")
    assert "\nFilename: pool/tool_1.0-1.1_all.deb\n" in packages
    assert "\nSHA256: " in packages
    assert " Packages\n" in (repository / "Release").read_text(encoding="utf-8")


def test_both_signatures_hold_and_a_changed_release_does_not(repository: Path, tmp_path: Path) -> None:
    secret = tmp_path / "cache" / "signing" / "secret.asc"
    apt.sign(repository, secret)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert gpgv(repository, "InRelease") == 0
    assert gpgv(repository, "Release.gpg", "Release") == 0
    (repository / "Release").write_text("Origin: somebody else\n", encoding="utf-8")
    assert gpgv(repository, "Release.gpg", "Release") != 0


def test_the_key_is_made_once(repository: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.asc"
    apt.sign(repository, secret)
    first = (repository / apt.PUBLIC_KEY).read_text(encoding="utf-8")
    for name in ("InRelease", "Release.gpg", apt.PUBLIC_KEY):
        (repository / name).unlink()
    apt.sign(repository, secret)
    assert (repository / apt.PUBLIC_KEY).read_text(encoding="utf-8") == first
