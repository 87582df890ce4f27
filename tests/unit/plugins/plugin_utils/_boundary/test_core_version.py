# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of ansible-core that the collection rejects; tests/integration/installed runs an old one."""

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.core_version import version_problem


@pytest.mark.parametrize("version", ["2.17.0", "2.18.12", "2.18.99rc1"])
def test_an_older_release_is_an_error(version: str) -> None:
    assert f"expected >=2.19.0, found {version} in " in version_problem(version)
    assert version_problem(version).endswith("Nothing was changed.")


@pytest.mark.parametrize("version", ["2.19.0rc1", "2.19.0", "2.19.14", "2.22.0rc1", "3.0.0.dev0"])
def test_a_supported_release_is_none(version: str) -> None:
    assert version_problem(version) == ""


def test_the_version_of_this_environment_is_supported() -> None:
    assert version_problem() == ""
