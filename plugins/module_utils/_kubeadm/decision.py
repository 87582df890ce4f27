# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planned actions for the current state of a node."""

from __future__ import annotations

from dataclasses import dataclass

from .._core.plan import Change


@dataclass(frozen=True)
class NodePlan:
    """The planned actions for the current state of a node, in their order, and the reason for them.

    Results show it as one `Change`, because the actions are steps to one state: after some of them the plan is made
    again, and none of them is useful by itself.
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

    def change(self, kind: str, target: str, before: str, after: str) -> Change:
        """Return the plan as one change, whose state `after` lists the actions."""
        by = [f"by: {action}" for action in self.actions]
        return Change(kind, target, before, "\n".join([after, *by]), self.reason)
