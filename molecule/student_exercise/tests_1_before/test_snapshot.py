# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the machines are like before the collection touches them, kept for the end of the story."""

from __future__ import annotations

import json

from tests.support.playbooks import kept_prints
from tests.support.snapshots import all_prints, machine

NODES = ("master", "node1")


def test_the_hosts_have_no_tools_of_lessons() -> None:
    for name in NODES:
        assert not machine(name).exists("podman")
    prints = {name: sorted(lines) for name, lines in all_prints(NODES).items()}
    kept_prints().write_text(json.dumps(prints), encoding="utf-8")
