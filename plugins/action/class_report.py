# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the report of a class on the controller from the registered results of other tasks."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import transform_to_native_types

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.clean import bounded
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.retry import unlimited_command
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import AUDIT, place_of
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.collect import (
    AUDIT_FAILURE,
    NO_RETRY,
    REGISTERED,
    Retry,
    Watched,
    kept,
    seat_reports,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.files import ReportNotWritten, write_report
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import Report, counts

# The documentation of the options is in modules/class_report.py, where Ansible looks for it
SPEC = {
    "directory": {"type": "str", "required": True},
    "title": {"type": "str", "default": "class"},
    "machines": {"type": "list", "elements": "str", "required": True},
    "names": {"type": "bool", "default": True},
}


def watched(name: str, variables: Mapping[str, Any], groups: list[str]) -> Watched:
    """Return the results of a host, looked up by name: a loop over all its variables would evaluate them all."""
    results: dict[str, Mapping[str, Any]] = {}
    for registered in (*REGISTERED, AUDIT_FAILURE):
        found = variables.get(registered)
        if isinstance(found, Mapping):
            results[registered] = kept(transform_to_native_types(dict(found)))
    contacted = any(_came_from_host(registered, result) for registered, result in results.items())
    facts = variables.get("ansible_facts")
    machine = facts.get("classroom_machine") if isinstance(facts, Mapping) else None
    family = bounded(machine.get("os_family")) if isinstance(machine, Mapping) else ""
    results["ansible_facts"] = {"classroom_machine": {"os_family": family}}
    known = {key: variables.get(key) for key in (
        "seat_name", "seat_student", "cluster_name", "cluster_control_plane", "cluster_machines")}
    return Watched(
        name, place_of(name, known, groups), str(variables.get("ansible_host", "")), results, contacted=contacted)


def _came_from_host(registered: str, result: Mapping[str, Any]) -> bool:
    """Return whether a host sent this result. A failed task does not count: it may have failed on the controller.

    That of the audit is not marked as failed, because the play continues; without its values it is.
    """
    if registered == AUDIT_FAILURE or any(result.get(end) for end in ("failed", "unreachable", "skipped")):
        return False
    return registered != AUDIT or "residue" in result


def repair(argv: Sequence[str], seat: str, machines: Sequence[Watched]) -> Retry:
    """Return the command that installs a seat: that of this run with site.yml instead of report.yml.

    Another playbook may be far from site.yml, so there is no command for a run of it.
    """
    command = unlimited_command(argv, "report.yml", "site.yml")
    if command == unlimited_command(argv):
        return NO_RETRY
    mine = [machine for machine in machines if machine.place.seat == seat]
    return command, [seat] if mine[0].place.group else [machine.name for machine in mine]


class ActionModule(ActionBase):
    """Ansible's entry point."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SPEC)
        hostvars = (task_vars or {})["hostvars"]
        machines = [
            watched(name, hostvars[name], list(hostvars[name].get("group_names", ())))
            for name in dict.fromkeys(options["machines"]) if name in hostvars]
        # Hosts without results were not part of this run.
        seen = [machine for machine in machines if set(machine.results) - {"ansible_facts"}]
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        report = Report(options["title"], now, "report.yml", False, 0.0, tuple(seat_reports(
            seen, now, check=True, retry=lambda seat: repair(sys.argv, seat, seen))))
        try:
            page = write_report(options["directory"], report, Display().warning, options["names"])
        except ReportNotWritten as error:
            result.update(failed=True, msg=str(error))
            return result
        result.update(changed=False, page=str(page), counts=counts(report))
        return result
