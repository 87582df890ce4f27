# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
# In place of Python on a host: answers a module of Ansible's own, whose result no action of this collection converts
HOSTILE = """\
#!{python}
import json
print(json.dumps({{"changed": False, "files": [], "warnings": ["\\x1b[2J\\u202eowned"], "msg": "\\x1b]0;owned\\x07"}}))
"""
PLAY = """\
- name: Read files
  hosts: all
  gather_facts: false
  tasks:
    - name: Find files
      ansible.builtin.find: {paths: [/etc]}
"""


@pytest.mark.parametrize("colours", [False, True])
def test_texts_of_hosts_are_clean_with_the_stdout_callback_of_ansible(tmp_path: Path, colours: bool) -> None:
    python = tmp_path / "python"
    python.write_text(HOSTILE.format(python=sys.executable), encoding="utf-8")
    python.chmod(0o755)
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", "seat01,", "-c", "local", "-e", f"ansible_python_interpreter={python}", "-vv",
         str(tmp_path / "play.yml")],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
             "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
             "ANSIBLE_CALLBACKS_ENABLED": "classroom.kubeadm.stages",
             "ANSIBLE_NOCOLOR": "" if colours else "1", "ANSIBLE_FORCE_COLOR": str(int(colours))})
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "owned" in said and "Read files" in said.partition("STAGES")[2], said
    assert not [text for text in ("\x1b[2J", "\x1b]", "\x07", "\u202e") if text in said]
    assert ("\x1b[0;32m" in said) is colours
    if not colours:
        assert "\x1b" not in said
