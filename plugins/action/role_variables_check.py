# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the variables of roles in one process of the controller; Ansible's own check is a process per role and host.

The files of the inventory are checked here as well, because only the controller has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.facts import injection_problem
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.duplicates import duplicates

ROLES = Path(__file__).resolve().parents[2] / "roles"
# The documentation of the options is in modules/role_variables_check.py, where Ansible looks for it
SPEC = {
    "roles": {"type": "list", "elements": "str", "required": True},
    "machines": {"type": "list", "elements": "str", "required": True},
}


def problems(options: Mapping[str, Mapping[str, Any]], variables: Mapping[str, Any]) -> list[str]:
    """Return Ansible's messages about the variables of a host.

    Only variables that are set and can be evaluated are validated: some need facts that are not gathered yet.
    """
    found: list[str] = []
    for name in sorted(options):
        if name in variables:
            try:
                result = ArgumentSpecValidator({name: dict(options[name])}).validate({name: variables[name]})
            except AnsibleError:
                continue
            found += result.error_messages
    return found


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, given = self.validate_argument_spec(argument_spec=SPEC)
        injection = injection_problem()
        if injection:
            return {**result, "changed": False, "failed": True, "problems": [injection], "msg": injection}
        options = {name: option for role in given["roles"] for name, option in self._options(role).items()}
        variables = task_vars or {}
        declared_twice = [
            found.message
            for found in duplicates(variables.get("ansible_inventory_sources") or (), constants.INVENTORY_IGNORE_EXTS)
            # An error of another cluster stops only that cluster; an error of a group concerns all hosts.
            if not found.host or found.host in given["machines"]
        ]
        found = [
            f"{machine}: {problem}"
            for machine in given["machines"]
            for problem in problems(options, variables["hostvars"][machine])
        ]
        result.update(changed=False, problems=declared_twice + found, roles=given["roles"])
        parts = [
            "{}:\n- {}".format(title, "\n- ".join(lines))
            for title, lines in (
                ("The inventory declares something more than once", declared_twice),
                ("Variables are invalid: expected values as the roles declare them, found", found))
            if lines
        ]
        if parts:
            result.update(
                failed=True, msg="{}\nCorrect the inventory. Nothing was changed.".format("\n".join(parts)))
        return result

    def _options(self, role: str) -> dict[str, Mapping[str, Any]]:
        """Return the variables of all entry points of a role."""
        path = ROLES / role / "meta" / "argument_specs.yml"
        if not path.is_file():
            known = ", ".join(sorted(path.name for path in ROLES.iterdir() if path.is_dir()))
            raise AnsibleError(f"The role {role} does not exist: expected a role of this collection, found none of "
                               f"that name. Use one of {known}.")
        entries = self._loader.load_from_file(str(path))["argument_specs"].values()
        return {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
