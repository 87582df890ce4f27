# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees are removed whatever is in them, and nothing behind a link or a mount, with real mounts and real files."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import open_beneath, tree_removal
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.owner_rights import Account
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.tree_removal import (
    Left,
    MountInTheWay,
    left_message,
    remove_entry,
)
from tests.unit.support.own_mounts import apart, mount

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
NOBODY = pwd.getpwnam("nobody")


def removed(
    top: Path, *, keep: bool = False, files: bool = True, owner: Account | None = None, mount: int | None = None,
) -> tuple[Left, ...]:
    directory = os.open(top.parent, os.O_PATH)
    try:
        return remove_entry(directory, top.name, str(top), keep=keep, files=files, owner=owner, account=owner,
                            mount=mount)
    finally:
        os.close(directory)


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("keep", [False, True])
def test_a_tree_goes_with_all_kinds_of_entries(tmp_path: Path, keep: bool) -> None:
    top, aside = tmp_path / "top", tmp_path / "aside"
    write(aside / "thesis")
    write(top / "a/b/c")
    (top / "a/empty").mkdir()
    (top / "a/to-directory").symlink_to(aside)
    (top / "a/to-file").symlink_to(aside / "thesis")
    (top / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "a/fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(top / "socket"))
    assert removed(top, keep=keep) == ()
    assert [path.name for path in tmp_path.iterdir() if path != aside] == (["top"] if keep else [])
    assert (aside / "thesis").read_text() == "x"
    assert removed(tmp_path / "nothing", keep=keep) == ()


@pytest.mark.parametrize(("kind", "keep", "left"), [
    ("file", False, ""), ("link", False, ""), ("fifo", False, ""), ("file", True, "Not a directory"),
    ("link", True, "Not a directory"),
])
def test_what_is_no_directory(tmp_path: Path, kind: str, keep: bool, left: str) -> None:
    top, aside = tmp_path / "top", write(tmp_path / "aside/thesis")
    if kind == "file":
        write(top)
    elif kind == "link":
        top.symlink_to(aside.parent)
    else:
        os.mkfifo(top)
    assert [problem.reason for problem in removed(top, keep=keep)] == ([left] if left else [])
    assert os.path.lexists(top) is bool(left)
    assert aside.exists()


def test_no_depth_is_too_large(tmp_path: Path) -> None:
    """Deeper than Python's stack, than the open files of a process, and than a path may be long."""
    here = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "top").mkdir()
    for name in ("top", *["d" * 10] * 1200):
        if name != "top":
            os.mkdir(name, dir_fd=here)
        there = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
    assert removed(tmp_path / "top") == ()
    assert list(tmp_path.iterdir()) == []


def test_empty_directories_only(tmp_path: Path) -> None:
    write(tmp_path / "top/a/file")
    (tmp_path / "top/b/c").mkdir(parents=True)
    left = removed(tmp_path / "top", files=False)
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["top", "top/a", "top/a/file"]
    assert left
    (tmp_path / "top/a/file").unlink()
    assert removed(tmp_path / "top", files=False) == ()
    assert not (tmp_path / "top").exists()


# What changes while it is removed


@pytest.mark.parametrize(("change", "expected"), [
    (lambda top: (top / "a/b").rmdir(), ()),
    (lambda top: (top / "a").rename(top.parent / "moved"), ()),
    (lambda top: ((top / "a").rename(top.parent / "moved"), (top / "a").symlink_to(top.parent / "aside")), ()),
    (lambda top: ((top / "a").rename(top.parent / "moved"), write(top / "a")), ()),
])
def test_an_entry_that_vanishes_or_becomes_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object], expected: tuple[Left, ...],
) -> None:
    top, aside = tmp_path / "top", write(tmp_path / "aside/thesis")
    (top / "a/b").mkdir(parents=True)
    before, done = open_beneath.locate, [False]

    def changed(directory: int, name: str) -> int:
        if name == "a" and not done[0]:
            done[0] = True
            change(top)
        return before(directory, name)

    monkeypatch.setattr(tree_removal, "locate", changed)
    assert removed(top) == expected
    assert not top.exists() and aside.exists()


def test_a_directory_that_is_moved_out_takes_nothing_else_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    top, aside = tmp_path / "top", write(tmp_path / "aside/thesis")
    write(top / "a/file")
    before = os.unlink

    def moved(name: str, **more: int) -> None:
        before(name, **more)
        (top / "a").rename(tmp_path / "aside/a")

    monkeypatch.setattr(os, "unlink", moved)
    left = removed(top)
    assert [problem.reason for problem in left] == ["it was moved while it was removed"]
    assert aside.exists()


def test_a_directory_that_is_written_to_all_the_time_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    top = tmp_path / "top"
    write(top / "a/file")
    before = os.rmdir

    def filled(name: str, **more: int) -> None:
        write(top / "a/file")
        before(name, **more)

    monkeypatch.setattr(os, "rmdir", filled)
    assert removed(top) == (Left(str(top / "a"), "Directory not empty"),)


@as_root
def test_what_cannot_be_removed_is_named_and_the_rest_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    locked = write(top / "a/locked")
    write(top / "a/free")
    write(top / "b/free")
    if subprocess.run(["chattr", "+i", locked], check=False, capture_output=True).returncode != 0:
        pytest.skip("this file system knows no immutable files")
    try:
        left = removed(top)
    finally:
        subprocess.run(["chattr", "-i", locked], check=True)
    assert left == (Left(str(locked), "Operation not permitted"),)
    assert [str(path.relative_to(top)) for path in sorted(top.rglob("*"))] == ["a", "a/locked"]


