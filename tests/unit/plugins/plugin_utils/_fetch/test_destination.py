# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch.destination import (
    Directory,
    opened,
    require_name,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(("name", "valid"), [
    ("lab.conf", True), ("seat01-łukasz żak.conf", True), (".hidden", True), ("x" * 200, True),
    ("", False), (".", False), ("..", False), ("a/b", False), ("a\nb", False), ("a\x7f", False), ("\0", False),
    ("x" * 201, False),
])
def test_a_name_of_the_inventory_is_one_component(name: str, valid: bool) -> None:
    if valid:
        assert require_name(name) == name
        return
    with pytest.raises(ClassroomError, match="Invalid file name: expected one name"):
        require_name(name)


def test_directories_are_created_for_their_owner_alone(tmp_path: Path) -> None:
    with opened(str(tmp_path / "a" / "b"), "c", "d", create=True) as directory:
        directory.write("e", b"x", 0o640, replace=True)
    assert [mode(tmp_path / path) for path in ("a/b", "a/b/c", "a/b/c/d")] == [0o700] * 3
    assert (tmp_path / "a/b/c/d/e").read_bytes() == b"x" and mode(tmp_path / "a/b/c/d/e") == 0o640
    assert os.listdir(tmp_path / "a/b/c/d") == ["e"]
    with pytest.raises(FileNotFoundError), opened(str(tmp_path / "none")):
        pass


def test_a_link_above_is_followed_and_one_below_is_not(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "real").mkdir(parents=True)
    (tmp_path / "link").symlink_to(elsewhere)
    with opened(str(tmp_path / "link" / "real")) as directory:
        assert directory.path == str(elsewhere / "real")
    for path, below in (("link", ()), ("elsewhere", ("inner",)), ("elsewhere", ("real", "file"))):
        (elsewhere / "inner").unlink(missing_ok=True)
        (elsewhere / "inner").symlink_to(elsewhere / "real")
        (elsewhere / "real" / "file").write_text("")
        with pytest.raises(ClassroomError, match=r"expected a directory, found a (link|regular file)"), \
                opened(str(tmp_path / path), *below, create=True):
            pass


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    with opened(str(tmp_path)) as found:
        return Directory(os.dup(found._descriptor), found.path)


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("kind", ["link", "dangling", "directory", "fifo"])
def test_only_a_regular_file_is_read_or_replaced(
    tmp_path: Path, directory: Directory, kind: str, replace: bool,
) -> None:
    target, path = tmp_path / "target", tmp_path / "path"
    target.write_text("precious")
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(target if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(ClassroomError, match=r"expected a regular file, found a (link|directory|special file)"):
        directory.write("path", b"evil", 0o600, replace)
    with pytest.raises(ClassroomError, match="expected a regular file"):
        directory.read("path", 10)
    assert target.read_text() == "precious" and not (tmp_path / "nowhere").exists()
    assert sorted(os.listdir(tmp_path)) == ["path", "target"]


def test_a_file_is_replaced_only_where_that_is_meant(tmp_path: Path, directory: Directory) -> None:
    directory.write("a", b"1", 0o600, replace=False)
    with pytest.raises(ClassroomError, match="exists and is not overwritten"):
        directory.write("a", b"2", 0o600, replace=False)
    assert directory.read("a", 10) == (b"1", 0o600)
    directory.write("a", b"2", 0o644, replace=True)
    assert directory.read("a", 10) == (b"2", 0o644)
    assert directory.read("none", 10) is None and os.listdir(tmp_path) == ["a"]


def test_no_more_than_the_limit_is_read(directory: Directory) -> None:
    directory.write("a", b"x" * 100, 0o600, replace=False)
    assert directory.read("a", 10) == (b"x" * 11, 0o600)


def test_a_link_is_removed_and_not_its_target(tmp_path: Path, directory: Directory) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to("target")
    directory.remove("link")
    assert os.listdir(tmp_path) == ["target"]
    (tmp_path / "home").mkdir()
    with pytest.raises(ClassroomError, match="expected a regular file, found a directory"):
        directory.remove("home")


@pytest.mark.parametrize("there", ["file", "directory", "dangling"])
def test_an_earlier_harvest_is_not_touched(tmp_path: Path, directory: Directory, there: str) -> None:
    path = tmp_path / "node1"
    if there == "file":
        path.write_text("")
    elif there == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(ClassroomError, match="an earlier harvest is never overwritten"):
        directory.fill_new("node1", lambda _fresh: None)
    assert os.listdir(tmp_path) == ["node1"]


def test_a_new_directory_is_complete_or_not_there(tmp_path: Path, directory: Directory) -> None:
    def fails(fresh: Directory) -> None:
        fresh.write("a", b"", 0o600, replace=False)
        raise ClassroomError("no more")

    with pytest.raises(ClassroomError, match="no more"):
        directory.fill_new("node1", fails)
    assert os.listdir(tmp_path) == []
    directory.fill_new("node1", lambda fresh: fresh.write("a", b"", 0o600, replace=False))
    assert os.listdir(tmp_path) == ["node1"] and mode(tmp_path / "node1") == 0o700


def test_one_that_appears_meanwhile_is_not_replaced(tmp_path: Path, directory: Directory) -> None:
    def meanwhile(_fresh: Directory) -> None:
        (tmp_path / "node1").mkdir()

    with pytest.raises(ClassroomError, match="never overwritten"):
        directory.fill_new("node1", meanwhile)
    assert os.listdir(tmp_path) == ["node1"]


def test_what_killed_runs_left_is_removed(tmp_path: Path, directory: Directory) -> None:
    old, young, other = (tmp_path / name for name in (
        ".node1.0123456789abcdef.part", ".node1.fedcba9876543210.part", ".node2.0123456789abcdef.part"))
    for path in (old, young, other):
        path.mkdir()
    (old / "files.tar.gz").write_text("")
    for path in (old, other):
        os.utime(path, (time.time() - 7200,) * 2)
    directory.fill_new("node1", lambda _fresh: None)
    assert set(os.listdir(tmp_path)) == {"node1", young.name, other.name}
