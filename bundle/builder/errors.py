# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exception that is shown to the user."""

from __future__ import annotations

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError


class BundleError(ClassroomError):
    """An error with what was expected, what was found, and how to fix it."""

    def __init__(self, wanted: str, found: str, advice: str) -> None:
        super().__init__(f"expected {wanted}; found {found}; {advice}")
