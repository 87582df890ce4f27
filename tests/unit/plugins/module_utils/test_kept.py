# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The former values for the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils import kept
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError


@pytest.mark.parametrize(("before", "former", "expected"), [
    ({}, {"hostname": "a"}, {"hostname": "a"}),
    ({"hostname": "a"}, {"hostname": "b"}, {"hostname": "a"}),
    ({"sysctls": {"x": "0"}}, {"sysctls": {"x": "1", "y": "2"}}, {"sysctls": {"x": "0", "y": "2"}}),
    ({"fstab": ["one"]}, {"fstab": ["one", "two"]}, {"fstab": ["one", "two"]}),
    ({"packages": {"x": None}}, {"packages": {"x": "1", "y": "2"}}, {"packages": {"x": None, "y": "2"}}),
    ({"written": {"x": "1", "y": "1"}}, {"written": {"x": "2"}}, {"written": {"x": "2", "y": "1"}}),
])
def test_what_is_kept_is_never_replaced(
    before: dict[str, Any], former: dict[str, Any], expected: dict[str, Any],
) -> None:
    assert kept.merge(before, former) == {"format": 1, **expected}


def test_the_file_is_for_root_and_unchanged_when_nothing_is_new(machine: Any) -> None:
    kept.keep(machine.root, {"hostname": "old"})
    path = machine.path(kept.FILE)
    assert json.loads(path.read_text()) == {"format": 1, "hostname": "old"}
    assert path.stat().st_mode & 0o777 == 0o600
    inode = path.stat().st_ino
    kept.keep(machine.root, {"hostname": "new"})
    assert path.stat().st_ino == inode
    assert kept.read(machine.root)["hostname"] == "old"


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "format 1"), ('{"format": 2}', "format 1")])
def test_a_file_of_another_kind_is_refused(machine: Any, text: str, message: str) -> None:
    machine.write(kept.FILE, text)
    with pytest.raises(ClassroomError, match=message):
        kept.keep(machine.root, {"hostname": "x"})


def test_a_file_is_kept_with_its_mode_and_the_directories_it_needs(machine: Any) -> None:
    machine.write("/etc/own.conf", "theirs").chmod(0o640)
    paths = ("/etc/own.conf", "/etc/a/b/c.conf", "/etc/a/d.conf")
    found = kept.former_files(machine.root, dict.fromkeys(paths, "ours"))
    assert found["files"] == {
        "/etc/own.conf": {"text": "theirs", "mode": 0o640},
        "/etc/a/b/c.conf": {"text": None, "mode": None}, "/etc/a/d.conf": {"text": None, "mode": None},
    }
    assert found["directories"] == ["/etc/a", "/etc/a/b"]
    assert set(found["written"].values()) == {kept.digest("ours")}
    assert kept.former_files(machine.root, {}) == {}


def test_nothing_to_keep_makes_no_file(machine: Any) -> None:
    kept.keep(machine.root, {})
    assert machine.snapshot() == {}
