# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.action.fetched_file import SPEC, difference, write
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.modules.fetched_file import DOCUMENTATION

ROOT = Path(__file__).resolve().parents[4]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("content", "found_mode", "reason"), [
    (None, 0, "it is missing"),
    ("other", 0o600, "its content is another"),
    ("wanted", 0o644, "its mode is another"),
    ("wanted", 0o600, ""),
])
def test_what_differs_is_written(tmp_path: Path, content: str | None, found_mode: int, reason: str) -> None:
    dest = tmp_path / "a" / "b"
    if content is not None:
        dest.parent.mkdir(mode=0o755)
        dest.write_text(content)
        dest.chmod(found_mode)
    assert difference(str(dest), "wanted", 0o600) == reason
    write(str(dest), "wanted", 0o600)
    assert (dest.read_text(), mode(dest)) == ("wanted", 0o600)
    # A directory that was there keeps its mode
    assert mode(dest.parent) == (0o700 if content is None else 0o755)
    assert difference(str(dest), "wanted", 0o600) == ""


def test_a_directory_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClassroomError, match=r"file/b on the controller, found: File exists"):
        write(str(tmp_path / "file" / "b"), "x", 0o600)


def fetched(tmp_path: Path, *options: str, **arguments: str | None) -> str:
    """What a person sees of a real run, this machine being both sides."""
    given = {"src": str(tmp_path / "src"), "dest": str(tmp_path / "new" / "dest"), **arguments}
    given = {key: value for key, value in given.items() if value is not None}
    done = subprocess.run(
        ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "classroom.kubeadm.fetched_file",
         "-e", f"ansible_python_interpreter={sys.executable}", "-a", json.dumps(given), *options],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False,
    )
    return done.stdout + done.stderr


def test_it_is_fetched_once_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "src").write_text("a secret: ö\n", encoding="utf-8")
    dest = tmp_path / "new" / "dest"
    said = fetched(tmp_path, "--check", "--diff")
    assert "it is missing" in said and not dest.parent.exists()
    said += fetched(tmp_path, "--diff")
    assert dest.read_text(encoding="utf-8") == "a secret: ö\n" and mode(dest) == 0o600
    again = fetched(tmp_path)
    assert "changed: false" in again
    assert "secret" not in said + again


def test_it_is_gone_when_that_is_wished(tmp_path: Path) -> None:
    dest = tmp_path / "new" / "dest"
    dest.parent.mkdir()
    dest.write_text("a secret")
    assert "it is not to be there" in fetched(tmp_path, "--check", state="absent") and dest.exists()
    assert "changed: true" in fetched(tmp_path, state="absent") and not dest.exists()
    assert "changed: false" in fetched(tmp_path, state="absent")


def test_without_a_source_it_is_told(tmp_path: Path) -> None:
    said = fetched(tmp_path, src=None)
    assert "FAILED" in said and "src" in said


@pytest.mark.parametrize(("arguments", "words"), [
    ({"src": "/nowhere/at/all"}, "/nowhere/at/all"),
    ({"mode": "rw"}, "found 'rw'"),
])
def test_bad_input_is_told(tmp_path: Path, arguments: dict[str, str], words: str) -> None:
    (tmp_path / "src").write_text("x")
    said = fetched(tmp_path, **arguments)
    assert "FAILED" in said and words in said
    assert not (tmp_path / "new").exists()


def test_the_documentation_has_the_options() -> None:
    options = yaml.safe_load(DOCUMENTATION)["options"]
    for option in options.values():
        del option["description"]
    assert options == SPEC
