# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module of another collection on the host and convert what the host returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.action import HostAction
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import Value, parse

# The documentation of the options is in modules/guarded.py, where Ansible looks for it
SPEC = {
    "module": {"type": "str", "required": True},
    "options": {"type": "dict", "default": {}},
    "returns": {"type": "dict", "default": {}},
}


class ActionModule(HostAction):
    """Ansible's entry point."""

    collection = ""

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = self.begin(tmp, task_vars)
        _validation, given = self.validate_argument_spec(argument_spec=SPEC)
        try:
            returns = parse(given["returns"], given["module"])
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise AnsibleError("Invalid returns of {}: expected the form of a RETURN section, found another ({}). "
                               "Nothing was changed.".format(given["module"], problem)) from problem
        result.update(self.run_module(given["module"], given["options"], task_vars, returns))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def execute(self, name: str, options: Mapping[str, Any], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what the host sent, by the module's own action plugin where it has one."""
        task = self._task.copy()
        task.action, task.args = name, dict(options)
        action = self._shared_loader_obj.action_loader.get(
            name, task=task, connection=self._connection, play_context=self._play_context, loader=self._loader,
            templar=self._templar, shared_loader_obj=self._shared_loader_obj)
        if action is None:
            return super().execute(name, options, task_vars)
        try:
            found: dict[str, Any] = action.run(task_vars=task_vars)
            return found
        finally:
            self._discovered_interpreter_key = action._discovered_interpreter_key
            self._discovered_interpreter = action._discovered_interpreter

    def converted(self, returns: Mapping[str, Value], found: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result in the declared types; of a module that check mode skipped, no values."""
        skipped = bool(self._task.check_mode) and found.get("skipped") is True
        if not skipped:
            return super().converted(returns, found)
        return {**super().converted({}, found), "skipped": True}