@pytest.mark.parametrize(("left", "text"), [
    ((), ""), ((Left("/a", "busy"),), "/a cannot be removed: busy"),
    ((Left("/a", "busy"), Left("/b", "busy"), Left("/c", "x")), "/a cannot be removed: busy, and 2 more"),
])
def test_the_sentence(left: tuple[Left, ...], text: str) -> None:
    assert left_message(left) == text


# Mounts


@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
@pytest.mark.parametrize("keep", [False, True])
def test_nothing_behind_a_mount_is_removed(tmp_path: Path, kind: str, keep: bool) -> None:
    top, export = tmp_path / "top", tmp_path / "export"
    write(export / "thesis")
    (top / "pods/nfs").mkdir(parents=True)

    def act() -> str:
        mount(*(("--bind", export) if kind == "bind" else ("-t", "tmpfs", "none")), top / "pods/nfs")
        write(top / "pods/nfs/thesis")
        with pytest.raises(MountInTheWay) as raised:
            removed(top, keep=keep)
        assert (top / "pods/nfs/thesis").read_text() == "x"
        return raised.value.path

    assert apart(act) == str(top / "pods/nfs")
    assert (export / "thesis").exists()


def test_a_file_that_is_mounted_is_left(tmp_path: Path) -> None:
    top, export = tmp_path / "top", write(tmp_path / "export")
    write(top / "file")

    def act() -> tuple[Left, ...]:
        mount("--bind", export, top / "file")
        return removed(top)

    assert apart(act) == (Left(str(top / "file"), "Device or resource busy"),)
    assert export.exists()


def test_a_directory_that_is_a_mount_itself_is_emptied_unless_its_mount_is_given(tmp_path: Path) -> None:
    top, export = tmp_path / "top", write(tmp_path / "export/file").parent
    top.mkdir()

    def act() -> tuple[Left, ...]:
        mount("--bind", export, top)
        above = os.open(tmp_path, os.O_PATH)
        with pytest.raises(MountInTheWay):
            removed(top, mount=open_beneath.mount_id(above))
        assert list(top.iterdir())
        return removed(top)

    assert apart(act) == ()
    assert list(export.iterdir()) == [] and top.exists()


@pytest.mark.parametrize("kind", ["overlay", "bpf"])
def test_other_file_systems(tmp_path: Path, kind: str) -> None:
    """An overlay, as below a container, copies a directory to its upper layer while it is emptied."""
    top = tmp_path / "merged/top"

    def act() -> tuple[Left, ...] | None:
        mount("-t", "tmpfs", "none", tmp_path)
        for name in ("merged", "lower", "upper", "work"):
            (tmp_path / name).mkdir()
        write(tmp_path / "lower/top/a/b/c/file")
        write(tmp_path / "lower/top/a/d/file")
        options = ["-o", f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"]
        try:
            mount("-t", kind, *(options if kind == "overlay" else []), "none", tmp_path / "merged")
        except subprocess.CalledProcessError:
            return None
        (top / "e/f").mkdir(parents=True)
        left = removed(top)
        assert not top.exists()
        return left

    left = apart(act)
    if left is None:
        pytest.skip(f"{kind} cannot be mounted here")
    assert left == ()


# The rights of a home's owner


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    os.chown(made, NOBODY.pw_uid, NOBODY.pw_gid)
    return made


def given(path: Path, mode: int | None = None) -> Path:
    """A file or directory of the home's user."""
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)
    if mode is not None:
        path.chmod(mode)
    return path


def as_owner(top: Path) -> tuple[Left, ...]:
    return removed(top, owner=Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid, str(top.parent)))


@as_root
@pytest.mark.parametrize("mode", [0o755, 0o500, 0o300, 0o000])
def test_a_users_own_tree_goes_whatever_its_modes(home: Path, mode: int) -> None:
    write(home / "cache/a/file")
    for path in (home / "cache/a/file", home / "cache/a", home / "cache"):
        given(path, mode)
    assert as_owner(home / "cache") == ()
    assert list(home.iterdir()) == []


@as_root
def test_what_belongs_to_a_third_user_stays(home: Path) -> None:
    write(home / "cache/theirs/file")
    given(home / "cache")
    for path in (home / "cache/theirs/file", home / "cache/theirs"):
        os.chown(path, 12345, 12345)
    assert [problem.reason for problem in as_owner(home / "cache")] == ["Permission denied"]
    assert (home / "cache/theirs/file").exists()


@as_root
@pytest.mark.parametrize(("owner", "mode", "gone"), [(0, 0o755, True), (0, 0o777, False), (12345, 0o755, False)])
def test_a_directory_that_root_made_in_a_home_is_roots(home: Path, owner: int, mode: int, gone: bool) -> None:
    write(home / "cache/below/file")
    os.chown(home / "cache", owner, owner)
    (home / "cache").chmod(mode)
    home.chmod(0o755)
    # A home of root's, as for a user who may only use sftp
    os.chown(home, 0, 0)
    directory = os.open(home, os.O_PATH)
    nobody = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid, str(home))
    left = remove_entry(directory, "cache", "cache", owner=nobody, account=None)
    os.close(directory)
    assert (left == ()) is gone
    assert (home / "cache/below/file").exists() is not gone


@as_root
def test_roots_directory_below_a_users_own_could_have_been_moved_there(home: Path) -> None:
    write(home / "cache/roots/file")
    given(home / "cache")
    assert [problem.reason for problem in as_owner(home / "cache")] == ["Permission denied"]
    assert (home / "cache/roots/file").exists()
