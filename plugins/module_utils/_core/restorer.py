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
    """What a part has to bring back, and what else is to be said."""

    steps: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restorer:
    """One thing, and the key under which `kept` has what it was before.

    `plan` gets what was kept, reads the machine and changes nothing. `perform` carries one of its steps out and returns
    what could not be brought back, a sentence each. `first` is for what needs the programs of packages that go.
    """

    key: str
    plan: Callable[[Host, Any], RestorePart]
    perform: Callable[[Host, Change, Any], Sequence[str]]
    first: bool = False
