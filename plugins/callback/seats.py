# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show a run as a table with one row for each seat of a class."""

from __future__ import annotations

DOCUMENTATION = r"""
name: seats
type: stdout
short_description: Show a run as a live table with one row for each seat
version_added: "0.1.0"
author:
  - The classroom.kubeadm authors (@classroom-kubeadm)
description:
  - In a terminal it draws a table with a row a seat - stage, progress, time and state, in colour and in words.
    Elsewhere, and in a terminal that can do nothing (C(TERM=dumb)), it writes plain lines - each stage when it begins
    and ends, each failure when it happens - and the same table at the end.
  - A seat is what the inventory plugin P(classroom.kubeadm.seats#inventory) makes. With another inventory a cluster is
    a row. A machine that is in no cluster, such as the utility, has a row of its own.
  - At the end it shows all errors in full, grouped by seat, and the command that does again only what failed. What a
    task hides with C(no_log) stays hidden.
  - Messages of C(debug) and C(assert), warnings and questions stand above the table. With C(-v) or C(--diff) it is
    P(ansible.builtin.default#callback) that writes while the run goes on, with all of its options, and the table, the
    errors and the command follow at the end. Its C(display_skipped_hosts) and C(display_ok_hosts) matter only then.
  - Can write a report of the class, as M(classroom.kubeadm.class_report) does, at the end of each run.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - rich for the table in a terminal. Without it there are plain lines and a warning.
options:
  frames:
    description: How often a second the table is drawn.
    type: int
    default: 4
    env:
      - name: CLASSROOM_FRAMES
    ini:
      - section: callback_seats
        key: frames
  report:
    description:
      - A directory into which C(report.html) and C(report.json) are written at the end of each run of a cluster's
        machines, built on what the last one left there.
      - Nothing is written when it is not set, or when the run itself has written a report with
        M(classroom.kubeadm.class_report).
    type: path
    env:
      - name: CLASSROOM_REPORT
    ini:
      - section: callback_seats
        key: report
  report_names:
    description: Whether the report has the names of the students. Without them the page can be shown to all.
    type: bool
    default: true
    env:
      - name: CLASSROOM_REPORT_NAMES
    ini:
      - section: callback_seats
        key: report_names
"""

