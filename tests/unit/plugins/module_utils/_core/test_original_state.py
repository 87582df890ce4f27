# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The former values for the way back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock, original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.original_state import Added

WRITERS, ENTRIES = 4, 25
WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
root, name = Root(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
for number in range({0}):
    original_state.keep(root, {{"packages": {{name + str(number): None}}, "modules": [name + str(number)]}})
    assert name + str(number) in original_state.read(root)["packages"]
"""


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
    assert original_state.merge(before, former) == {"format": 1, **expected}


def test_the_file_is_for_root_and_unchanged_when_nothing_is_new(machine: Any) -> None:
    original_state.keep(machine.root, {"hostname": "old"})
    path = machine.path(original_state.FILE)
    assert json.loads(path.read_text()) == {"format": 1, "hostname": "old"}
    assert path.stat().st_mode & 0o777 == 0o600
    inode = path.stat().st_ino
    original_state.keep(machine.root, {"hostname": "new"})
    assert path.stat().st_ino == inode
    assert original_state.read(machine.root)["hostname"] == "old"


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "format 1"), ('{"format": 2}', "format 1")])
def test_a_file_of_another_kind_is_refused(machine: Any, text: str, message: str) -> None:
    machine.write(original_state.FILE, text)
    with pytest.raises(ClassroomError, match=message):
        original_state.keep(machine.root, {"hostname": "x"})


def test_a_file_is_kept_with_its_mode_and_the_directories_it_needs(machine: Any) -> None:
    machine.write("/etc/own.conf", "theirs").chmod(0o640)
    paths = ("/etc/own.conf", "/etc/a/b/c.conf", "/etc/a/d.conf")
    found = original_state.former_files(machine.root, dict.fromkeys(paths, "ours"))
    assert found["files"] == {
        "/etc/own.conf": {"text": "theirs", "mode": 0o640},
        "/etc/a/b/c.conf": {"text": None, "mode": None}, "/etc/a/d.conf": {"text": None, "mode": None},
    }
    assert found["directories"] == ["/etc/a", "/etc/a/b"]
    assert set(found["written"].values()) == {original_state.digest("ours")}
    assert original_state.former_files(machine.root, {}) == {}


def test_two_runs_at_once_lose_no_entry(tmp_path: Path) -> None:
    collections = str(Path(original_state.__file__).parents[6])
    program = [sys.executable, "-c", WRITER.format(ENTRIES), collections, str(tmp_path)]
    writers = [
        subprocess.Popen([*program, "abcdefgh"[number]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for number in range(WRITERS)]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        errors = writer.communicate(timeout=60)[1]
        assert writer.returncode == 0, errors
    found = json.loads((tmp_path / original_state.FILE.lstrip("/")).read_text())
    assert (len(found["packages"]), len(found["modules"])) == (WRITERS * ENTRIES, WRITERS * ENTRIES)
    assert [path.name for path in (tmp_path / original_state.FILE.lstrip("/")).parent.iterdir()] == ["before.json"]


def test_a_run_that_holds_the_lock_can_record(machine: Any) -> None:
    with host_lock.held(machine.root.path, 1):
        original_state.keep(machine.root, {"hostname": "a"})
    assert original_state.read(machine.root)["hostname"] == "a"


@pytest.mark.parametrize(("before", "added", "since", "left"), [
    ({}, {"hostname": "a"}, {}, None),
    ({"hostname": "a"}, {"hostname": "b"}, {}, {"hostname": "a"}),
    ({"packages": {"x": None}}, {"packages": {"x": "1", "y": "2"}}, {}, {"packages": {"x": None}}),
    ({}, {"packages": {"y": "2"}}, {"packages": {"z": "3"}}, {"packages": {"z": "3"}}),
    ({}, {"packages": {"y": "2"}, "modules": ["a"]}, {"modules": ["b"]}, {"modules": ["b"]}),
    ({"written": {"f": "1"}}, {"written": {"f": "2", "g": "2"}}, {}, {"written": {"f": "1"}}),
    ({"written": {"f": "1"}}, {"written": {"f": "2"}}, {"written": {"f": "3"}}, {"written": {"f": "3"}}),
    ({"modules": []}, {"modules": ["a"]}, {}, {"modules": []}),
])
def test_what_is_taken_back_is_the_change_alone(
    machine: Any, before: dict[str, Any], added: dict[str, Any], since: dict[str, Any], left: dict[str, Any] | None
) -> None:
    original_state.keep(machine.root, before)
    change = original_state.keep(machine.root, added)
    original_state.keep(machine.root, since)
    original_state.take_back(machine.root, Added(), change)
    assert original_state.read(machine.root) == ({"format": 1, **left} if left else {})
    assert machine.path(original_state.FILE).exists() is (left is not None)


def test_nothing_to_keep_makes_no_file(machine: Any) -> None:
    original_state.keep(machine.root, {})
    assert machine.snapshot() == {}
