# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What decides whether the project is called right: stages in lanes, counted, and none forgotten."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tools import check
from tools.check import BUDGETS, PLAN_MINUTES, Budget, Stage, Tally, call, long_stages, planned_minutes, report, stages
from tools.paths import ROOT
from tools.process_group import is_running

PATIENCE = 20.0


def run_all(stages: Sequence[Stage], *more: Path) -> list[Tally]:
    """As `make test` does, with further checkouts if any."""
    return check.run_all(stages, [ROOT, *more])


def said(words: str, status: int = 0) -> Callable[[Tally, Path], object]:
    """A stage that runs a program which prints this and ends so."""
    program = f"import sys; print({words!r}); sys.exit({status})"
    return lambda tally, _place: call(tally, [sys.executable, "-c", program])


def fine(_tally: Tally, _place: Path) -> None:
    """Does nothing, successfully."""


def test_light_stages_run_beside_heavy_ones() -> None:
    """Each of the two ends only when it has met the other."""
    meeting = threading.Barrier(2, timeout=PATIENCE)
    done = run_all([
        Stage("unit", lambda _tally, _place: meeting.wait()),
        Stage("bundle", lambda _tally, _place: meeting.wait() and None, heavy=True),
    ])
    assert [(tally.name, tally.passed, tally.failed) for tally in done] == [("unit", 1, 0), ("bundle", 1, 0)]


def test_what_another_lane_has_to_end_first_is_waited_for() -> None:
    order: list[str] = []
    ended = threading.Event()

    def bundle(_tally: Tally, _place: Path) -> None:
        ended.wait(0.3)
        order.append("bundle")

    run_all([
        Stage("mirror", lambda _tally, _place: order.append("mirror"), needs=("bundle",)),
        Stage("bundle", bundle, heavy=True),
    ])
    assert order == ["bundle", "mirror"]


def test_two_scenarios_work_in_checkouts_of_their_own(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)
    places = []

    def scenario(_tally: Tally, place: Path) -> None:
        places.append(place)
        meeting.wait()

    stages = [Stage(name, scenario, heavy=True) for name in ("cluster", "invalid_input", "airgap", "redhat")]
    assert [tally.failed for tally in run_all(stages, tmp_path)] == [0, 0, 0, 0]
    assert sorted(places) == sorted([ROOT, tmp_path] * 2)


