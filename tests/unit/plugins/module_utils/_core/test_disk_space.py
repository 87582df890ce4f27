# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.disk_space import SPARE, free, require
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError


def test_what_fits_and_what_does_not(tmp_path: Path) -> None:
    require(str(tmp_path), 1, "a file")
    # Nothing to write needs no room, on a full disk neither
    require("/proc", 0, "nothing")
    with pytest.raises(ClassroomError) as caught:
        require(str(tmp_path / "not" / "yet"), free(str(tmp_path)) + SPARE, "the bundle")
    message = str(caught.value)
    assert f"MiB free in {tmp_path}/not/yet for the bundle, found" in message
    assert f"MiB on the file system of {tmp_path}. Make room there" in message


def test_some_room_has_to_be_left(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match="Not enough disk space"):
        require(str(tmp_path), free(str(tmp_path)) - SPARE // 2, "the bundle")
