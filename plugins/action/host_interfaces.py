# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module of the same name and convert what the host returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.action import HostAction
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.interfaces import check_interfaces


class ActionModule(HostAction):
    """Ansible's entry point."""

    def check(self, result: Mapping[str, Any]) -> None:
        """Compare the interfaces with the networks."""
        check_interfaces(self._task.args, result)
