# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan or apply the desired state of a host in one call, and take unchanged parts from the plan of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import trust_as_template

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.action import HostAction
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import Misfit
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.interfaces import check_interfaces
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.known_results import (
    PLANNED,
    digest,
    sections_of,
)
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
    """Return whether no section has changed something or failed."""
    return not any(section["result"].get("changed") or section["result"].get("failed") for section in sections)


class ActionModule(HostAction):
    """Ansible's entry point."""

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result = self.begin(tmp, task_vars)
        skipped = set((task_vars or {}).get("ansible_skip_tags") or ())
        requested = [section for section in self._task.args.get("sections") or []
                     if skipped.isdisjoint(section.get("tags") or ())]
        found = [(section, self._options(section)) for section in requested]
        sections = [{**section, "options": options, "digest": digest(section["module"], options)}
                    for section, options in found if options]
        unknown = [section["name"] for section, options in found if options is None]
        if self._task.args.get("state", "present") == "planned":
            result.update(self._call(sections, task_vars))
            return result
        known = self._planned(sections, task_vars)
        pending = [section for section in sections if section.get("combined", True) and section["name"] not in known]
        if pending:
            # All of them, because a section may depend on one before it
            combined = [section for section in sections if section.get("combined", True)]
            answer = self._call(combined, task_vars)
            result.update(answer)
            applied = answer.get("sections") or {}
            if not self._task.check_mode and not (len(applied) == len(combined) and unchanged(applied.values())):
                # What was planned on top of them is outdated
                known = {}
            known = {**known, **applied}
        complete = (bool(sections) and not unknown and not result.get("failed") and len(known) == len(sections)
                    and unchanged(known.values()))
        # Roles report the changes of their own sections
        result.update(changed=False, failures=[], sections=known, complete=complete)
        if complete:
            # No role follows that would show them
            shown = [text for section in known.values() for text in section["result"].get("warnings") or []]
            result["warnings"] = [*(result.get("warnings") or []), *shown]
        return result

    def _options(self, section: Section) -> dict[str, Any] | None:
        """Return the options of a section, empty if it does not concern the host, None while they are unknown."""
        if section.get("variable") is None:
            return dict(section.get("options") or {})
        if not str(section["variable"]).isidentifier():
            raise AnsibleError(f"A section has an invalid variable: expected a name, found '{section['variable']}'.")
        try:
            options = plain(self._templar.template(trust_as_template(f"{{{{ {section['variable']} }}}}")))
        except AnsibleError:
            # The task of the role evaluates it again, and shows the error
            return None
        return options if isinstance(options, dict) else {}

    def _planned(self, sections: Sequence[Section], task_vars: Mapping[str, Any] | None) -> dict[str, Section]:
        """Return the planned sections with the same options: those without changes, in check mode all of them."""
        planned = sections_of(task_vars, PLANNED)
        found = {}
        for section in sections:
            plan = planned.get(section["name"])
            if plan is None or plan["digest"] != section["digest"] or plan["result"].get("failed"):
                continue
            if plan["result"].get("decision", "none") == "undecided":
                # The control plane may have been started since
                continue
            if self._task.check_mode or not plan["result"]["changed"]:
                found[section["name"]] = plan
        return found

    def _call(self, sections: Sequence[Section], task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        """Run the module on the host, and return its result with module and digest of each section."""
        options = {name: value for name, value in self._task.args.items() if name != "sections"}
        options["sections"] = [{name: section[name] for name in ("name", "module", "options")} for section in sections]
        # In check mode all sections are predicted
        options["stop_at_change"] = options.get("state") == "planned" and not self._task.check_mode
        self._requested = {section["name"]: section for section in sections}
        found = self.run_module(self.module, options, task_vars, self.returns)
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return found

    def converted(self, returns: Mapping[str, Value], found: Mapping[str, Any]) -> dict[str, Any]:
        """Convert each section by the declaration of its module. Raises Misfit."""
        declared = {"failures": returns["failures"]}
        if self._task.args.get("requirements") is not None:
            # RETURN refers to that module, which declares all facts
            declared["ansible_facts"] = read("host_preflight")["ansible_facts"]
        converted = super().converted(declared, {name: value for name, value in found.items() if name != "sections"})
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
