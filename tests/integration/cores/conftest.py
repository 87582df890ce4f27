# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was tested and what was not stands at the end, also where pytest is asked to be quiet."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", ()):
        if report.when == "call" and report.capstdout:
            terminalreporter.write_line(report.capstdout.strip())
    for report in terminalreporter.stats.get("skipped", ()):
        terminalreporter.write_line(str(report.longrepr[2]))
