# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Things that are brought back by whoever knows them: `bare` asks each for a plan, and hands its steps back to it."""

from __future__ import annotations

from .._core.restorer import RestorePart, Restorer
from .._host import chrony, firewalld, network_manager, selinux

__all__ = ["PARTS", "RestorePart", "Restorer"]

# In the order in which they are brought back. Modules that know nothing of parts are fitted in here
PARTS: tuple[Restorer, ...] = (
    firewalld.RESTORER,
    network_manager.RESTORER,
    Restorer("selinux", lambda machine, former: RestorePart(selinux.plan_restore(machine.root, former)),
         lambda machine, step, _former: selinux.restore(machine.root, step)),
    Restorer("time", lambda machine, former: RestorePart(chrony.plan_restore(machine.root, machine.run, former)),
         lambda machine, step, former: chrony.restore(machine.root, machine.run, step, former)),
)
