# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and replacing files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils.files import mode_of, read_text, write_text


def test_a_missing_file_and_a_missing_directory_read_as_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert read_text(str(tmp_path / "none")) is None
    assert read_text(str(tmp_path / "no" / "where")) is None
    assert read_text(str(tmp_path / "file" / "below")) is None
    assert mode_of(str(tmp_path / "none")) is None


def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match="cannot be read: Is a directory"):
        read_text(str(tmp_path))


@pytest.mark.parametrize(("existing", "asked", "expected"), [
    (None, None, 0o644), (None, 0o600, 0o600), (0o640, None, 0o640), (0o640, 0o600, 0o600),
])
def test_mode_of_a_written_file(tmp_path: Path, existing: int | None, asked: int | None, expected: int) -> None:
    path = tmp_path / "new" / "file"
    if existing is not None:
        path.parent.mkdir()
        path.write_text("old")
        path.chmod(existing)
    write_text(str(path), "content\n", asked)
    assert path.read_text() == "content\n"
    assert mode_of(str(path)) == expected
    assert os.listdir(path.parent) == ["file"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(str(tmp_path / "link"), "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_bytes_that_are_not_text_survive(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9\n")
    write_text(str(path), (read_text(str(path)) or "") + "more\n")
    assert path.read_bytes() == b"caf\xe9\nmore\n"


def test_a_bind_mounted_file_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hosts"
    path.write_text("a longer content than the new one")
    inode = path.stat().st_ino

    def busy(source: str, target: str) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "rename", busy)
    write_text(str(path), "short", 0o600)
    assert path.read_text() == "short"
    assert (path.stat().st_ino, mode_of(str(path))) == (inode, 0o600)
    assert os.listdir(tmp_path) == ["hosts"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClassroomError, match="file cannot be written: No space left on device"):
        write_text(str(path), "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".file.classroom-new").write_text("half a")
    write_text(str(tmp_path / "file"), "whole")
    assert os.listdir(tmp_path) == ["file"]