import atexit
import datetime
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.plugins.loader import action_loader
from ansible.utils import color

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.known_results import CONFIGURED
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.alike import Repeated
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.clean import (
    bounded,
    clean_coloured,
    clean_text,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.live_table import RICH_MISSING, LiveTable
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.retry import (
    MASK,
    limits,
    retry_command,
    seat_limit,
    unlimited_command,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import (
    AUDIT,
    HOST_RESET,
    INIT,
    MEMBERSHIP,
    NO_ACTION,
    PROOF,
    WAITS,
    Failure,
    Run,
    place_of,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.screen import Coloured, clean_display
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.text import (
    at_once,
    duration,
    errors,
    failure_text,
    several,
    summary,
    table,
    wrapped,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.collect import (
    AUDIT_FAILURE,
    REGISTERED,
    Retry,
    Watched,
    kept,
    seat_reports,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.files import ReportNotWritten, write_report
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.model import Report

_REPORT_TASKS = frozenset(("class_report", "classroom.kubeadm.class_report"))
# Actions without a plugin, or with one that asks for no host, that nothing is carried out on a host for
_NO_CONTACT = frozenset(
    prefix + name for prefix in ("", "ansible.builtin.", "ansible.legacy.")
    for name in ("include_tasks", "include_role", "import_tasks", "import_role", "meta", "pause"))
# Results whose failures are shown although the play continues.
_QUESTIONS = frozenset((PROOF, AUDIT))
_PAUSES = frozenset(("pause", "ansible.builtin.pause", "ansible.legacy.pause"))


def _survives(method: Callable[..., None]) -> Callable[..., None]:
    """Decorate a method that is given a host's result: what it cannot handle is a warning that names the host.

    A host decides what its results are. An error here would end the table, the report and the retry command of all.
    """

    @functools.wraps(method)
    def guarded(self: CallbackModule, result: Any, *arguments: Any, **more: Any) -> None:
        try:
            method(self, result, *arguments, **more)
        except Exception as error:
            self._warn(f"Cannot show a result of {result.host.name} ({error}). The run continues.")

    return guarded


class CallbackModule(Default):
    """The callback that passes Ansible's events to a Run and shows its state."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "classroom.kubeadm.seats"

    # Set by Ansible's base class
    _display: Any

    def __init__(self) -> None:
        super().__init__()
        clean_display(self._display)
        arguments = context.CLIARGS
        self._run = Run(check=bool(arguments.get("check")))
        self._details = self._display.verbosity > 0 or bool(arguments.get("diff"))
        self._live: LiveTable | None = None
        # For the report: what was registered on each machine
        self._results: dict[str, dict[str, Any]] = {}
        # Hosts that carried out a task themselves
        self._contacted: set[str] = set()
        self._repeated = Repeated()
        # By the task's identifier, as only the name at its beginning has its variables replaced in all versions
        self._task_names: dict[str, str] = {}
        self._playbook = self._directory = ""
        self._reported = False

    # The run and its stages

    def v2_playbook_on_start(self, playbook: Any) -> None:
        super().v2_playbook_on_start(playbook)
        self._run.total = len(playbook.get_plays())
        self._directory, self._playbook = os.path.split(os.path.abspath(playbook._file_name))
        self._live = self._made_live()

    def _made_live(self) -> LiveTable | None:
        """Return the live table, None without a suitable terminal."""
        if self._details or not sys.stdout.isatty():
            return None
        if RICH_MISSING:
            self._display.warning(
                f"The table of seats is not available: expected the Python library rich, found none ({RICH_MISSING}). "
                "Install it next to Ansible, for example with 'pip install rich'. Plain lines are written instead.")
            return None
        lock = getattr(self._display, "_lock", None)
        if lock is None:
            # Without Ansible's own lock a second thread must not write
            return None
        live = LiveTable(self._run, lock, bool(color.ANSIBLE_COLOR), max(1, self.get_option("frames")))
        if live.console.is_dumb_terminal or not live.console.is_terminal:
            return None
        atexit.register(live.close)
        return live

    def v2_playbook_on_vars_prompt(self, *arguments: Any, **more: Any) -> None:
        """Remove the table while the user is prompted before a play."""
        if self._live is not None:
            self._live.stop()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._stage_is_over()
        if self._details:
            super().v2_playbook_on_play_start(play)
        self._play = play
        self._add_machines(play)
        self._run.stage_begins(play.get_name().strip(), self._playbook_of(play))
        if self._live is not None:
            self._live.start()
        elif not self._details:
            self._line(f"{self._stage_name()} begins")

    def _playbook_of(self, play: Any) -> str:
        """Return the name of the file with the play, empty if that is not next to the playbook of the run."""
        directory, name = os.path.split(play.get_path().rpartition(":")[0])
        return name if directory == self._directory else ""

    def _stage_name(self) -> str:
        return "[{}/{}] {}{}".format(
            self._run.number, max(self._run.total, self._run.number), self._run.stage,
            " (check mode)" if self._run.check else "")

    def _stage_is_over(self) -> None:
        self._show_repeated()
        if self._run.stage and self._live is None and not self._details:
            failed = [seat.place.seat for seat in self._run.seats.values()
                      if any(each.number == self._run.number for each in seat.failures)]
            self._line("{} ended after {}{}".format(
                self._stage_name(), duration(self._run.times.seconds),
                ", stuck: " + ", ".join(failed) if failed else ""))
        self._run.times.end()

    def _add_machines(self, play: Any) -> None:
        """Add all hosts of the play at once, so that waiting ones are in the table too."""
        manager = play.get_variable_manager()
        inventory = getattr(manager, "_inventory", None)
        for host in inventory.get_hosts(play.hosts) if inventory is not None else ():
            self._add(host)

    def _add(self, host: Any) -> None:
        """Add a host; unless it comes from a class inventory, its variables are evaluated once."""
        if self._run.knows(host.name):
            return
        variables = host.vars
        self._run.addresses[host.name] = str(variables.get("ansible_host", host.address))
        if "seat_name" not in variables and self._play is not None:
            variables = self._play.get_variable_manager().get_vars(host=host, include_hostvars=False)
        self._run.add(host.name, place_of(host.name, variables, [group.name for group in host.groups]))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        if self._details:
            super().v2_playbook_on_no_hosts_matched()
        elif self._live is None:
            self._line(f"{self._stage_name()} has no machine")
        self._run.stage_empty()

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        if self._details:
            super().v2_playbook_on_no_hosts_remaining()

    # Tasks

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        self._show_repeated()
        if self._details:
            super()._task_start(task, prefix)
        else:
            # For the head of what a task prints in any case
            self._task_type_cache[task._uuid] = prefix or "TASK"
            self._last_task_name = task.get_name().strip()
        self._task_names[task._uuid] = str(task.name or task.get_name())
        self._run.task_begins(self._task_names[task._uuid])
        self._reported = self._reported or task.action in _REPORT_TASKS
        if self._live is not None:
            if task.action in _PAUSES:
                self._live.stop()
            else:
                self._live.start()

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        if self._details:
            super().v2_runner_on_start(host, task)
        self._add(host)
        self._run.machine_begins(host.name)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if self._details:
            super().v2_playbook_on_include(included_file)

    @_survives
    def v2_on_file_diff(self, result: Any) -> None:
        if self._details:
            super().v2_on_file_diff(result)

    def _get_diff(self, difflist: Any) -> Coloured:
        """A diff has colours within its text, where a host could have others."""
        entries = [
            {key: _diff_value(value) for key, value in each.items()}
            for each in (difflist if isinstance(difflist, list) else [difflist]) if isinstance(each, Mapping)]
        return Coloured(clean_coloured(super()._get_diff(entries)))

    # Results

    def _shown(self, result: Any) -> bool:
        """Return whether a result is shown, as those of debug are."""
        return self._details or bool(self._run_is_verbose(result))

    def _collect(self, result: Any, **flags: bool) -> None:
        """Keep the part of a result that the report needs."""
        if not self.get_option("report"):
            return
        mine = self._results.setdefault(result.host.name, {})
        for name in registered(result.task):
            if name in REGISTERED:
                mine[name] = kept(result.result, **flags)
            if name == CONFIGURED:
                # Of a host without changes no role registers these results
                found = {f"{section}_result": values["result"] for section, values in _sections(result.result)}
                mine.update({each: kept(values) for each, values in found.items() if each in REGISTERED})
        facts = result.result.get("ansible_facts")
        if not isinstance(facts, Mapping):
            return
        machine = facts.get("classroom_machine")
        if isinstance(machine, Mapping):
            mine["ansible_facts"] = {"classroom_machine": {"os_family": bounded(machine.get("os_family"))}}
        if isinstance(facts.get(AUDIT_FAILURE), Mapping):
            mine[AUDIT_FAILURE] = kept(facts[AUDIT_FAILURE])

    @_survives
    def v2_runner_on_ok(self, result: Any) -> None:
        names = registered(result.task)
        self._run.machine_ends(
            result.host.name, changed=result.is_changed(), verified=PROOF in names,
            settled=bool(names & {INIT, MEMBERSHIP}) and result.result.get("decision") == NO_ACTION,
            reset=HOST_RESET in names)
        self._collect(result)
        if not result.task.delegate_to and _needs_connection(result.task.action):
            self._contacted.add(result.host.name)
        if self._shown(result):
            super().v2_runner_on_ok(result)
        else:
            self._handle_warnings(result.result)

    @_survives
    def v2_runner_on_skipped(self, result: Any) -> None:
        self._run.machine_ends(result.host.name)
        self._collect(result, skipped=True)
        if self._details:
            super().v2_runner_on_skipped(result)
        else:
            self._handle_warnings(result.result)

    @_survives
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ends_badly(result, unreachable=False, tolerated=ignore_errors or _will_be_rescued(result.task))
        self._collect(result, failed=True)
        if self._details:
            super().v2_runner_on_failed(result, ignore_errors)
        else:
            self._handle_warnings(result.result)

    @_survives
    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ends_badly(result, unreachable=True, tolerated=bool(result.task.ignore_unreachable))
        self._collect(result, unreachable=True)
        if self._details:
            super().v2_runner_on_unreachable(result)
        else:
            self._handle_warnings(result.result)

    def _ends_badly(self, result: Any, unreachable: bool, tolerated: bool) -> None:
        names = registered(result.task)
        if tolerated and not names & _QUESTIONS:
            self._run.machine_ends(result.host.name)
            return
        failure = self._run.fails(Failure(
            result.host.name, self._task_names.get(result.task._uuid) or str(result.task.get_name()),
            failure_text(result.result), unreachable, tolerated, waits=WAITS in names,
            on=_delegated_to(result.task, result.host.name)))
        seat = self._run.seat_of(failure.machine)
        if self._live is None and not self._details and self._repeated.is_new(seat, failure, self._run.addresses):
            self._display.display(at_once(seat, failure), color=C.COLOR_ERROR)

    def _show_repeated(self) -> None:
        others = self._repeated.others()
        if others:
            self._display.display(others, color=C.COLOR_ERROR)

    @_survives
    def v2_runner_item_on_ok(self, result: Any) -> None:
        if self._shown(result):
            super().v2_runner_item_on_ok(result)
        else:
            self._handle_warnings(result.result)

    @_survives
    def v2_runner_item_on_failed(self, result: Any) -> None:
        if self._details:
            super().v2_runner_item_on_failed(result)
        else:
            self._handle_warnings(result.result)

    @_survives
    def v2_runner_item_on_skipped(self, result: Any) -> None:
        if self._details:
            super().v2_runner_item_on_skipped(result)

    @_survives
    def v2_runner_retry(self, result: Any) -> None:
        if self._details:
            super().v2_runner_retry(result)

    # The end

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._stage_is_over()
        summaries = {name: stats.summarize(name) for name in stats.processed}
        self._run.ends(lambda name: bool(
            summaries.get(name, {}).get("failures") or summaries.get(name, {}).get("unreachable")))
        if self._live is not None:
            self._live.close()
        if self._live is None or (stats.custom and self.get_option("show_custom_stats")):
            with self._part("Ansible's own recap"), self._own_colours():
                super().v2_playbook_on_stats(stats)
        # Each part is guarded separately, so that an error in one of them does not affect the others.
        with self._part("the table"):
            self._show_table()
        with self._part("the errors"):
            self._show_errors()
        with self._part("the command for what failed"):
            self._show_retry_commands()
        with self._part("the report"):
            self._write_report()

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """Turn an error in a part of the final output into a warning."""
        try:
            yield
        except Exception as error:
            self._warn(f"Cannot show {name} ({type(error).__name__}: {error}). Everything else at the end is complete.")

    @contextmanager
    def _own_colours(self) -> Iterator[None]:
        """Ansible's recap has its colours within the text."""
        display = self._display
        self._display = _ColouredDisplay(display)
        try:
            yield
        finally:
            self._display = display

    def _warn(self, message: str) -> None:
        self._display.warning(message)

    def _show_table(self) -> None:
        if self._live is not None:
            self._live.final()
        else:
            self._display.banner("SEATS")
            for line in table(self._run.rows(), self._run.with_students, max(60, self._display.columns)):
                self._line(line)
        self._line("")
        self._line(self._fitting([summary(self._run)]))

    def _show_errors(self) -> None:
        failed = sum(bool(seat.failures) for seat in self._run.seats.values())
        if failed:
            self._line("\n{} with errors:".format(several(failed, "seat")))
        for seat, lines in errors(self._run, self._run.addresses):
            self._display.display(self._fitting([seat]), color=C.COLOR_ERROR)
            self._line(self._fitting(lines))

    def _fitting(self, lines: list[str]) -> str:
        """Return a text for the width of the terminal; a file has whole lines, which can be searched."""
        return "\n".join(lines if self._live is None else wrapped(lines, self._live.console.width))

    def _show_retry_commands(self) -> None:
        masked = False
        for playbook, hosts in limits(self._run).items():
            command = retry_command(sys.argv, hosts, self._playbook, playbook)
            self._line("\nAgain for what failed{}:\n  {}".format(" after its reset" if playbook else "", command))
            masked = masked or MASK in command
        if masked:
            self._line(f"  ({MASK} stands for values that are not repeated here)")

    def _write_report(self) -> None:
        directory = self.get_option("report")
        if not directory or self._reported or all(seat.alone for seat in self._run.seats.values()):
            return
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        machines = [
            Watched(name, seat.place, self._run.addresses.get(name, ""), self._results.get(name, {}),
                    tuple(each for each in seat.failures if each.machine == name and not each.tolerated),
                    name in self._contacted)
            for seat in self._run.seats.values() if seat.began is not None for name in seat.machines]
        seats = seat_reports(
            machines, now, check=self._run.check, ran=self._playbook,
            stages={name: seat.stages for name, seat in self._run.seats.items()}, retry=self._retry)
        report = Report(self._title(), now, self._playbook, self._run.check, self._run.seconds, tuple(seats))
        try:
            page = write_report(directory, report, self._display.warning, self.get_option("report_names"))
        except ReportNotWritten as problem:
            self._display.warning(str(problem))
        else:
            self._line(f"\nThe report is in {page}")

    def _retry(self, seat: str) -> Retry:
        """Return the command for what failed of a seat, without its limit, and the limit."""
        playbook, hosts = seat_limit(self._run.seats[seat])
        return unlimited_command(sys.argv, self._playbook, playbook), hosts

    def _title(self) -> str:
        """Return the name of the class, without one that of the only cluster."""
        manager = self._play.get_variable_manager()
        inventory = getattr(manager, "_inventory", None)
        host = inventory.get_host(next(iter(self._run.addresses))) if inventory is not None else None
        name = manager.get_vars(host=host, include_hostvars=False).get("class_name") if host is not None else None
        seats = [seat.place.seat for seat in self._run.seats.values() if not seat.alone]
        return str(name or (seats[0] if len(seats) == 1 else "class"))

    def _line(self, text: str) -> None:
        self._display.display(text)


class _ColouredDisplay:
    """Ansible's display for texts of Ansible's own that have colours in them."""

    def __init__(self, display: Any) -> None:
        self._of_ansible = display

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of_ansible, name)

    def display(self, msg: str, *arguments: Any, **options: Any) -> None:
        self._of_ansible.display(Coloured(msg), *arguments, **options)


def _sections(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and values of the sections in a result of host_configure, which its action has converted."""
    sections = result.get("sections")
    for name, values in sections.items() if isinstance(sections, Mapping) else ():
        if isinstance(values, Mapping) and isinstance(values.get("result"), Mapping):
            yield str(name), values


def registered(task: Any) -> frozenset[str]:
    """Return the names under which a task's result is registered.

    `Task.register` is a text up to ansible-core 2.20, and from 2.21 on a dictionary with the names as its keys.
    """
    names = task.register
    if isinstance(names, str):
        return frozenset((names,))
    return frozenset(names) if isinstance(names, Mapping) else frozenset()


def _delegated_to(task: Any, host: str) -> str:
    """Return the host that carried out a task for another host; the controller is no host of the class."""
    name = task.delegate_to
    if not isinstance(name, str) or name in (host, "localhost", "127.0.0.1") or "{{" in name:
        return ""
    return name


@functools.cache
def _needs_connection(action: str) -> bool:
    """Return whether an action is carried out on the host of the task, as Ansible decides it."""
    if action in _NO_CONTACT:
        return False
    plugin = action_loader.get(action, class_only=True)
    return bool(getattr(plugin, "_requires_connection", True))


def _diff_value(value: Any) -> Any:
    """One value of a diff as Ansible expects it: a text, a number or a dictionary."""
    if isinstance(value, str) or value is None:
        return value if value is None else clean_text(value)
    return value if isinstance(value, int) else bounded(value)


def _will_be_rescued(task: Any) -> bool:
    """Return whether a failure of the task leads to a rescue section; the final result shows whether it helped."""
    child, parent = task, getattr(task, "_parent", None)
    while parent is not None:
        if getattr(parent, "rescue", None) and any(each._uuid == child._uuid for each in parent.block):
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False
