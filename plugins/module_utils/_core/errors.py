# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exception that a module of this collection turns into a failed task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClassroomError(Exception):
    """An error to show to the user: expected state, current state and fix.

    `values` are returned by the failed module beside the message.
    """

    def __init__(self, message: str, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.values = dict(values or {})
