# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as a list of changes, and its representation in results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A planned change: one difference between desired and current state, with the reason to act on it.

    `action` is the kind of object that changes (`file`, `kernel setting`) and selects the code that performs the
    change; `target` names the object. `before` and `after` are shown, never executed: what is applied and is not in the
    desired state itself is `value`.
    """

    action: str
    target: str
    before: str
    after: str
    reason: str
    value: str | bool | None = None

    @property
    def title(self) -> str:
        """Return kind and name of the changed object."""
        return f"{self.action} {self.target}"


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def as_diff(steps: Sequence[Change]) -> dict[str, str]:
    """Return the plan in the form of Ansible's diff.

    The reasons are only in the second text: a line that is in both may be outside the few lines of context that a
    unified diff shows.
    """
    return {
        "before": "".join(f"{step.title}:\n{_indented(step.before)}" for step in steps),
        "after": "".join(f"{step.title}: ({step.reason})\n{_indented(step.after)}" for step in steps),
    }


def as_changes(steps: Sequence[Change]) -> list[str]:
    """Return one line per change."""
    return [f"{step.title}: {step.reason}" for step in steps]
