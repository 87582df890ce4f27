# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The students' kubeconfigs on the controller: those of a cluster that is reset go, another cluster's stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
# In place of Python on a host: it answers kubeadm_reset and node_delete, so that nothing is reset here
INTERPRETER = """\
#!{python}
import json
print(json.dumps({{
    "changed": True, "reason": "done", "level": "prepared", "decision": "none", "actions": [], "changes": [],
    "membership": "none", "endpoint": "", "ca_hash": "", "machine_id": "", "found": [], "residue": [], "evicted": [],
    "left": [], "nodes": [],
}}))
"""
PLAY = """\
- hosts: k8s_cluster
  gather_facts: false
  roles:
    - role: classroom.kubeadm.reset
"""
CLUSTERS = ("seat1", "seat1-b", "seat10")
FILES = ("seat1-anna.conf", "seat1-anna-b.conf", "seat1-b-ben.conf", "seat10-carl.conf", "seat1-notes.txt", "seat1")


def reset(directory: Path, limit: str, *arguments: str, **variables: Any) -> set[str]:
    """Run the role on some hosts; the names of the files that are left."""
    program, students = directory / "python", directory / "kubeconfig/students"
    program.write_text(INTERPRETER.format(python=sys.executable))
    program.chmod(0o755)
    students.mkdir(parents=True)
    for name in FILES:
        (students / name).write_text("key")
    hosts: dict[str, Any] = {}
    for cluster in CLUSTERS:
        members = [f"{cluster}-master", f"{cluster}-node"]
        for name in members:
            hosts[name] = {
                "ansible_connection": "local", "ansible_host": "192.0.2.1", "ansible_python_interpreter": str(program),
                "cluster_name": cluster, "cluster_machines": members, "cluster_control_plane": members[0]}
    # Not every host of an inventory is in a cluster
    (directory / "inventory.yml").write_text(json.dumps({
        "k8s_cluster": {"hosts": hosts}, "others": {"hosts": {"stranger": {}}}}))
    (directory / "play.yml").write_text(PLAY)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "play.yml", "--limit", limit,
         "-e", json.dumps({"reset_confirm": True, "reset_drain": False, **variables}), *arguments],
        cwd=directory, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "PWD": str(directory),
             "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
             "ANSIBLE_INJECT_FACT_VARS": "false", "ANSIBLE_PIPELINING": "true"})
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name for path in students.iterdir()}


@pytest.mark.parametrize(("limit", "arguments", "gone"), [
    ("seat1-master,seat1-node", (), {"seat1-anna.conf", "seat1-anna-b.conf"}),
    ("seat1-b-master,seat1-b-node", (), {"seat1-b-ben.conf"}),
    ("seat1-master,seat1-node", ("--check",), set()),
])
def test_the_files_of_the_cluster_go(
    tmp_path: Path, limit: str, arguments: tuple[str, ...], gone: set[str],
) -> None:
    assert reset(tmp_path, limit, *arguments) == set(FILES) - gone


def test_a_worker_that_leaves_takes_nothing_with_it(tmp_path: Path) -> None:
    assert reset(tmp_path, "seat1-node") == set(FILES)


def test_without_a_directory_all_stay(tmp_path: Path) -> None:
    assert reset(tmp_path, "seat1-master,seat1-node", reset_students_directory="") == set(FILES)
