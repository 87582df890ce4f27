# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate between harvest and reset, in runs of the role with hosts that answer what a test tells them.

In place of its Python interpreter a host has a program that returns a recorded result for each module and writes down
that it was called, so nothing is reset here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
INTERPRETER = """\
#!{python}
import json, os, re, sys
host, name = os.path.basename(sys.argv[0]), ""
text = sys.stdin.read() if len(sys.argv) < 2 or sys.argv[1] == "-" else open(sys.argv[1]).read()
for found in re.findall(r"ansible_collections\\.classroom\\.kubeadm\\.plugins\\.modules\\.([a-z_]+)", text):
    name = found
with open({answers!r}) as stream:
    answers = json.load(stream)
if name:
    with open({calls!r}, "a") as calls:
        calls.write(host + " " + name + "\\n")
print(json.dumps({{"changed": False, **answers.get(host, {{}}).get(name, answers["all"].get(name, {{}}))}}))
"""
PLAY = """\
- hosts: k8s_cluster
  gather_facts: false
  roles:
    - role: classroom.kubeadm.reset
"""
FILES: dict[str, Any] = {"changed": True, "files": 1, "size": 5, "left_out": [], "missing": []}
OBJECTS: dict[str, Any] = {
    "changed": True, "namespaces": [], "objects": [], "reason": "", "left_out": [], "missing": []}
BROKEN = "Lesson of school.example/v1 cannot be listed: 500 conversion webhook failed."
TOO_MUCH = "Wanted to harvest at most 200.0 MiB of this machine, found 1229.0 MiB."
ANSWERS: dict[str, dict[str, Any]] = {
    "all": {
        "harvest_files": FILES, "harvest_objects": OBJECTS, "kubeadm_reset": {"changed": True, "reason": "done"},
        # tempfile of ansible-core, in check mode
        "": {"skipped": True}},
    "kind-master": {"harvest_objects": {**OBJECTS, "left_out": [BROKEN], "missing": [BROKEN]}},
    "size-master": {"harvest_files": {"failed": True, "msg": TOO_MUCH}},
    "old-node": {"harvest_files": {**FILES, "missing": "nothing"}},
}
# Clusters by what is wrong with them, and what the message says of it
CLUSTERS = {
    "good": "",
    "kind": "kind-master: Lesson of school.example/v1 cannot be listed",
    "size": "size-master: Wanted to harvest at most 200.0 MiB",
    "gone": "gone-node: it was not reached",
    "old": "old-node: The result of classroom.kubeadm.harvest_files on old-node was rejected",
}


class Run(NamedTuple):
    """Output of a run, the status, and the hosts on which a reset was begun."""

    text: str
    status: int
    reset: set[str]


def reset(directory: Path, *arguments: str) -> Run:
    """Run the role in check mode on all clusters, so that only the transfer of files does not take place."""
    answers, calls = directory / "answers.json", directory / "calls"
    answers.write_text(json.dumps(ANSWERS))
    calls.write_text("")
    hosts: dict[str, Any] = {}
    for cluster in CLUSTERS:
        members = [f"{cluster}-master", f"{cluster}-node"]
        for name in members:
            program = directory / name
            program.write_text(INTERPRETER.format(python=sys.executable, answers=str(answers), calls=str(calls)))
            program.chmod(0o755)
            hosts[name] = {
                "ansible_connection": "local", "ansible_host": "192.0.2.1", "ansible_python_interpreter": str(program),
                "cluster_name": cluster, "cluster_machines": members, "cluster_control_plane": members[0]}
    # Nothing listens on the first port
    hosts["gone-node"].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    inventory = {"k8s_cluster": {"hosts": hosts}}
    (directory / "inventory.yml").write_text(json.dumps(inventory))
    (directory / "play.yml").write_text(PLAY)
    variables = {"reset_confirm": True, "reset_harvest": True, "harvest_to": str(directory / "harvest")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "play.yml", "--check",
         "-e", json.dumps(variables), *arguments],
        cwd=directory, capture_output=True, text=True, check=False, timeout=300, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(directory),
             "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"),
             "ANSIBLE_INJECT_FACT_VARS": "false", "ANSIBLE_PIPELINING": "true", "ANSIBLE_FORKS": "10"})
    called = [line.split() for line in calls.read_text().splitlines()]
    return Run(done.stdout + done.stderr, done.returncode, {host for host, name in called if name == "kubeadm_reset"})


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return reset(tmp_path_factory.mktemp("stopped"))


def test_only_the_cluster_with_a_complete_harvest_is_reset(stopped: Run) -> None:
    assert stopped.reset == {"good-master", "good-node"}, stopped.text
    assert stopped.status != 0


@pytest.mark.parametrize("cluster", [name for name, words in CLUSTERS.items() if words])
def test_the_message_names_what_is_missing_and_the_variable(stopped: Run, cluster: str) -> None:
    start = f"The harvest of the cluster '{cluster}'"
    [message, *_others] = [line for line in stopped.text.splitlines() if start in line]
    assert CLUSTERS[cluster] in message and "reset_harvest_incomplete=true" in message


def test_each_host_of_the_cluster_has_the_same_message(stopped: Run) -> None:
    assert stopped.text.count(f"missing: {CLUSTERS['size']}") >= 2
    assert "size-master: it was not reached" not in stopped.text


def test_the_variable_overrides_it(tmp_path: Path) -> None:
    run = reset(tmp_path, "-e", "reset_harvest_incomplete=true")
    assert run.reset == {f"{cluster}-{kind}" for cluster in CLUSTERS for kind in ("master", "node")} - {"gone-node"}
    assert CLUSTERS["kind"] in run.text
