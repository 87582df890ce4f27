# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of the actions for all modules that run on managed hosts."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ansible._internal._display_utils import DeferredWarningContext
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from .convert import Misfit, convert
from .facts import injection_problem
from .known_results import known_result
from .returns import Value, read

COLLECTION = "classroom.kubeadm."
# Set by the role audit, which includes other roles in check mode and reads the changes that they plan
AUDIT_MODE = "_cluster_audit_mode"


class HostAction(ActionBase):
    """Run the module of the same name on the host and convert its result, before anything is registered.

    A subclass is two lines in plugins/action, in a file with the name of the module. The RETURN section is read when
    that file is imported, which ansible-core does in the parent process, once for all hosts.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    # The result of a job would arrive by the module async_status, past this conversion
    _supports_async = False
    # What precedes the name of a module
    collection: ClassVar[str] = COLLECTION
    module: ClassVar[str]
    returns: ClassVar[Mapping[str, Value]]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if hasattr(cls, "module"):
            return
        cls.module = Path(str(sys.modules[cls.__module__].__file__)).stem
        cls.returns = read(cls.module)

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = self.begin(tmp, task_vars)
        known = known_result(self.module, self._task.args, task_vars) if self._task.delegate_to is None else None
        if known is not None:
            result.update(known)
            return result
        result.update(self.run_module(self.module, self._task.args, task_vars, self.returns))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def begin(self, tmp: Any, task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Do what ansible-core does before every action, for a subclass that runs several modules."""
        # A task is a short fork of a large process: a garbage collection would visit, and so copy, all of its memory
        gc.freeze()
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result

    def run_module(
        self, name: str, options: Mapping[str, Any], task_vars: Mapping[str, Any] | None,
        returns: Mapping[str, Value] | None = None,
    ) -> dict[str, Any]:
        """Return the converted result of a module; a failed one where it does not fit."""
        problem = injection_problem()
        if problem:
            return {"failed": True, "changed": False, "msg": problem}
        try:
            found = self._answer(name, options, task_vars)
            converted = self.converted(read(name) if returns is None else returns, found)
            self.check(converted)
        except Misfit as misfit:
            return self._rejected(name, str(misfit), task_vars)
        except AnsibleError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            # ansible-core takes the result for a mapping with mappings in it, wherever the host put something else
            return self._rejected(name, "expected the form of a module's result, found another", task_vars)
        if self._discovered_interpreter_key:
            # Found by this action and not by the module, and needed by the tasks that follow
            facts = converted.setdefault("ansible_facts", {})
            facts[self._discovered_interpreter_key] = self._discovered_interpreter
        if (task_vars or {}).get(AUDIT_MODE) is True:
            # An audit changes nothing, so it counts no changes
            converted["changed"] = False
        return converted

    def _answer(self, name: str, options: Mapping[str, Any], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return a host's result with its warnings, which ansible-core would show before they are converted."""
        with DeferredWarningContext(variables=dict(task_vars or {})) as context:
            found = self.execute(name, options, task_vars)
        shown = {"warnings": context.get_warnings(), "deprecations": context.get_deprecation_warnings()}
        for kind, captured in shown.items():
            listed = found.get(kind) or []
            if isinstance(listed, list):
                found[kind] = [*captured, *(item for item in listed if item not in captured)]
        return found

    def execute(self, name: str, options: Mapping[str, Any], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return what the host sent."""
        found: dict[str, Any] = self._execute_module(
            module_name=self.collection + name, module_args=dict(options), task_vars=task_vars)
        return found

    def converted(self, returns: Mapping[str, Value], found: Mapping[str, Any]) -> dict[str, Any]:
        """Return a result in the declared types. Raises Misfit."""
        return convert(returns, found)

    def check(self, result: Mapping[str, Any]) -> None:
        """Compare a converted result with what was asked for. Raises Misfit."""

    def _rejected(self, name: str, problem: str, task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        host = self._task.delegate_to or (task_vars or {}).get("inventory_hostname", "the host")
        return {"failed": True, "changed": False, "msg": (
            f"The result of {self.collection + name} on {host} was rejected: {problem}. Another program answers on "
            "that host in place of this "
            "module: check its Python, or install the host again."
        )}
