# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`classroom.kubeadm.init` in a directory of the user, and what other playbooks say without it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CHANGED = re.compile(r"^localhost .*\bchanged=(\d)", re.MULTILINE)
ADVICE = "ansible-playbook classroom.kubeadm.init"
HOSTS = "all: {children: {k8s_cluster: {children: {control_plane: {hosts: {master: {ansible_connection: local}}}}}}}\n"


def run(place: Path, playbook: str, *arguments: str, **more: str) -> tuple[int, str]:
    """Run a playbook by its name, as the only user of this directory."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "CLASSROOM_"))}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), f"classroom.kubeadm.{playbook}", *arguments],
        cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=120, env={**kept, "PWD": str(place), "COLUMNS": "1000", "HOME": str(place / "home"),
                          "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_STDOUT_CALLBACK": "default",
                          **more})
    return done.returncode, done.stdout


def files(place: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in place.iterdir() if path.is_file()}


def test_the_files_are_written_once_and_used(tmp_path: Path) -> None:
    status, text = run(tmp_path, "init", "--check", "--diff")
    assert status == 0 and CHANGED.findall(text) == ["1"] and "+seats: 1-20" in text
    assert files(tmp_path) == {}

    assert CHANGED.findall(run(tmp_path, "init")[1]) == ["1"]
    written = files(tmp_path)
    assert set(written) == {"class.yml", "ansible.cfg"}

    # Now with the settings and the inventory of the new directory
    status, text = run(tmp_path, "init")
    assert status == 0 and CHANGED.findall(text) == ["0"]
    status, text = run(tmp_path, "site", "--list-hosts")
    assert status == 0 and "seat20-node2" in text
    assert files(tmp_path) == written


def test_a_file_of_the_user_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\nforks = 3\n", encoding="utf-8")
    before = files(tmp_path)

    status, text = run(tmp_path, "init")

    assert status == 2 and "found ansible.cfg (with other content). Existing files are never overwritten." in text
    assert "Nothing was changed." in text and files(tmp_path) == before


def test_another_configuration_in_use_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "other.cfg").touch()

    status, text = run(tmp_path, "init", "-e", "init_directory=new/class", ANSIBLE_CONFIG=str(tmp_path / "other.cfg"))

    assert status == 0 and f"ANSIBLE_CONFIG names {tmp_path}/other.cfg" in text
    assert set(files(tmp_path / "new" / "class")) == {"class.yml", "ansible.cfg"}


@pytest.mark.parametrize(("arguments", "words"), [
    ((), "expected hosts in the group k8s_cluster or utility, found no hosts at all"),
    (("-i", "hosts.yml"), "expected inject_facts_as_vars to be false, found true"),
])
def test_an_empty_configuration_is_rejected_with_the_advice_to_run_init(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "ansible.cfg").touch()
    (tmp_path / "hosts.yml").write_text(HOSTS, encoding="utf-8")

    status, text = run(tmp_path, "site", *arguments)

    assert status != 0 and words in text and ADVICE in text and "Nothing was changed." in text
