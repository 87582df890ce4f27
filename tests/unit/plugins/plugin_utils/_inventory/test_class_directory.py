# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a new class: written completely or not at all, and never over another file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.class_directory import (
    EXAMPLE,
    NAMES,
    missing_files,
    write,
)


def content(directory: Path) -> dict[str, str]:
    """Return all entries of a directory with their content."""
    return {path.name: path.read_text(encoding="utf-8") if path.is_file() else "" for path in directory.iterdir()}


@pytest.mark.parametrize("present", [(), ("class.yml",), ("ansible.cfg",), NAMES])
def test_missing_files_are_written_and_equal_ones_stay(tmp_path: Path, present: tuple[str, ...]) -> None:
    place = tmp_path / "new" / "class"
    for name in present:
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes((EXAMPLE / name).read_bytes())

    files = missing_files(place)
    write(files)

    assert [file.path.name for file in files] == [name for name in NAMES if name not in present]
    assert content(place) == content(EXAMPLE)
    assert missing_files(place) == []


@pytest.mark.parametrize(("name", "make", "found"), [
    ("class.yml", lambda path: path.write_text("seats: 1-2\n"), "found class.yml (with other content)."),
    ("ansible.cfg", lambda path: path.write_text(""), "found ansible.cfg (with other content)."),
    ("ansible.cfg", Path.mkdir, "found ansible.cfg (a directory)."),
    ("class.yml", lambda path: path.symlink_to("nowhere"), "found class.yml (a link)."),
])
def test_a_file_that_differs_is_an_error(
    tmp_path: Path, name: str, make: Callable[[Path], object], found: str
) -> None:
    make(tmp_path / name)
    before = content(tmp_path)

    with pytest.raises(ClassroomError) as error:
        missing_files(tmp_path)

    assert found in str(error.value) and str(error.value).endswith("Nothing was changed.")
    assert content(tmp_path) == before


def test_all_files_that_differ_are_named_at_once(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("", encoding="utf-8")

    with pytest.raises(ClassroomError, match=r"found class\.yml \(with other .* and ansible\.cfg \(with other"):
        missing_files(tmp_path)


def test_a_directory_in_which_all_can_write_is_an_error(tmp_path: Path) -> None:
    """As Ansible ignores its ansible.cfg."""
    tmp_path.chmod(0o777)

    with pytest.raises(ClassroomError, match="found mode 0777"):
        missing_files(tmp_path)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ClassroomError, match="found a file"):
        missing_files(tmp_path / "file")
    with pytest.raises(ClassroomError, match="found: Not a directory"):
        missing_files(tmp_path / "file" / "class")


def test_nothing_is_left_when_a_file_was_created_meanwhile(tmp_path: Path) -> None:
    files = missing_files(tmp_path)
    (tmp_path / NAMES[1]).write_text("of another process", encoding="utf-8")

    with pytest.raises(ClassroomError, match="found: File exists"):
        write(files)

    assert content(tmp_path) == {NAMES[1]: "of another process"}
