# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry of all components that can restore their original state.

The module `plan` gets a plan from each of them, and passes each planned change back to its component.
"""

from __future__ import annotations

from .._core.restorer import RestorePart, Restorer
from .._host import chrony, firewalld, network_manager, selinux

__all__ = ["PARTS", "RestorePart", "Restorer"]

# In the order of restoring. Components that do not import the interface get an adapter here
PARTS: tuple[Restorer, ...] = (
    firewalld.RESTORER,
    network_manager.RESTORER,
    Restorer("selinux", lambda machine, former: RestorePart(selinux.plan_restore(machine.root, former)),
             lambda machine, step, _former: selinux.restore(machine.root, step)),
    Restorer("time", lambda machine, former: RestorePart(chrony.plan_restore(machine.root, machine.run, former)),
             lambda machine, step, former: chrony.restore(machine.root, machine.run, step, former)),
)
