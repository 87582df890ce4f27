# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors in class files, kept for the playbooks of the same run.

When an inventory plugin fails, Ansible shows a warning and continues with the other sources, unless the user sets
options of ansible.cfg. Inventory plugins and the filter of the playbooks run in one process, which keeps the error.
"""

from __future__ import annotations

_ERRORS: dict[str, str] = {}


def record(path: str, message: str) -> None:
    """Keep the error of the class file at `path`; an empty message removes it."""
    _ERRORS[path] = message


def recorded() -> list[str]:
    """Return the errors of all class files that were read last with an error."""
    return [message for message in _ERRORS.values() if message]
