# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tools.paths import Checkout


def test_checkouts_share_nothing_but_the_cache(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", tmp_path / "cache", tmp_path / "run")
    other = replace(checkout, root=checkout.root.with_name("other"))
    differ = {key for key, value in checkout.environment.items() if other.environment[key] != value}
    assert differ == set(checkout.environment) - {"CLASSROOM_CACHE"}


@pytest.mark.parametrize(
    ("environment", "cache"),
    [({}, ".cache"), ({"CLASSROOM_CACHE": ""}, ".cache"), ({"CLASSROOM_CACHE": "/var/cache/x"}, "/var/cache/x")],
)
def test_cache_is_the_checkouts_unless_told(tmp_path: Path, environment: dict[str, str], cache: str) -> None:
    assert Checkout.of(tmp_path, environment).cache == tmp_path / cache
