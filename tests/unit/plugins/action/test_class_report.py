# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.action.class_report import repair, watched
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import SeatPlacement
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.collect import Watched


@pytest.mark.parametrize(("variables", "contacted"), [
    ({"audit_result": {"residue": [], "failed": False}}, True),
    # The audit continues after a failure, which is then not marked as one: without values nothing came from the host
    ({"audit_result": {"msg": "No such variable.", "failed": False}}, False),
    ({"audit_result": {"msg": "no route", "unreachable": True}, "_audit_failure": {"msg": "no route"}}, False),
    ({"_audit_failure": {"msg": ""}}, False),
    ({"verify_result": {"skipped": True}}, False),
    ({"verify_result": {"failed": True, "msg": "the controller has no kubeconfig"}}, False),
    ({"host_result": {"changes": []}}, True),
    ({}, False),
])
def test_a_host_was_contacted_if_a_result_came_from_it(variables: dict[str, Any], contacted: bool) -> None:
    assert watched("utility", {"ansible_host": "10.20.0.2", **variables}, ["utility"]).contacted is contacted


@pytest.mark.parametrize(("playbook", "group", "expected"), [
    ("report.yml", True, ("ansible-playbook site.yml -i class.yml", ["seat01"])),
    ("classroom.kubeadm.report", True, ("ansible-playbook classroom.kubeadm.site -i class.yml", ["seat01"])),
    # The name of a cluster is no group in every inventory
    ("report.yml", False, ("ansible-playbook site.yml -i class.yml", ["master", "node1"])),
    ("my-report.yml", True, ("", ())),
])
def test_the_command_that_installs_a_stuck_seat(playbook: str, group: bool, expected: tuple[str, Any]) -> None:
    machines = [Watched(name, SeatPlacement(seat, "", "master", group))
                for name, seat in (("master", "seat01"), ("node1", "seat01"), ("other", "seat02"))]
    assert repair(["ansible-playbook", playbook, "-i", "class.yml"], "seat01", machines) == expected
