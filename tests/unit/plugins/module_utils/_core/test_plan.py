# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a plan is shown."""

from __future__ import annotations

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.plan import Change, as_changes, as_diff

STEPS = [
    Change("file", "/etc/x", "", "one\ntwo\n", "it is missing"),
    Change("package", "kubelet", "1.36.2-1.1", "1.36.3", "it has another version"),
]


def test_the_diff_shows_every_value_and_the_reasons_only_once() -> None:
    assert as_diff(STEPS) == {
        "before": "file /etc/x:\npackage kubelet:\n  1.36.2-1.1\n",
        "after": "file /etc/x: (it is missing)\n  one\n  two\n"
                 "package kubelet: (it has another version)\n  1.36.3\n",
    }


def test_nothing_to_do_shows_nothing() -> None:
    assert as_diff([]) == {"before": "", "after": ""}


def test_changes_are_one_line_each() -> None:
    assert as_changes(STEPS) == ["file /etc/x: it is missing", "package kubelet: it has another version"]
