# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation of the modules around kubeadm has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that run kubeadm."""

    DOCUMENTATION = r"""
options:
  ignore_preflight_errors:
    description:
      - Names of kubeadm's preflight checks whose errors are taken for warnings, for example V(SystemVerification).
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds a command of kubeadm, or one that an earlier run left, may take.
    type: int
    default: 300
"""
