# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/etc/fstab without swap."""

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.fstab import plan_fstab

ROOT = "UUID=1  /  ext4  errors=remount-ro  0  1\n"


@pytest.mark.parametrize("text", [
    "", ROOT, "# /swap.img none swap sw 0 0\n", ROOT + "\n", "tmpfs /tmp tmpfs\n", ROOT.strip(),
    "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0 # the drive\n",
])
def test_a_file_without_swap_stays_as_it_is(text: str) -> None:
    plan = plan_fstab(text)
    assert (plan.text, plan.commented_out) == (text, ())


@pytest.mark.parametrize("line", [
    "UUID=2 none swap sw 0 0", "/swap.img\tnone\tswap\tsw\t0\t0", "/dev/sda2 swap swap defaults",
    "LABEL=s none swap sw # x",
])
def test_swap_is_put_aside(line: str) -> None:
    plan = plan_fstab(ROOT + line + "\n")
    assert plan.text == ROOT + "#classroom.kubeadm# " + line + "\n"
    assert plan.commented_out == (line,)
    assert plan_fstab(plan.text).commented_out == ()


@pytest.mark.parametrize("line", ["UUID=2 swap", "a b swap sw 0 0 0", "UUID=2 none swap sw zero 0", "swapon"])
def test_a_line_that_is_no_entry_is_named(line: str) -> None:
    with pytest.raises(ClassroomError, match=f"/etc/fstab is invalid: .*, found '{line}' in line 2\\."):
        plan_fstab(ROOT + line + "\n")
