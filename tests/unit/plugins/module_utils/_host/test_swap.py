# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Swap that comes from elsewhere than /etc/fstab, and the drop-ins against it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._host.swap import ALL_SWAP, read_swapping

UNIT = "[Swap]\nWhat=/dev/vdb\n"
ZRAM = "[zram0]\nzram-size = ram / 2\n"
SETUP = "/etc/systemd/system/systemd-zram-setup@.service.d/50-classroom-kubeadm.conf"


@pytest.mark.parametrize(("path", "text", "drop_ins"), [
    ("/etc/systemd/system/dev-vdb.swap", UNIT, [ALL_SWAP]),
    ("/usr/lib/systemd/system/dev-vdb.swap", UNIT, [ALL_SWAP]),
    # A partition found by its type
    ("/run/systemd/generator.late/dev-vda2.swap", UNIT, [ALL_SWAP]),
    # What systemd makes of a line of /etc/fstab, which is put out of force there
    ("/run/systemd/generator/dev-vdb.swap", "[Unit]\nSourcePath=/etc/fstab\n" + UNIT, []),
    ("/etc/systemd/system/dev-vdb.swap", "", []),
    ("/etc/systemd/system/var.mount", "[Mount]\n", []),
    ("/etc/systemd/zram-generator.conf", ZRAM, [ALL_SWAP, SETUP]),
    ("/usr/lib/systemd/zram-generator.conf", ZRAM, [ALL_SWAP, SETUP]),
    ("/etc/systemd/zram-generator.conf.d/10-x.conf", ZRAM, [ALL_SWAP, SETUP]),
    ("/etc/systemd/zram-generator.conf", "# [zram0]\n", []),
    ("/usr/lib/systemd/system/zramswap.service", "[Service]\n",
     ["/etc/systemd/system/zramswap.service.d/50-classroom-kubeadm.conf"]),
])
def test_what_would_switch_swap_on(machine: Any, path: str, text: str, drop_ins: list[str]) -> None:
    machine.write(path, text)
    found = read_swapping(machine.root)
    assert list(found.causes) == drop_ins
    assert all(causes == (path,) for causes in found.causes.values())


def test_an_own_configuration_of_zram_hides_the_distributions(machine: Any) -> None:
    machine.write("/usr/lib/systemd/zram-generator.conf", ZRAM)
    machine.write("/etc/systemd/zram-generator.conf", "# none\n")
    assert read_swapping(machine.root).causes == {}


@pytest.mark.parametrize("name", ["dev-vdb.swap", "zramswap.service"])
def test_masked_units_are_none(machine: Any, name: str) -> None:
    machine.write("/usr/lib/systemd/system/" + name, UNIT)
    machine.path("/etc/systemd/system").mkdir(parents=True)
    os.symlink("/dev/null", machine.path("/etc/systemd/system/" + name))
    assert read_swapping(machine.root).causes == {}
