# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback that records tasks, in a real run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from benchmarks.machines import Trial
from benchmarks.playbooks import Methods, slowest_tasks
from benchmarks.results import Load, Measure, Pair, Result, Run
from tools.paths import environment

PLAY = """\
- name: Wait
  hosts: all
  gather_facts: false
  connection: local
  tasks:
    - name: Wait on the controller
      ansible.builtin.pause: {seconds: 1}
    - name: Fail on one host
      ansible.builtin.assert: {that: inventory_hostname == "node1"}
      # The play goes on: the seconds of a failed task are measured, too
      ignore_errors: true
    - name: Skip all hosts
      ansible.builtin.ping:
      when: false
"""


class LocalTrial(Trial):
    """A trial that runs playbooks on this machine, without hosts."""

    def __init__(self, work: Path) -> None:
        self.work = work

    def playbook(self, path: Path, *arguments: str, **more: str) -> float:
        subprocess.run(
            ["ansible-playbook", "-i", "node1,node2,", str(path), *arguments], env=environment(**more), check=True,
            capture_output=True, stdin=subprocess.DEVNULL)
        return 9.0


def test_each_task_has_its_seconds_and_its_hosts(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    run = Methods(LocalTrial(tmp_path), tasks=True).playbook(tmp_path / "play.yml")
    assert list(run.stages) == ["start of Ansible", "Wait"] and run.total == 9.0
    assert [(task["play"], task["task"], task["action"]) for task in run.tasks] == [
        ("Wait", "Wait on the controller", "ansible.builtin.pause"),
        ("Wait", "Fail on one host", "ansible.builtin.assert"),
        ("Wait", "Skip all hosts", "ansible.builtin.ping"),
    ]
    assert all(set(task["hosts"]) == {"node1", "node2"} for task in run.tasks[1:])
    assert run.tasks[0]["seconds"] >= 1 and run.tasks[0]["at"] < run.tasks[1]["at"] < run.tasks[2]["at"]
    table = slowest_tasks(Result(Measure("one", "one"), [Pair(Load(0, 0), run)]), count=1)
    assert len(table) == 3 and table[-1].startswith("| Wait: Wait on the controller | ")
    assert json.dumps(run.as_document())


def test_without_recorded_tasks_there_is_no_table() -> None:
    assert slowest_tasks(Result(Measure("one", "one"), [Pair(Load(0, 0), Run({"one": 1.0}))])) == []
