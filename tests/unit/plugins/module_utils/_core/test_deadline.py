# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deadlines with a clock that passes only while something sleeps."""

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.value = 100.0

    def now(self) -> float:
        return self.value

    def sleep(self, seconds: float) -> None:
        self.value += seconds


@pytest.mark.parametrize(("timeout", "true_after", "found", "calls"), [
    (2.0, 1, True, 1),
    (2.0, 3, True, 3),
    (2.0, 31, True, 31),
    (2.0, 99, False, 36),
    (0.0, 1, True, 1),
    (0.0, 2, False, 1),
])
def test_a_condition_is_polled_until_the_deadline(timeout: float, true_after: int, found: bool, calls: int) -> None:
    clock, asked = Clock(), list[float]()

    def done() -> bool:
        asked.append(clock.value)
        return len(asked) == true_after

    assert Deadline(timeout, 0.5, clock.now, clock.sleep).wait(done) == found
    assert len(asked) == calls


@pytest.mark.parametrize("due", [0.01, 0.05, 0.3, 1.0, 4.0, 60.0])
def test_a_wait_takes_little_longer_than_what_it_waits_for(due: float) -> None:
    clock = Clock()
    assert Deadline(100, 0.5, clock.now, clock.sleep).wait(lambda: clock.value >= 100 + due)
    assert clock.value - 100 - due <= min(0.5, max(0.02, due * 0.1))


def test_a_long_wait_polls_at_its_interval() -> None:
    clock, asked = Clock(), list[float]()

    def never() -> bool:
        asked.append(clock.value)
        return False

    assert not Deadline(100, 0.5, clock.now, clock.sleep).wait(never)
    assert len(asked) < 240 and asked[-1] - asked[-2] == pytest.approx(0.5)


def test_it_tells_how_much_time_is_left() -> None:
    clock = Clock()
    deadline = Deadline(2, 0.75, clock.now, clock.sleep)
    assert (deadline.elapsed, deadline.remaining, deadline.expired) == (0.0, 2.0, False)
    clock.sleep(0.75)
    assert (deadline.elapsed, deadline.remaining, deadline.expired) == (0.8, 1.25, False)
    clock.sleep(5)
    assert (deadline.elapsed, deadline.remaining, deadline.expired) == (5.8, 0.0, True)


def test_it_can_be_expired_at_once() -> None:
    clock = Clock()
    deadline = Deadline(2, 0.5, clock.now, clock.sleep)
    deadline.expire()
    assert deadline.expired and deadline.remaining == 0 and not deadline.wait(lambda: False)
