# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from tests.support import timings
from tests.support.crio import NOT_RUN, is_given


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """pytest's hook: what was not run, so that nobody takes silence for success, or what took how long."""
    if is_given():
        timings.pytest_terminal_summary(terminalreporter)
    else:
        terminalreporter.section("not run")
        terminalreporter.write_line(NOT_RUN)
