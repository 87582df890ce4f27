# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and replacing files."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import mode_of, read_text, write_text


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


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".file.classroom-new").write_text("half a")
    (tmp_path / ".file.classroom-new.0123456789ab").write_text("half a")
    (tmp_path / ".file2.classroom-new.0123456789ab").write_text("another file's")
    (tmp_path / ".file.classroom-newer").write_text("a user's")
    write_text(str(tmp_path / "file"), "whole")
    assert sorted(os.listdir(tmp_path)) == [".file.classroom-newer", ".file2.classroom-new.0123456789ab", "file"]


def test_a_file_that_another_process_writes_is_not_swept(tmp_path: Path) -> None:
    fresh = tmp_path / ".file.classroom-new.0123456789ab"
    with open(fresh, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write_text(str(tmp_path / "file"), "whole")
        assert fresh.exists()
    write_text(str(tmp_path / "file"), "whole again")
    assert os.listdir(tmp_path) == ["file"]


def test_links_and_pipes_of_such_a_name_are_left(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / ".file.classroom-new.1").symlink_to("secret")
    os.mkfifo(tmp_path / ".file.classroom-new.2")
    write_text(str(tmp_path / "file"), "whole")
    assert (tmp_path / "secret").read_text() == "x" and (tmp_path / "file").read_text() == "whole"


def _write_often(path: str, letter: str, barrier: Any) -> None:
    barrier.wait()
    for number in range(60):
        write_text(path, letter * (1000 + number))


def test_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    processes = multiprocessing.get_context("fork")
    barrier = processes.Barrier(5)
    writers = [processes.Process(target=_write_often, args=(str(path), letter, barrier)) for letter in "abcd"]
    for writer in writers:
        writer.start()
    barrier.wait()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        text = path.read_text()
        assert text == "old" or (len(text) >= 1000 and text == text[0] * len(text))
        seen.add(text[:1])
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert os.listdir(tmp_path) == ["file"] and len(seen) > 1
