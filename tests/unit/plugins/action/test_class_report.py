# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.action.class_report import watched


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
