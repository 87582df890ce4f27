# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the state of a unit in one call of systemctl, and change it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from .._core.command import Runner
from .._core.files import Root

_PROPERTIES = (
    "Type", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "Result",
    "ExecMainStartTimestamp", "ActiveEnterTimestamp", "StateChangeTimestamp",
)
# Types whose start ends when the service has reported that it is ready, or has failed
_REPORTING = ("notify", "notify-reload", "dbus", "forking", "oneshot")
# systemctl waits for the unit's own start timeout (90 s by default).
_TIMEOUT = 180.0


@dataclass(frozen=True)
class Unit:
    """The state of a unit. Times are in seconds since the epoch, None when the event has not happened."""

    name: str
    load_state: str = "not-found"
    active_state: str = "inactive"
    sub_state: str = "dead"
    unit_file_state: str = ""
    needs_daemon_reload: bool = False
    result: str = "success"
    started: float | None = None
    changed: float | None = None
    type: str = ""

    @property
    def reports_start(self) -> bool:
        """Return whether a start that has ended means that the service runs."""
        return self.type in _REPORTING

    @property
    def exists(self) -> bool:
        return self.load_state not in ("not-found", "")

    @property
    def active(self) -> bool:
        return self.active_state in ("active", "reloading")


def unit_name(name: str) -> str:
    """Return the full name of a unit: `containerd` is short for `containerd.service`, as for systemctl."""
    return name if "." in os.path.basename(name) else name + ".service"


def is_booted(root: Root) -> bool:
    """Return whether systemd is PID 1 (the test that sd_booted(3) makes)."""
    return os.path.isdir(root("/run/systemd/system"))


def show(run: Runner, name: str) -> Unit:
    """Read a unit. For a missing unit, `exists` of the result is false."""
    answer = run(
        ["systemctl", "show", "--no-pager", "--timestamp=us+utc", "--property=" + ",".join(_PROPERTIES), "--", name],
    )
    return parse(name, answer.out)


def active(run: Runner, *names: str) -> list[bool]:
    """Return for each of these units whether it is active, in one call; missing units are not."""
    words = run(["systemctl", "is-active", "--", *names], check=False).out.split()
    return [word in ("active", "reloading") for word in words] if len(words) == len(names) else [False] * len(names)


def parse(name: str, text: str) -> Unit:
    """Parse the output of `systemctl show`."""
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Unit(
        name=name,
        load_state=found.get("LoadState", ""),
        active_state=found.get("ActiveState", ""),
        sub_state=found.get("SubState", ""),
        unit_file_state=found.get("UnitFileState", ""),
        needs_daemon_reload=found.get("NeedDaemonReload") == "yes",
        result=found.get("Result", ""),
        # Units without a main process (targets, mounts) have only the time at which they became active.
        started=_moment(found.get("ExecMainStartTimestamp", "")) or _moment(found.get("ActiveEnterTimestamp", "")),
        changed=_moment(found.get("StateChangeTimestamp", "")),
        type=found.get("Type", ""),
    )


def _moment(text: str) -> float | None:
    """Parse a time such as `Fri 2026-11-20 19:52:01.123456 UTC` into seconds since the epoch."""
    words = text.split()
    if len(words) != 4:
        return None
    return datetime.fromisoformat(f"{words[1]}T{words[2]}+00:00").timestamp()


def daemon_reload(run: Runner) -> None:
    """Reload systemd's units from disk. Raises CommandFailed."""
    run(["systemctl", "daemon-reload"], timeout=_TIMEOUT)


def act(run: Runner, verb: str, name: str) -> None:
    """Run one of systemctl's verbs on a unit. Raises CommandFailed."""
    run(["systemctl", verb, "--", name], timeout=_TIMEOUT)


def journal(run: Runner, name: str, lines: int = 15) -> str:
    """Return the unit's last log lines, for an error message."""
    answer = run(["journalctl", "--no-pager", "--quiet", "--output=cat", f"--lines={lines}", "--unit=" + name],
                 check=False, timeout=20)
    return answer.out.strip()
