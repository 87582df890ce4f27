# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No playbook and no role starts where Ansible would turn facts, which come from hosts, into variables."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# init.yml writes the configuration that the others require
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml") if path.name != "init.yml")
ROLES = sorted(path.parents[1] for path in (ROOT / "roles").glob("*/meta/main.yml"))
CONFIGURATIONS = subprocess.run(
    ["git", "ls-files", "ansible.cfg", "*/ansible.cfg"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.split()
INVENTORY = """
all:
  children:
    k8s_cluster: {children: {control_plane: {hosts: {master: }}, workers: {hosts: {node1: , node2: }}}}
    utility: {hosts: {utility1: }}
  vars: {ansible_connection: local}
"""
LINE = 'Add the line "inject_facts_as_vars = false" to the section [defaults]'


def run(playbook: Path, tmp_path: Path, injected: str) -> tuple[int, str, bool]:
    """Exit status and output of a run with and without injection, and whether a module was started on a host."""
    started = tmp_path / "started"
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\ntouch {started}\necho '{{}}'\n")
    interpreter.chmod(0o755)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(INVENTORY)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), "-i", str(inventory), "-e",
         f"ansible_python_interpreter={interpreter}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "ANSIBLE_CONFIG": str(tmp_path / "none.cfg"), "ANSIBLE_NOCOLOR": "1", "PWD": str(tmp_path),
             "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_INJECT_FACT_VARS": injected,
             "ANSIBLE_GATHERING": "explicit"})
    return done.returncode, " ".join((done.stdout + done.stderr).split()), started.exists()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_playbook_starts_with_injected_facts(playbook: str, tmp_path: Path) -> None:
    status, output, started = run(ROOT / "playbooks" / playbook, tmp_path, "true")

    assert status == 2 and output.count(LINE) == 1 and not started


def test_one_task_is_enough_to_see_the_difference(tmp_path: Path) -> None:
    _status, output, started = run(ROOT / "playbooks" / "audit.yml", tmp_path, "false")

    assert LINE not in output and started


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_role_begins_with_the_check(role: Path) -> None:
    dependencies = yaml.safe_load((role / "meta" / "main.yml").read_text())["dependencies"]
    first = yaml.safe_load((role / "tasks" / "main.yml").read_text())[0]
    imported = str(first.get("ansible.builtin.import_tasks", ""))

    assert (
        {"role": "classroom.kubeadm.cluster"} in dependencies
        or imported == "../../cluster/tasks/main.yml"
        or (role.name == "cluster" and "injected_facts.yml" in imported)
    )


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_keeps_facts_apart(name: str) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / name)

    assert parser["defaults"]["inject_facts_as_vars"] == "false"
