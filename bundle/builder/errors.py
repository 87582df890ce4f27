# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception that reaches a person."""

from __future__ import annotations

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError


class BundleError(ClassroomError):
    """What was wanted, what was found, and what to do about it."""

    def __init__(self, wanted: str, found: str, advice: str) -> None:
        super().__init__(f"wanted {wanted}; found {found}; {advice}")
