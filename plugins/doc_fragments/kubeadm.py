# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that the modules around kubeadm share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that run kubeadm."""

    DOCUMENTATION = r"""
options:
  ignore_preflight_errors:
    description:
      - Names of kubeadm's preflight checks whose errors are treated as warnings, for example V(SystemVerification).
    type: list
    elements: str
    default: []
  timeout:
    description: Timeout for a command of kubeadm, or for one that an earlier run left, in seconds.
    type: int
    default: 300
"""
