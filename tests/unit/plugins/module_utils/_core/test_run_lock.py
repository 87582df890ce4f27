# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock of a directory or file, between the runs of one controller."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import run_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError


def test_a_lock_is_waited_for_and_given_back(tmp_path: Path) -> None:
    path, said = tmp_path / "sub" / "lock", list[str]()

    def hold() -> None:
        with run_lock.alone(str(path), "the layout", 5, said.append):
            time.sleep(0.3)

    with run_lock.alone(str(path), "the layout", 0, said.append):
        assert path.read_text(encoding="ascii") == str(os.getpid())
        with pytest.raises(ClassroomError, match=rf"using the layout: .* process {os.getpid()}\. Wait"), \
                run_lock.alone(str(path), "the layout", 0, said.append):
            raise AssertionError("not reached")
        assert said == []
        threads = [threading.Thread(target=hold) for _number in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join(timeout=10)
    assert len(said) == 3 and not path.exists()


def test_a_lock_of_a_killed_holder_blocks_no_other_run(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("1", encoding="ascii")

    with run_lock.alone(str(path), "the layout", 0, lambda line: None):
        assert path.read_text(encoding="ascii") == str(os.getpid())


def test_a_lock_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClassroomError, match="cannot be written"), \
            run_lock.alone(str(tmp_path / "file" / "lock"), "the layout", 0, lambda line: None):
        raise AssertionError("not reached")
