# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the machines are like before the collection touches them, and what check mode says of them."""

from __future__ import annotations

import json

import pytest

from tests.support.playbooks import FAILED, kept_prints, playbook
from tests.support.snapshots import all_prints, machine

NODES = ("master", "node1")


def test_the_hosts_are_bare_and_known() -> None:
    prints = {name: sorted(lines) for name, lines in all_prints(NODES).items()}
    assert not any("/etc/kubernetes" in line for lines in prints.values() for line in lines)
    kept_prints().write_text(json.dumps(prints), encoding="utf-8")


@pytest.mark.parametrize("program", ["apt-get", "dpkg", "dpkg-query"])
def test_the_master_knows_nothing_of_debian(program: str) -> None:
    assert machine("master").run(f"command -v {program}").rc != 0


def test_check_mode_reaches_the_end_of_a_whole_installation_and_changes_nothing() -> None:
    before = all_prints(NODES)
    run = playbook("site.yml", "--check", "--diff")
    assert run.status == 0, run.output
    assert min(run.changed.values()) > 0, run.output
    assert "exclude=kubelet kubeadm kubectl cri-tools kubernetes-cni" in run.output
    assert all_prints(NODES) == before


def test_a_system_of_neither_family_is_refused() -> None:
    master = machine("master")
    master.check_output("mv /etc/redhat-release /etc/redhat-release.away")
    try:
        run = playbook("site.yml", "--limit", "master")
    finally:
        master.check_output("mv /etc/redhat-release.away /etc/redhat-release")
    assert run.status == FAILED and set(run.changed.values()) == {0}, run.output
    assert "expected the Debian or Red Hat family, found rocky 9.6" in run.failures["master"]
