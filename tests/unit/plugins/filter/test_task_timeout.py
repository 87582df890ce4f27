# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.classroom.kubeadm.plugins.filter.task_timeout import task_timeout


@pytest.mark.parametrize(("seconds", "factor", "reserve", "expected"), [
    (300, 1, 30, 330),
    ("300", "1.5", 30, 495),
    (60, 1, 0, 60),
    (60, 0.15, 0, 9),
    # Ansible takes 0 for no limit
    (0, 0.001, 30, 1),
])
def test_time_limits(seconds: Any, factor: Any, reserve: float, expected: int) -> None:
    assert task_timeout(seconds, factor, reserve) == expected


@pytest.mark.parametrize(("seconds", "factor", "name"), [
    (300, 0, "cluster_timeout_factor"), (300, -1, "cluster_timeout_factor"), (300, "fast", "cluster_timeout_factor"),
    (300, "inf", "cluster_timeout_factor"), (300, "nan", "cluster_timeout_factor"), ("soon", 1, "a time limit"),
    (None, 1, "a time limit"),
])
def test_wrong_values_are_named(seconds: Any, factor: Any, name: str) -> None:
    words = rf"The value of {name} is wrong: expected a number.*Nothing was changed\."
    with pytest.raises(AnsibleFilterError, match=words):
        task_timeout(seconds, factor)