@pytest.mark.parametrize("heavy", [False, True], ids=["another lane", "the same lane"])
def test_what_needs_a_failed_stage_is_not_run_and_counts_as_failed(
    heavy: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_all([
        Stage("bundle", said("no disk", 1), heavy=True),
        Stage("mirror", lambda _tally, _place: pytest.fail("it was run"), needs=("bundle",), heavy=heavy),
    ])
    assert [tally.failed for tally in done] == [1, 1] and done[1].notes == ["not run: bundle failed"]
    assert not report(done)
    assert "0 passed, 2 failed, 0 skipped" in capsys.readouterr().out


@pytest.mark.parametrize("heavy", [False, True])
def test_a_stage_with_a_bug_ends_the_run_instead_of_hanging(heavy: bool) -> None:
    def bug(_tally: Tally, _place: Path) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        run_all([Stage("bundle", bug, heavy=heavy), Stage("mirror", fine, needs=("bundle",))])


@pytest.mark.parametrize(("words", "status", "passed", "failed", "good"), [
    ("12 passed in 38.05s", 0, 12, 0, True),
    ("===== 1 failed, 2787 passed in 206.14s (0:03:26) =====", 1, 2787, 1, False),
    ("  │ 9 passed in 58.34s", 0, 9, 0, True),
    ("3 passed, 1 error in 1.0s", 1, 3, 1, False),
    # Also when all of its tests passed: the command knows more than they do
    ("5 passed in 1.00s", 2, 5, 1, False),
    ("nothing of tests", 0, 1, 0, True),
    ("12 passed the exam", 0, 1, 0, True),
    ("30 passed, 18 skipped in 60.1s", 0, 30, 0, True),
    ("18 skipped in 0.04s", 0, 0, 0, False),
])
def test_tests_are_counted_and_a_status_is_believed(
    words: str, status: int, passed: int, failed: int, good: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run_all([Stage("unit", said(words, status))])
    assert (done[0].passed, done[0].failed) == (passed, failed)
    assert report(done) is good
    printed = capsys.readouterr().out
    assert f"unit             {words}" in printed
    skipped = 18 if "skipped" in words else 0
    assert printed.splitlines()[-1] == f"{passed} passed, {failed} failed, {skipped} skipped"


def test_a_program_that_is_not_there_fails_its_stage() -> None:
    done = run_all([Stage("lint", lambda tally, _place: call(tally, ["/nonexistent/linter"]))])
    assert done[0].failed == 1 and "linter" in done[0].notes[0]


def test_an_unknown_stage_is_refused_before_anything_runs() -> None:
    done = subprocess.run(
        [sys.executable, "tools/check.py", "lint", "nonsense"], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "no stage nonsense; there are lint, hostile-hosts" in done.stderr


# A program that starts another one in a session of its own, prints its number and ignores a polite end
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
print("child", child.pid, flush=True)
time.sleep(300)
"""


def test_a_stage_over_its_limit_is_killed_with_all_it_started_and_its_log_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "BUDGETS", {"cluster": Budget(minutes=1 / 60)})
    log = tmp_path / "cluster.log"
    log.write_text("TASK [Initialise the control plane]\n", encoding="utf-8")

    def hangs(tally: Tally, _place: Path) -> None:
        tally.log = log
        call(tally, [sys.executable, "-c", STUBBORN])

    started = time.monotonic()
    done = run_all([Stage("cluster", hangs, heavy=True), Stage("lab", fine, needs=("cluster",), heavy=True)])
    assert time.monotonic() - started < PATIENCE
    assert [tally.failed for tally in done] == [1, 1]
    assert "killed after 3 s, three times its budget" in done[0].notes[0] and "sleep 300" in done[0].notes[0]
    printed = capsys.readouterr().out
    assert "cluster          TASK [Initialise the control plane]" in printed
    child = next(line.split()[-1] for line in printed.splitlines() if line.startswith("cluster          child "))
    # It may be waiting for process 1 to collect its exit status
    assert not is_running(int(child))


def test_a_stage_alone_begins_when_all_others_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "BUDGETS", {"timing": Budget(1, alone=True)})
    order: list[str] = []

    def slow(tally: Tally, _place: Path) -> None:
        time.sleep(0.3)
        order.append(tally.name)

    run_all([Stage("timing", slow), Stage("unit", slow), Stage("bundle", slow, heavy=True)])
    assert order[-1] == "timing" and sorted(order) == ["bundle", "timing", "unit"]


def test_each_stage_has_a_budget_and_no_budget_is_left_over() -> None:
    assert [stage.name for stage in (*stages(), *long_stages())] == list(BUDGETS)


def test_the_plan_fits_an_idle_host_with_nothing_compiled() -> None:
    """A new stage frees as much as it costs, or goes to `make test-long`."""
    assert planned_minutes(stages(), BUDGETS, places=2) <= PLAN_MINUTES


@pytest.mark.parametrize(("names", "places", "minutes"), [
    ("unit", 1, 2),
    ("unit lint", 1, 5),
    # Beside each other, in lanes of their own
    ("unit bundle", 1, 10),
    # The mirror's tests wait for the bundle
    ("bundle mirror", 1, 14),
    ("mirror bundle", 1, 14),
    ("bundle class cluster", 1, 21),
    ("bundle class cluster", 2, 16),
    # Alone means after all others
    ("bundle class bench", 2, 23),
])
def test_the_plan_has_a_lane_for_each_kind_of_stage(names: str, places: int, minutes: float) -> None:
    budgets = {
        "unit": Budget(2), "lint": Budget(3), "bundle": Budget(10), "mirror": Budget(4), "class": Budget(6),
        "cluster": Budget(5), "bench": Budget(7, alone=True),
    }
    chosen = [
        Stage(
            name, fine, heavy=name in ("bundle", "class", "cluster"),
            needs=("bundle",) if name in ("mirror", "class", "cluster") else (),
        )
        for name in names.split()
    ]
    assert planned_minutes(chosen, budgets, places) == minutes
