# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""External commands: what they return, and how they end when they take too long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import command
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, run


@pytest.mark.parametrize(("script", "rc", "out", "err"), [
    ("cat; echo done >&2", 0, "given", "done\n"), ("exit 3", 3, "", ""), ("kill -9 $$", -9, "", ""),
])
def test_what_a_command_leaves(script: str, rc: int, out: str, err: str) -> None:
    found = run(["sh", "-c", script], stdin="given", check=False)
    assert (found.rc, found.out, found.err) == (rc, out, err)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(CommandFailed, match="command not found"):
        run(["no-such-command"])


def test_a_command_that_takes_too_long_may_clean_up(tmp_path: Path) -> None:
    script = 'trap "sleep 0.1; touch $1; exit 0" TERM; while :; do sleep 0.05; done'
    assert run(["sh", "-c", script, "sh", str(tmp_path / "ended")], timeout=2, check=False).rc == 124
    assert (tmp_path / "ended").exists()


def test_what_it_started_is_waited_for(tmp_path: Path) -> None:
    """As dpkg, which goes on when apt is ended."""
    script = '(trap "" TERM; sleep 2.1; touch $1) & wait'
    assert run(["sh", "-c", script, "sh", str(tmp_path / "ended")], timeout=2, check=False).rc == 124
    assert (tmp_path / "ended").exists()


def test_but_not_for_ever() -> None:
    begin = time.monotonic()
    assert run(["sh", "-c", '(trap "" TERM; exec sleep 30) & wait'], timeout=1, check=False).rc == 124
    assert time.monotonic() - begin < 10


def test_a_command_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_GRACE", 0.1)
    begin = time.monotonic()
    assert run(["sh", "-c", 'trap "" TERM; while :; do sleep 0.05; done'], timeout=1, check=False).rc == 124
    assert time.monotonic() - begin < 10
