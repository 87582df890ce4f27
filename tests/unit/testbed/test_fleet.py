# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from testbed.fleet import action


@pytest.mark.parametrize(
    ("state", "started", "expected"),
    [
        (None, 0, "create"),
        ("running", 1, "keep"),
        ("exited", 1, "start"),
        ("stopped", 1, "start"),
        pytest.param("created", 1, "start", id="ran before the host was booted"),
        pytest.param("created", -62135596800, "create", id="killed before its first start"),
        ("configured", -62135596800, "create"),
        ("removing", 1, "create"),
        ("unknown", 1, "create"),
    ],
)
def test_action(state: str | None, started: int, expected: str) -> None:
    assert action({"State": state, "StartedAt": started} if state else None) == expected
