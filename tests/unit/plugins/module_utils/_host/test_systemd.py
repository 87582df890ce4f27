# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd says of a unit."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host import systemd

# Recorded with systemd 257.
RUNNING = """\
Result=success
ExecMainStartTimestamp=Fri 2026-11-20 20:20:10.123456 UTC
Type=notify
LoadState=loaded
ActiveState=active
SubState=running
StateChangeTimestamp=Fri 2026-11-20 20:20:11.000001 UTC
ActiveEnterTimestamp=Fri 2026-11-20 20:20:10.500000 UTC
UnitFileState=enabled
NeedDaemonReload=no
"""


def test_a_running_service() -> None:
    unit = systemd.parse("web.service", RUNNING)
    assert (unit.exists, unit.active, unit.unit_file_state, unit.needs_daemon_reload) == (True, True, "enabled", False)
    assert (unit.type, unit.reports_start) == ("notify", True)
    assert unit.started == pytest.approx(1795206010.123456)
    assert unit.changed == pytest.approx(1795206011.000001)


def test_a_unit_that_is_not_there() -> None:
    unit = systemd.parse("nix.service", "LoadState=not-found\nActiveState=inactive\nExecMainStartTimestamp=\n")
    assert (unit.exists, unit.active, unit.started, unit.changed) == (False, False, None, None)


def test_a_unit_without_a_process_started_when_it_became_active() -> None:
    text = RUNNING.replace("ExecMainStartTimestamp=Fri 2026-11-20 20:20:10.123456 UTC", "ExecMainStartTimestamp=n/a")
    assert systemd.parse("x.mount", text).started == pytest.approx(1795206010.5)


@pytest.mark.parametrize(("name", "expected"), [
    ("containerd", "containerd.service"), ("containerd.service", "containerd.service"),
    ("var-lib.mount", "var-lib.mount"),
])
def test_names(name: str, expected: str) -> None:
    assert systemd.unit_name(name) == expected


def test_one_call_reads_everything(fake_run: Any) -> None:
    fake_run.on("systemctl", "show", out=RUNNING)
    assert systemd.show(fake_run, "web.service").active
    assert len(fake_run.calls) == 1


def test_whether_systemd_runs(machine: Any) -> None:
    assert not systemd.is_booted(machine.root)
    machine.path("/run/systemd/system").mkdir(parents=True)
    assert systemd.is_booted(machine.root)
