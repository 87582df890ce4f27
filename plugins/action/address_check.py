# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the addresses that hosts report with those of all other hosts, on the controller and once for a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.addresses import conflicts

# The documentation of the options is in modules/address_check.py, where Ansible looks for it
SPEC = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "cluster": {"type": "list", "elements": "str", "default": []},
    "network": {"type": "str", "default": ""},
}
READ = ("ansible_facts", "ansible_host", "cluster_endpoint", "cluster_internal_network", "cluster_machines",
        "node_address")


def read_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the comparison needs; a variable without a value is empty, and is the error of its own host."""
    found: dict[str, Any] = {}
    for name in READ:
        try:
            if name in variables:
                found[name] = variables[name]
        except AnsibleError:
            found[name] = ""
    return found


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(argument_spec=SPEC)
        hostvars = (task_vars or {})["hostvars"]
        hosts = {str(name): read_variables(hostvars[name]) for name in hostvars}
        problems = conflicts(hosts, given["hosts"], given["cluster"], given["network"])
        return {**result, "changed": False, "problems": problems}
