# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories that apt and dnf can follow, with signatures that hold; real packages, real tools."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.gpg import Keyring, SigningKey
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file
from tests.unit.support import small_packages


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package for each family."""
    directory = tmp_path_factory.mktemp("packages")
    small_packages.deb(directory / "apt", "tool", "1.0-1.1")
    small_packages.rpm(directory / "rpm", "tool", "1.0-1.1")
    return directory


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("signing") / "deeper" / "secret.asc")


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    with Keyring() as opened:
        yield opened


@pytest.fixture
def key(keyring: Keyring, secret: str) -> SigningKey:
    return keyring.unlock(secret)


@pytest.fixture
def repository(packages: Path, tmp_path: Path) -> Path:
    """Of both families, with pools of links to the packages."""
    for family in ("apt", "rpm"):
        pool = tmp_path / family / "pool"
        pool.mkdir(parents=True)
        for file in (packages / family).iterdir():
            os.link(file, pool / file.name)
    return tmp_path


def apt(repository: Path) -> str:
    return str(repository / "apt")


def rpm(repository: Path) -> str:
    return str(repository / "rpm")


def unsigned(repository: Path, keyring: Keyring) -> list[str]:
    """The packages that the repository's own key has not signed."""
    files = [str(file) for file in (repository / "rpm" / "pool").iterdir()]
    return package_file.unsigned_rpms(files, f"{rpm(repository)}/{bundle_repository.PUBLIC_KEY}", keyring.home)


def test_apts_index_names_packages_as_a_host_will_ask_for_them(
    repository: Path, keyring: Keyring, key: SigningKey
) -> None:
    bundle_repository.make_apt(apt(repository), keyring, key)
    packages = (repository / "apt" / "Packages").read_text(encoding="utf-8")
    assert "\nFilename: pool/tool_1.0-1.1_all.deb\n" in packages
    assert "\nSHA256: " in packages
    release = (repository / "apt" / "Release").read_text(encoding="utf-8")
    assert " Packages\n" in release
    assert "Release.gpg" not in release


def test_apts_signatures_hold_and_a_changed_release_does_not(
    repository: Path, keyring: Keyring, key: SigningKey
) -> None:
    bundle_repository.make_apt(apt(repository), keyring, key)
    release = repository / "apt" / "Release"
    assert keyring.signer(f"{release}.gpg", str(release)) == key.fingerprint
    inside = repository / "apt" / "InRelease"
    assert subprocess.run(
        ["gpg", "--homedir", keyring.home, "--verify", inside], capture_output=True, check=False
    ).returncode == 0
    release.write_text("Origin: somebody else\n", encoding="utf-8")
    assert keyring.signer(f"{release}.gpg", str(release)) == ""


def test_dnfs_index_and_packages_are_signed(repository: Path, keyring: Keyring, key: SigningKey) -> None:
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    data = repository / "rpm" / "repodata"
    assert keyring.signer(str(data / "repomd.xml.asc"), str(data / "repomd.xml")) == key.fingerprint
    public = (repository / "rpm" / bundle_repository.PUBLIC_KEY).read_text(encoding="utf-8")
    assert public.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert (data / "repomd.xml.key").read_text(encoding="utf-8") == public
    assert unsigned(repository, keyring) == []


def test_signing_leaves_a_package_that_another_directory_has_as_it_is(
    packages: Path, repository: Path, keyring: Keyring, key: SigningKey
) -> None:
    (given,) = (packages / "rpm").iterdir()
    before = given.read_bytes()
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    assert [file.name for file in (repository / "rpm" / "pool").iterdir()] == [given.name]
    assert given.read_bytes() == before
    assert (repository / "rpm" / "pool" / given.name).read_bytes() != before


def test_making_it_again_changes_no_package(repository: Path, keyring: Keyring, key: SigningKey) -> None:
    (package,) = (repository / "rpm" / "pool").iterdir()
    unsigned = package.read_bytes()
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    signed, inode = package.read_bytes(), package.stat().st_ino
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    assert (package.read_bytes(), package.stat().st_ino) == (signed, inode)
    assert len(list((repository / "rpm" / "repodata").glob("*primary.xml*"))) == 1
    # Equal packages have equal bytes, whenever they are signed
    package.unlink()
    package.write_bytes(unsigned)
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    assert package.read_bytes() == signed


def test_a_package_that_another_key_has_signed_gets_this_ones_signature(
    repository: Path, keyring: Keyring, key: SigningKey, tmp_path: Path
) -> None:
    with Keyring() as other:
        bundle_repository.make_rpm(rpm(repository), other, other.unlock(str(tmp_path / "other.asc")))
    bundle_repository.make_rpm(rpm(repository), keyring, key)
    assert unsigned(repository, keyring) == []


def test_a_file_that_is_no_package_is_refused(repository: Path, keyring: Keyring, key: SigningKey) -> None:
    (repository / "rpm" / "pool" / "cut.rpm").write_bytes(b"cut off")
    with pytest.raises(ClassroomError, match=r"Cannot sign .*cut\.rpm: expected 'rpmsign"):
        bundle_repository.make_rpm(rpm(repository), keyring, key)


def test_a_key_is_made_once_and_for_its_owner_alone(secret: str, key: SigningKey) -> None:
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(secret)).st_mode) == 0o700
    with Keyring() as another:
        assert another.unlock(secret) == key
    assert os.listdir(os.path.dirname(secret)) == ["secret.asc"]


@pytest.mark.parametrize(
    ("content", "says"),
    [("no key\n", "gpg cannot import the secret key in .*: expected it to succeed"), (None, "found 2")])
def test_a_file_that_is_not_one_key_is_refused(tmp_path: Path, secret: str, content: str | None, says: str) -> None:
    given = tmp_path / "given.asc"
    if content is None:
        with Keyring() as other:
            other.unlock(str(tmp_path / "other.asc"))
        content = (tmp_path / "other.asc").read_text(encoding="utf-8") + Path(secret).read_text(encoding="utf-8")
    given.write_text(content, encoding="utf-8")
    with Keyring() as fresh, pytest.raises(ClassroomError, match=says):
        fresh.unlock(str(given))


def test_nothing_of_a_keyring_is_left() -> None:
    with Keyring() as opened:
        home = opened.home
        assert os.path.isdir(home)
    assert not os.path.exists(home)


def test_a_signature_by_a_key_that_is_not_trusted_is_none(
    repository: Path, keyring: Keyring, key: SigningKey, tmp_path: Path
) -> None:
    bundle_repository.make_apt(apt(repository), keyring, key)
    release = repository / "apt" / "Release"
    with Keyring() as stranger:
        assert stranger.signer(f"{release}.gpg", str(release)) == ""
        assert stranger.trust(f"{apt(repository)}/{bundle_repository.PUBLIC_KEY}") == [key.fingerprint]
        assert stranger.signer(f"{release}.gpg", str(release)) == key.fingerprint
