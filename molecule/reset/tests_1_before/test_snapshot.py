# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the machines are like before the collection touches them, kept for the end of the story."""

from __future__ import annotations

import json

from tests.support.playbooks import kept_prints
from tests.support.snapshots import NODES, all_prints


def test_the_hosts_are_bare_and_known() -> None:
    prints = {name: sorted(lines) for name, lines in all_prints(NODES).items()}
    assert not any("/etc/kubernetes" in line for lines in prints.values() for line in lines)
    kept_prints().write_text(json.dumps(prints), encoding="utf-8")
