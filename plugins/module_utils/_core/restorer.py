# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of a component that can restore its original state.

Separate from the list of all components (`_restore/restorers.py`), which imports them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .host import Host
from .plan import Change


@dataclass(frozen=True)
class RestorePart:
    """The planned changes of one component, and its warnings."""

    steps: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restorer:
    """A component, and the key of its original state in the record (see `original_state`).

    `plan` gets the recorded value, reads the host and changes nothing. `perform` carries out one change of the plan and
    returns a message for each thing that could not be restored. `first`: the component needs the programs of packages
    that are removed, so it is restored before them.
    """

    key: str
    plan: Callable[[Host, Any], RestorePart]
    perform: Callable[[Host, Change, Any], Sequence[str]]
    first: bool = False
