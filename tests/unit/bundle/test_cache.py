# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disk space is checked first, and what killed builds left is removed."""

from __future__ import annotations

import pytest

from bundle.builder.cache import Paths, remove_unfinished, require_space, unfinished
from bundle.builder.errors import BundleError


def test_too_little_space_is_told_before(paths: Paths) -> None:
    require_space(paths.cache, 0, "CLASSROOM_CACHE")
    with pytest.raises(BundleError, match=r"1000000000 GiB free below .* CLASSROOM_CACHE"):
        require_space(paths.cache, 10**9, "CLASSROOM_CACHE")


def test_what_killed_builds_left_is_cleared_away(paths: Paths) -> None:
    for directory in (paths.bundles, paths.programs, paths.work):
        directory.mkdir(parents=True, exist_ok=True)
    unfinished(paths.bundles / "0123").mkdir()
    unfinished(paths.programs / "etcd-0123").mkdir()
    unfinished(paths.work / "base-0123.tar").touch()
    (paths.programs / "etcd-4567").mkdir()
    remove_unfinished(paths)
    assert [path.name for path in paths.programs.iterdir()] == ["etcd-4567"]
    assert list(paths.work.iterdir()) == []
    assert list(paths.bundles.iterdir()) == []
