# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was registered on each host, and the counters at the end, for the test to read."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hostile_results
type: notification
short_description: Results of the collection's modules as JSON
description: Writes results.jsonl and stats.json into the directory of the variable HOSTILE_RESULTS.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase


def shortened(value: Any) -> Any:
    """The same types with less text."""
    if isinstance(value, dict):
        return {str(key): shortened(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [shortened(each) for each in value]
    if isinstance(value, str):
        return str(value)[:500]
    return value if isinstance(value, (int, float, bool)) or value is None else str(value)[:500]


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "hostile_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, result: Any, state: str) -> None:
        action = str(result.task.action)
        # Of a task of `guarded` the module that it runs
        module = str(result.task.args["module"] if action.endswith(".guarded") else action).rpartition(".")[2]
        line = {"host": result.host.name, "task": str(result.task.get_name()), "action": action, "module": module,
                "state": state, "result": shortened(result.result)}
        with open(os.path.join(os.environ["HOSTILE_RESULTS"], "results.jsonl"), "a", encoding="utf-8",
                  errors="surrogateescape") as stream:
            stream.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write(result, "unreachable")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._write(result, "ok")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        counters = {host: stats.summarize(host) for host in stats.processed}
        path = os.path.join(os.environ["HOSTILE_RESULTS"], "stats.json")
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(counters, stream)
