# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render CHANGELOG.md from the released changes and the fragments of the next release.

antsibull-changelog prints fragments only as part of a release. The release is made in a temporary copy without plugins,
so that the checkout keeps its fragments and has no release with an invented date, and a summary says that it is not
released. New modules and plugins are listed by the real release only.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.paths import environment

UNRELEASED = """---
release_summary: >-
  This version is not released yet. ``make docs`` writes this file from ``changelogs/fragments``.
"""


def changelog(root: Path) -> str:
    """Return what CHANGELOG.md of the checkout at `root` should contain."""
    with tempfile.TemporaryDirectory() as place:
        # antsibull-changelog recognises a collection by the names of its directories
        copy = Path(place) / "ansible_collections" / "classroom" / "kubeadm"
        copy.mkdir(parents=True)
        shutil.copy(root / "galaxy.yml", copy)
        shutil.copytree(root / "changelogs", copy / "changelogs")
        fragments = copy / "changelogs" / "fragments"
        verb = "generate"
        if any(fragments.glob("*.yml")):
            verb = "release"
            (fragments / "unreleased.yml").write_text(UNRELEASED, encoding="utf-8")
        subprocess.run(
            ["antsibull-changelog", verb], cwd=copy, check=True, capture_output=True, env=environment(PWD=str(copy)))
        return (copy / "CHANGELOG.md").read_text(encoding="utf-8")
