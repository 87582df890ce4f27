# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the kubeconfig that a user had before this collection, next to the one that replaces it."""

from __future__ import annotations

import os

SUFFIX = ".before-classroom"
# Relative to a home
KUBECONFIG = ".kube/config"
FORMER = KUBECONFIG + SUFFIX


def set_aside(path: str) -> None:
    """Rename a kubeconfig, unless an earlier one was renamed. Must be called with the rights of its user."""
    if not os.path.lexists(path + SUFFIX):
        os.rename(path, path + SUFFIX)
