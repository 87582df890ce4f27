# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person always sees what is going on."""

from __future__ import annotations

import time

import pytest

from bundle.builder import progress
from bundle.builder.progress import Progress


def test_a_step_is_told_at_its_begin_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as shown, shown.step("compile etcd") as step:
        step.outcome = "3 programs"
    begun, ended = capsys.readouterr().out.splitlines()
    assert begun.endswith("... compile etcd".replace(" ", "    ", 1))
    assert ended.endswith("s compile etcd: 3 programs")


def test_a_long_step_shows_signs_of_life(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT", 0.1)
    with Progress() as shown, shown.step("compile kubernetes") as step:
        step.detail = "512 packages"
        time.sleep(1.3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("compile kubernetes 512 packages")


def test_a_failed_step_is_not_told_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), Progress() as shown, shown.step("compile etcd"):
        raise RuntimeError
    assert capsys.readouterr().out.splitlines()[-1].endswith("compile etcd: stopped")
