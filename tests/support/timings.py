# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seconds of the stages of a scenario that is one story, printed at the end of its tests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

_STAGES: list[tuple[str, float]] = []


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Measures what is inside; also when it fails."""
    began = time.monotonic()
    try:
        yield
    finally:
        _STAGES.append((name, time.monotonic() - began))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """pytest's hook, to be imported by a conftest.py."""
    terminalreporter.section("stages")
    for name, seconds in _STAGES:
        terminalreporter.write_line(f"{seconds:6.1f} s  {name}")
