# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that the modules with a kubectl share."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of module_utils/_kube/kubectl.py."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of an administrator's kubeconfig on the host.
    type: path
    default: /etc/kubernetes/admin.conf
  kubectl:
    description:
      - Name or path of the kubectl command.
    type: str
    default: kubectl
"""
