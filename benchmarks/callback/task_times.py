# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the seconds of each task, and of each host in it, to a file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: task_times
type: aggregate
short_description: Write the seconds of every task to a file
description:
  - For the benchmarks. The file has a list of objects with C(play), C(task), C(action), C(at), C(seconds) and C(hosts).
  - C(at) is the second of the run at which the task began. A host is done when the controller has its result.
options:
  file:
    description: The file.
    type: path
    required: true
    env:
      - name: CLASSROOM_TASKS_FILE
"""

import json
import time
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """The callback that measures tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._play = ""
        self._tasks: list[dict[str, Any]] = []
        self._starts: dict[tuple[str, str], float] = {}

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._end()
        self._play = play.get_name().strip()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._end()
        self._tasks.append({
            "play": self._play, "task": task.get_name().strip(), "action": task.resolved_action or task.action,
            "at": round(time.monotonic() - self._began, 2), "hosts": {},
        })

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._starts[host.get_name(), task._uuid] = time.monotonic()

    def _result(self, result: Any) -> None:
        host = result._host.get_name()
        began = self._starts.get((host, result._task._uuid))
        if self._tasks and began is not None:
            self._tasks[-1]["hosts"][host] = round(time.monotonic() - began, 2)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end()
        with open(self.get_option("file"), "w", encoding="utf-8") as handle:
            json.dump(self._tasks, handle)

    def _end(self) -> None:
        if self._tasks and "seconds" not in self._tasks[-1]:
            now = time.monotonic() - self._began
            self._tasks[-1]["seconds"] = round(now - self._tasks[-1]["at"], 2)
