# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode on machines that have nothing yet: it reaches the end, says what it would do, and does none of it."""

from __future__ import annotations

from tests.support.playbooks import playbook
from tests.support.snapshots import all_prints


def test_check_mode_reaches_the_end_of_a_whole_installation() -> None:
    before = all_prints()
    run = playbook("site.yml", "--check", "--diff")
    assert run.status == 0, run.output
    assert set(run.changed) == {"master", "node1", "node2", "utility.example.com"}
    assert min(run.changed.values()) > 0, run.output
    for name in ("node1", "node2"):
        assert f"+worker {name}: (this host belongs to no cluster)" in run.output, run.output
    assert all_prints() == before
