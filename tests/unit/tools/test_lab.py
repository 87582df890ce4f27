# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `make lab`: what it returns when a step fails."""

from __future__ import annotations

import sys

import pytest

from tools import check, lab


@pytest.mark.parametrize(("status", "expected"), [(1, 1), (2, 1), (lab.NETWORK_TAKEN, check.NETWORK_TAKEN)])
def test_failed_step_tells_a_network_in_use_from_a_failure(status: int, expected: int) -> None:
    with pytest.raises(lab.Failed, match=f"ended with {status}") as failure:
        lab.step([], "hosts", sys.executable, "-c", f"raise SystemExit({status})")

    assert failure.value.status == expected


def test_step_records_its_seconds() -> None:
    stages: lab.Stages = []
    lab.step(stages, "hosts", sys.executable, "-c", "")

    assert [title for title, _seconds in stages] == ["hosts"]
