# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host-wide lock, between processes and within one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError

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
    with pytest.raises(ClassroomError, match=r"to be free within 0\.3 s, found it held by an unknown process"), \
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


TAKER = """
import sys
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import host_lock
_module_fqn = "ansible_collections.classroom.kubeadm.plugins.modules.package_service"
with host_lock.held(sys.argv[1], 0):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_message_names_the_holder(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TAKER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    words = rf"found it held by package_service \(process {process.pid}, since \d{{4}}-\d\d-\d\d \S+ UTC\)\. Wait"
    with pytest.raises(ClassroomError, match=words), host_lock.held(str(tmp_path), 0):
        pass
    process.communicate("\n")
    with host_lock.held(str(tmp_path), 0) as taken:
        assert taken


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"\x1b[2J\n", b"\xff"])
def test_a_file_without_a_holder_names_none(tmp_path: Path, content: bytes) -> None:
    process = holder(tmp_path)
    (tmp_path / "run" / "classroom-kubeadm.lock").write_bytes(content)
    words = r"held by (an unknown process|\ufffd)\."
    with pytest.raises(ClassroomError, match=words), host_lock.held(str(tmp_path), 0):
        pass
    process.communicate("\n")


def test_a_module_that_reads_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_lock, "ROOT", str(tmp_path))
    monkeypatch.setattr(host_lock, "WAIT", 0.1)
    process = holder(tmp_path)
    with host_lock.changing(True) as taken:
        assert not taken
    with pytest.raises(ClassroomError, match=r"within 0\.1 s"), host_lock.changing(False):
        pass
    process.communicate("\n")
