# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A refusal as this project means it: it fails, names machine, finding and remedy, and leaves everything as it was."""

from __future__ import annotations

from pathlib import Path

from tests.support.playbooks import FAILED, inventory, playbook
from tests.support.snapshots import MACHINES, all_prints


def refused(
    hosts: str, *arguments: str, says: tuple[str, ...], inventories: tuple[Path, ...] = (), status: int = FAILED,
    playbook_name: str = "site.yml",
) -> None:
    """Run a playbook, which has to stop at each of `hosts`, and nowhere else, with all the words of `says`."""
    before = all_prints()
    run = playbook(playbook_name, *arguments, inventories=inventories)
    assert run.status == status, run.output
    assert set(run.failures) == set(hosts.split()), run.output
    for said in run.failures.values():
        missing = [words for words in says if words not in said]
        assert not missing, f"{missing} in: {said}"
    assert set(run.changed.values()) == {0}, run.output
    after = all_prints()
    assert {name: before[name] ^ after[name] for name in MACHINES} == {name: set() for name in MACHINES}


def beside(path: Path, text: str) -> tuple[Path, ...]:
    """The scenario's inventory with one more of this text, which has the last word."""
    path.write_text(text, encoding="utf-8")
    return inventory(), path
