# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compute the timeout of a task."""

from __future__ import annotations

DOCUMENTATION = r"""
name: task_timeout
short_description: Compute the time limit of a task from that of its module
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - Returns a value for the task keyword C(timeout), so that a host that never answers fails alone, after a known time.
  - A module that has a time limit of its own gets some seconds more, in which it can report that the time is over.
positional: factor, reserve
options:
  _input:
    description: Timeout of the module in seconds.
    type: float
    required: true
  factor:
    description: Factor for the result, larger than V(1) for slow hosts, as in C(cluster_timeout_factor).
    type: float
    required: true
  reserve:
    description: Seconds for the connection, the start of the module and its report.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Initialize the control plane
  classroom.kubeadm.kubeadm_init:
    config: "{{ configuration }}"
    timeout: "{{ control_plane_timeout }}"
  timeout: "{{ control_plane_timeout | classroom.kubeadm.task_timeout(cluster_timeout_factor) }}"
"""

RETURN = r"""
_value:
  description: Seconds, at least one. Ansible takes V(0) for no limit.
  type: int
"""

import math
from typing import Any

from ansible.errors import AnsibleFilterError


def task_timeout(seconds: Any, factor: Any, reserve: Any = 30) -> int:
    """Return the timeout of a task in whole seconds; see DOCUMENTATION."""
    found = _number("a time limit", seconds), _number("cluster_timeout_factor", factor), _number("a reserve", reserve)
    if found[1] <= 0:
        raise AnsibleFilterError(
            f"The value of cluster_timeout_factor is wrong: expected a number greater than 0, found {factor}. Correct "
            "the "
            "variable. Nothing was changed.")
    return max(1, math.ceil((found[0] + found[2]) * found[1]))


def _number(name: str, value: Any) -> float:
    """Return a value as a number, also from a text, as variables of the command line are."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AnsibleFilterError(
            f"The value of {name} is wrong: expected a number, found {value}. Correct the variable. Nothing was "
            "changed.")
    return number


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {"task_timeout": task_timeout}
