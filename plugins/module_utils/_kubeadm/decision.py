# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planned actions for the current state of a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NodePlan:
    """The planned actions for the current state of a node, in their order, and the reason for them.

    `tolerable`: an undetermined state is only a warning, because the node is healthy.
    """

    name: str
    reason: str
    actions: tuple[str, ...] = ()
    tolerable: bool = False

    @property
    def acts(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.actions)
