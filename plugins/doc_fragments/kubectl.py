# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation of the modules that ask a cluster with kubectl has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of module_utils/_kube/kubectl.py."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Kubeconfig of an administrator, on the managed machine.
    type: path
    default: /etc/kubernetes/admin.conf
  kubectl:
    description:
      - The kubectl command, a name or a path.
    type: str
    default: kubectl
"""
