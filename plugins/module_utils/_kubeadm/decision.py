# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done about the state of a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NodePlan:
    """What is to be done about the state of a machine, why, and by which actions in which order.

    `tolerable`: not to know more is no failure, because the machine does what it is there for.
    """

    name: str
    reason: str
    actions: tuple[str, ...] = ()
    tolerable: bool = False

    @property
    def acts(self) -> bool:
        return bool(self.actions)
