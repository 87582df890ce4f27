# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries are opened by their directory, links are not followed, and a mount is recognized whatever is mounted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import open_beneath
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.open_beneath import (
    locate,
    mount_id,
    open_directory,
    read_regular,
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").write_text("text")
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "to-directory").symlink_to("directory")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        descriptor = os.open(tmp_path, os.O_RDONLY)
        yield descriptor
        os.close(descriptor)


def test_a_directory_is_opened(place: int) -> None:
    descriptor = open_directory(place, "directory")
    assert os.listdir(descriptor) == []
    os.close(descriptor)


@pytest.mark.parametrize("name", ["file", "to-file", "to-directory", "fifo", "socket"])
def test_nothing_else_is(place: int, name: str) -> None:
    with pytest.raises(NotADirectoryError):
        open_directory(place, name)


@pytest.mark.parametrize(("name", "most", "content"), [
    ("file", 4, b"text"), ("file", 3, None), ("directory", 9, None), ("to-file", 9, None), ("fifo", 9, None),
    ("socket", 9, None),
])
def test_only_a_regular_file_of_the_allowed_size_is_read(
    place: int, name: str, most: int, content: bytes | None,
) -> None:
    assert read_regular(place, name, most) == content


def test_a_fifo_that_takes_the_place_of_a_file_does_not_block(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.stat

    def exchanged(name: str, **more: object) -> os.stat_result:
        found = before(tmp_path / name)
        (tmp_path / "file").unlink()
        os.mkfifo(tmp_path / "file")
        return found

    monkeypatch.setattr(os, "stat", exchanged)
    assert read_regular(place, "file", 9) is None


def test_what_is_not_there(place: int) -> None:
    for opened in (open_directory, locate):
        with pytest.raises(FileNotFoundError):
            opened(place, "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_bind_mount_of_the_same_file_system_has_another_number(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    script = (
        "import os, runpy\n"
        "code = runpy.run_path({0!r})\n"
        "top, here = (os.open(path, os.O_RDONLY) for path in ({1!r}, {1!r} + '/here'))\n"
        "assert os.fstat(top).st_dev == os.fstat(here).st_dev\n"
        "assert code['mount_id'](top) != code['mount_id'](here)\n"
    ).format(open_beneath.__file__, str(tmp_path))
    subprocess.run(
        ["unshare", "--mount", "sh", "-ec", 'mount --bind "$1/there" "$1/here"; exec "$2" -c "$3"', "sh", tmp_path,
         sys.executable, script], check=True)
    descriptor = os.open(tmp_path / "here", os.O_RDONLY)
    top = os.open(tmp_path, os.O_RDONLY)
    assert mount_id(descriptor) == mount_id(top)
    os.close(descriptor)
    os.close(top)
