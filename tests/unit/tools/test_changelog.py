# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CHANGELOG.md before and after a release by antsibull-changelog."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.changelog import changelog
from tools.paths import ROOT, environment

FRAGMENT = """---
security_fixes:
  - The token is masked.
bugfixes:
  - A reset ends.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "ansible_collections" / "classroom" / "kubeadm"
    fragments = root / "changelogs" / "fragments"
    fragments.mkdir(parents=True)
    shutil.copy(ROOT / "galaxy.yml", root)
    shutil.copy(ROOT / "changelogs" / "config.yaml", root / "changelogs")
    (fragments / "masked.yml").write_text(FRAGMENT, encoding="utf-8")
    return root


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_unreleased_changes_are_listed_by_kind(checkout: Path) -> None:
    before = files(checkout)

    text = changelog(checkout)

    headings = [line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")]
    assert headings == ["Release Summary", "Security Fixes", "Bugfixes"]
    assert "not released yet" in text
    assert files(checkout) == before


def test_a_release_follows_and_is_kept(checkout: Path) -> None:
    changelog(checkout)
    subprocess.run(["antsibull-changelog", "release"], cwd=checkout, check=True, env=environment(PWD=str(checkout)))
    released = (checkout / "CHANGELOG.md").read_text(encoding="utf-8")

    assert changelog(checkout) == released
    assert "The token is masked" in released
    assert "not released yet" not in released
