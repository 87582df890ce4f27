# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-wide lock, between processes and within one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils.errors import ClassroomError

HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


def holder(base: Path) -> subprocess.Popen[str]:
    (base / "run").mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(base) + host_lock.LOCK], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_another_process_is_waited_for_and_its_end_releases_the_lock(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with pytest.raises(ClassroomError, match=r"has been working on this machine for 0\.3 s"), \
            host_lock.held(str(tmp_path), 0.3):
        pass
    process.kill()
    process.communicate()
    with host_lock.held(str(tmp_path), 5) as taken:
        assert taken


def test_a_holder_can_take_it_again(tmp_path: Path) -> None:
    base = str(tmp_path)
    with host_lock.held(base, 0) as first:
        with host_lock.held(base, 0) as second:
            assert (first, second) == (True, False)
        # The inner end did not release it
        asked = subprocess.run(
            ["flock", "--nonblock", base + host_lock.LOCK, "true"], check=False)
        assert asked.returncode != 0
    assert subprocess.run(["flock", "--nonblock", base + host_lock.LOCK, "true"], check=False).returncode == 0


def test_an_error_inside_releases_it(tmp_path: Path) -> None:
    base = str(tmp_path)
    with pytest.raises(ZeroDivisionError), host_lock.held(base, 0), host_lock.held(base, 0):
        raise ZeroDivisionError
    with host_lock.held(base, 0) as taken:
        assert taken


def test_hosts_have_locks_of_their_own(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with host_lock.held(str(one), 0) as first, host_lock.held(str(two), 0) as second:
        assert first and second
