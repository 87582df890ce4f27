# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as a list of steps, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One difference between wish and machine, with the reason to act on it.

    `action` is the kind of thing that changes (`file`, `kernel setting`), under which a performer knows what to do,
    and `target` which one of them; `before` and `after` are shown, never executed.
    """

    action: str
    target: str
    before: str
    after: str
    reason: str

    @property
    def title(self) -> str:
        return f"{self.action} {self.target}"


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def as_diff(steps: Sequence[Change]) -> dict[str, str]:
    """The plan in the form of Ansible's diff.

    The reasons stand only in the second text: a line that were in both could fall out of the few lines of context
    that a unified diff shows.
    """
    return {
        "before": "".join(f"{step.title}:\n{_indented(step.before)}" for step in steps),
        "after": "".join(f"{step.title}: ({step.reason})\n{_indented(step.after)}" for step in steps),
    }


def as_changes(steps: Sequence[Change]) -> list[str]:
    """One line a step, for a returned list."""
    return [f"{step.title}: {step.reason}" for step in steps]
