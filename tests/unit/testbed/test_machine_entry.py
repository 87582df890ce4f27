# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.paths import ROOT

ENTRY = ROOT / "testbed/images/debian/overlay/usr/local/sbin/machine-entry"


class TestEntry:
    """The first process of a machine, with everything that it would call replaced by a recorder."""

    @pytest.fixture
    def entry(self, tmp_path: Path) -> Path:
        for name in ("umount", "mount", "init"):
            self.program(tmp_path, name, f'echo {name} "$@"')
        self.program(tmp_path, "mountpoint", "exit 1")
        return tmp_path

    @staticmethod
    def program(directory: Path, name: str, body: str) -> None:
        (directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)

    def run(self, directory: Path, cgroup: str) -> list[str]:
        self.program(directory, "stat", f"echo {cgroup}")
        done = subprocess.run(
            ["/bin/sh", str(ENTRY)], env={"PATH": f"{directory}:/usr/bin:/bin"},
            capture_output=True, text=True, check=True,
        )
        return done.stdout.splitlines()

    def test_cgroup_v2_needs_nothing(self, entry: Path) -> None:
        assert self.run(entry, "cgroup2fs") == ["mount --make-rshared /", "init"]

    def test_hybrid_hierarchy_of_the_host_is_left(self, entry: Path) -> None:
        assert self.run(entry, "tmpfs") == [
            "umount /sys/fs/cgroup/systemd/release_agent", "umount /sys/fs/cgroup/systemd", "mount --make-rshared /",
            "init SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0",
        ]

    def test_a_hierarchy_that_is_not_mounted_does_no_harm(self, entry: Path) -> None:
        self.program(entry, "umount", "exit 32")
        assert self.run(entry, "tmpfs")[-1].startswith("init SYSTEMD")
