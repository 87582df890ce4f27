# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link of root in directories of root is followed; one that another user made or could exchange is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.trusted_path import (
    UntrustedPath,
    parent_of,
    target_of,
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for path in ("data/lib/kubelet", "var", "home/anna"):
        (tmp_path / path).mkdir(parents=True)
    for each in (tmp_path, *tmp_path.rglob("*")):
        each.chmod(0o755)
    return tmp_path


def resolved(base: Path, path: str, follow: bool = False, make: int | None = None) -> str:
    with (target_of if follow else parent_of)(path, str(base), make) as place:
        directory = os.readlink(f"/proc/self/fd/{place.directory}")
        assert f"{directory}/{place.name}" == place.path
        return place.path[len(str(base)):]


@pytest.mark.parametrize(("link", "target", "path", "follow", "expected"), [
    ("", "", "/var/lib", False, "/var/lib"),
    ("", "", "/var/./lib/", True, "/var/lib"),
    ("var/lib", "../data/lib", "/var/lib/kubelet", False, "/data/lib/kubelet"),
    ("var/lib", "{base}/data/lib", "/var/lib/kubelet/pods", False, "/data/lib/kubelet/pods"),
    ("var/lib", "{base}/var/../data/./lib", "/var/lib/kubelet", True, "/data/lib/kubelet"),
    ("var/lib", "{base}/data/lib", "/var/lib", False, "/var/lib"),
    ("var/lib", "{base}/data/lib", "/var/lib", True, "/data/lib"),
    ("var/lib", "missing", "/var/lib", True, "/var/missing"),
])
def test_a_link_of_root_is_followed(
    base: Path, link: str, target: str, path: str, follow: bool, expected: str,
) -> None:
    if link:
        (base / link).symlink_to(target.format(base=base))
    assert resolved(base, path, follow) == expected


@pytest.mark.parametrize(("path", "follow", "linked"), [
    ("/var/lib", True, True), ("/var/lib/kubelet", True, False), ("/var/lib", False, False),
])
def test_a_link_at_the_end_is_told(base: Path, path: str, follow: bool, linked: bool) -> None:
    (base / "var/lib").symlink_to("../data/lib")
    with (target_of if follow else parent_of)(path, str(base)) as place:
        assert place.linked is linked


@pytest.mark.parametrize("weak", ["var", "data", "data/lib"])
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_on_the_way_that_others_may_write_is_no_way(base: Path, weak: str, mode: int) -> None:
    (base / "var/lib").symlink_to("../data/lib")
    (base / weak).chmod(mode)
    with pytest.raises(UntrustedPath) as raised:
        resolved(base, "/var/lib/kubelet")
    assert "/var/lib/kubelet leads through the symbolic link /var/lib" in str(raised.value)
    assert f"/{weak} (owner {os.geteuid()}, mode {mode:04o})" in str(raised.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("owned", ["var", "var/lib", "data", "data/lib"])
def test_a_link_or_a_directory_of_another_user_is_no_way(base: Path, owned: str) -> None:
    (base / "var/lib").symlink_to("../data/lib")
    os.chown(base / owned, 65534, 65534, follow_symlinks=False)
    with pytest.raises(UntrustedPath, match="owner 65534"):
        resolved(base, "/var/lib/kubelet")


def test_without_a_link_the_owner_of_a_directory_does_not_matter(base: Path) -> None:
    (base / "home/anna").chmod(0o777)
    assert resolved(base, "/home/anna/file", True) == "/home/anna/file"
    assert resolved(base, "/home/anna/file") == "/home/anna/file"


def test_the_last_link_in_such_a_directory_is_a_name_and_no_way(base: Path) -> None:
    (base / "home/anna").chmod(0o777)
    (base / "home/anna/file").symlink_to("/etc/passwd")
    assert resolved(base, "/home/anna/file") == "/home/anna/file"
    with pytest.raises(UntrustedPath):
        resolved(base, "/home/anna/file", True)


def test_a_link_out_of_the_root_directory_starts_at_the_real_one(base: Path) -> None:
    (base / "var/lib").symlink_to("/etc")
    with target_of("/var/lib/passwd", str(base)) as place:
        assert place.path == "/etc/passwd"


@pytest.mark.parametrize(("path", "error"), [
    ("/missing/file", FileNotFoundError), ("/var/file/below", NotADirectoryError), ("/var/loop/x", OSError),
    ("/", IsADirectoryError),
])
def test_what_cannot_be_reached(base: Path, path: str, error: type[OSError]) -> None:
    (base / "var/file").write_text("")
    (base / "var/loop").symlink_to("loop")
    with pytest.raises(error):
        resolved(base, path)


def test_missing_directories_are_made(base: Path) -> None:
    assert resolved(base, "/var/lib/a/b", make=0o750) == "/var/lib/a/b"
    assert (base / "var/lib/a").stat().st_mode & 0o777 == 0o750
    assert not (base / "var/lib/a/b").exists()


def test_no_descriptor_stays_open(base: Path) -> None:
    (base / "var/lib").symlink_to("../data/lib")
    before = len(os.listdir("/proc/self/fd"))
    resolved(base, "/var/lib/kubelet/pods")
    (base / "data").chmod(0o777)
    with pytest.raises(UntrustedPath):
        resolved(base, "/var/lib/kubelet/pods")
    assert len(os.listdir("/proc/self/fd")) == before
