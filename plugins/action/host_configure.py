# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the desired state of a host in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import trust_as_template

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.action import HostAction
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import Misfit
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.interfaces import check_interfaces
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.known_results import digest
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import Value, read

Section = Mapping[str, Any]


def plain(value: Any) -> Any:
    """Return a value with all templates in it evaluated. Raises AnsibleError."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def unchanged(sections: Iterable[Section]) -> bool:
    """Return whether no section has changed something or failed, and none is undecided."""
    return not any(
        section["result"].get("changed") or section["result"].get("failed")
        or section["result"].get("decision") == "undecided" for section in sections)


class ActionModule(HostAction):
    """Ansible's entry point."""

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = self.begin(tmp, task_vars)
        skipped = set((task_vars or {}).get("ansible_skip_tags") or ())
        requested = [section for section in self._task.args.get("sections") or []
                     if skipped.isdisjoint(section.get("tags") or ())]
        self._evaluate_once(self._task.args.get("shared_variables") or ())
        sections: list[Section] = []
        unknown = False
        for section in requested:
            options = self._options(section)
            if options is None:
                # The sections after it may depend on it
                unknown = True
                break
            if options:
                sections.append({**section, "options": options, "digest": digest(section["module"], options)})
        if sections:
            result.update(self._call(sections, task_vars))
        found = result.get("sections") or {}
        complete = (bool(sections) and not unknown and not result.get("failed") and len(found) == len(sections)
                    and unchanged(found.values()))
        # Roles report the changes of their own sections
        result.update(changed=False, sections=found, complete=complete)
        if complete:
            # No role follows that would show them
            shown = [text for section in found.values() for text in section["result"].get("warnings") or []]
            result["warnings"] = [*(result.get("warnings") or []), *shown]
        return result

    def _evaluate_once(self, names: Iterable[str]) -> None:
        """Replace variables by their values, because ansible-core compiles a template for every use of a variable."""
        for name in names:
            try:
                value = plain(self._evaluate(name))
            except AnsibleError:
                # A section that needs it meets the error
                continue
            self._templar.available_variables = {**self._templar.available_variables, name: value}

    def _evaluate(self, name: str) -> Any:
        if not str(name).isidentifier():
            raise AnsibleError(f"Expected the name of a variable, found '{name}'.")
        return self._templar.template(trust_as_template(f"{{{{ {name} }}}}"))

    def _options(self, section: Section) -> dict[str, Any] | None:
        """Return the options of a section, empty if it does not concern the host, None while they are unknown."""
        if section.get("variable") is None:
            return dict(section.get("options") or {})
        try:
            options = plain(self._evaluate(section["variable"]))
        except AnsibleError:
            # The task of the role evaluates it again, and shows the error
            return None
        return options if isinstance(options, dict) else {}

    def _call(self, sections: Sequence[Section], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Run the module on the host, and return its result with module and digest of each section."""
        self._requested = {section["name"]: section for section in sections}
        options = {"sections": [
            {name: section[name] for name in ("name", "module", "state", "options") if name in section}
            for section in sections]}
        found = self.run_module(self.module, options, task_vars, self.returns)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return found

    def converted(self, returns: Mapping[str, Value], found: Mapping[str, Any]) -> dict[str, Any]:
        """Convert each section by the declaration of its module. Raises Misfit."""
        converted = super().converted({}, {name: value for name, value in found.items() if name != "sections"})
        results = found.get("sections")
        if results is None:
            return converted
        if not isinstance(results, Mapping):
            raise Misfit("expected sections to be a dict, found something else")
        converted["sections"] = {}
        for name, section in self._requested.items():
            if name not in results:
                continue
            if not isinstance(results[name], Mapping):
                raise Misfit(f"expected sections.{name} to be a dict, found something else")
            result = super().converted(read(section["module"]), results[name])
            if section["module"] == "host_interfaces":
                check_interfaces(section["options"], result)
            result.setdefault("changed", False)
            converted["sections"][name] = {
                "module": section["module"], "digest": section["digest"], "result": result}
        return converted
