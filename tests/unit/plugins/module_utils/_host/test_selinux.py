# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SELinux' mode, live and for the next boot, on machines with and without it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import selinux
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.selinux import (
    DISABLED,
    ENFORCING,
    PERMISSIVE,
    SelinuxState,
    plan,
)

CONFIG = "# The mode\nSELINUX={0}\n# The policy\nSELINUXTYPE=targeted\n"


def config(mode: str) -> str:
    return CONFIG.format(mode)


@pytest.mark.parametrize(("wanted", "state", "titles"), [
    (PERMISSIVE, SelinuxState(), []),
    (ENFORCING, SelinuxState(), []),
    (PERMISSIVE, SelinuxState(PERMISSIVE, config(PERMISSIVE)), []),
    (PERMISSIVE, SelinuxState(ENFORCING, config(ENFORCING)), ["file /etc/selinux/config", "selinux permissive"]),
    (PERMISSIVE, SelinuxState(PERMISSIVE, config(ENFORCING)), ["file /etc/selinux/config"]),
    (PERMISSIVE, SelinuxState(ENFORCING, config(PERMISSIVE)), ["selinux permissive"]),
    (ENFORCING, SelinuxState(PERMISSIVE, config(PERMISSIVE)), ["file /etc/selinux/config", "selinux enforcing"]),
    # Disabled, and nobody wants it enforced: nothing to do; disabled for the next boot only: that is another matter
    (PERMISSIVE, SelinuxState(None, config(DISABLED)), []),
    (PERMISSIVE, SelinuxState(PERMISSIVE, config(DISABLED)), ["file /etc/selinux/config"]),
    # Switched off by the kernel's command line
    (PERMISSIVE, SelinuxState(None, config(ENFORCING)), ["file /etc/selinux/config"]),
])
def test_what_is_to_be_done(wanted: str, state: SelinuxState, titles: list[str]) -> None:
    found = plan(wanted, state, container=False)
    assert [step.title for step in found.steps] == titles
    assert found.former == (state.live if "selinux " + wanted in titles else None)
    assert found.config in (None, config(wanted))


@pytest.mark.parametrize(("text", "expected"), [
    ("", "SELINUX=permissive\n"),
    ("# none", "# none\nSELINUX=permissive\n"),
    ("  SELINUX = Enforcing # really\nX=1\n", "SELINUX=permissive\nX=1\n"),
    ("SELINUX=\n", "SELINUX=\nSELINUX=permissive\n"),
    ("SELINUX=Permissive\n", None),
])
def test_the_configuration_keeps_its_other_lines(text: str, expected: str | None) -> None:
    assert plan(PERMISSIVE, SelinuxState(None, text), container=False).config == expected


def test_disabled_cannot_become_enforcing() -> None:
    found = "SELinux cannot be set: expected enforcing, found it disabled in /etc/selinux/config"
    with pytest.raises(ClassroomError, match=found):
        plan(ENFORCING, SelinuxState(None, config(DISABLED)), container=False)


def test_the_mode_of_a_container_is_its_hosts() -> None:
    found = plan(PERMISSIVE, SelinuxState(ENFORCING, config(ENFORCING)), container=True)
    assert [step.title for step in found.steps] == ["file /etc/selinux/config"]
    assert found.former is None and "belongs to the host" in found.warnings[0]


def test_there_and_back(machine: Any) -> None:
    machine.write(selinux.ENFORCE, "1")
    assert selinux.read_state(machine.root) == SelinuxState(ENFORCING, None)
    selinux.set_live(machine.root, PERMISSIVE)
    assert machine.read(selinux.ENFORCE) == "0"
    [step] = selinux.plan_restore(machine.root, ENFORCING)
    selinux.restore(machine.root, step)
    assert machine.read(selinux.ENFORCE) == "1" and selinux.plan_restore(machine.root, ENFORCING) == ()


def test_a_kernel_that_refuses_is_quoted(machine: Any) -> None:
    found = "The kernel rejects the SELinux mode: expected permissive, found no such mode: No such file"
    with pytest.raises(ClassroomError, match=found):
        selinux.set_live(machine.root, PERMISSIVE)
