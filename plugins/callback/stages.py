# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the time of each play of a run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stages
type: aggregate
short_description: Show the seconds of every play at the end of a run
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Measures the wall-clock seconds of each play and prints them in the order of the run.
  - Every play of this collection's playbooks is one stage of a cluster's making, so that the list reads as its table of
    times.
  - Control characters in texts from hosts do not reach terminal and log, whichever stdout callback is used.
options:
  file:
    description:
      - A file to which the same figures are written as JSON, a list of objects with C(stage) and C(seconds).
      - Nothing is written when it is not set.
    type: path
    env:
      - name: CLASSROOM_STAGES_FILE
    ini:
      - section: callback_stages
        key: file
"""

import json
import shutil
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.utils.color import ANSIBLE_COLOR

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.screen import clean_display
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.stage_times import StageTimes

# The width of Ansible's own banners
_BANNER = 79


class CallbackModule(CallbackBase):
    """The callback that measures plays; plays for which no host matched are left out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "classroom.kubeadm.stages"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._times = StageTimes()
        # The stdout callback comes first, and that of this collection has done it by now
        clean_display(self._display, coloured=bool(ANSIBLE_COLOR))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._times.begin(play.get_name().strip())

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._times.drop()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._times.end()
        stages = self._times.done
        width = max((len(name) for name, _seconds in stages), default=0)
        # Ansible's banner has at least 79 columns, and so two lines in a narrow terminal
        columns = shutil.get_terminal_size((_BANNER, 24)).columns if sys.stdout.isatty() else _BANNER
        self._display.display("\nSTAGES ".ljust(min(columns, _BANNER) + 1, "*"))
        for name, seconds in stages:
            self._display.display("{0:<{1}} {2:7.1f} s".format(name, width, seconds))
        path = self.get_option("file")
        if path:
            with open(path, "w", encoding="utf-8") as handle:
                json.dump([{"stage": name, "seconds": round(seconds, 2)} for name, seconds in stages], handle)
