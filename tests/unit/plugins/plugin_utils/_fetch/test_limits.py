# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch.limits import file_size_limit


def test_a_write_beyond_the_limit_fails_and_the_limit_ends(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_CORE)
    handler = signal.getsignal(signal.SIGXFSZ)
    with file_size_limit(10), pytest.raises(OSError) as problem, (tmp_path / "a").open("wb", buffering=0) as stream:
        while True:
            stream.write(b"123")
    assert problem.value.errno == errno.EFBIG and (tmp_path / "a").stat().st_size == 10
    assert (resource.getrlimit(resource.RLIMIT_FSIZE), resource.getrlimit(resource.RLIMIT_CORE)) == before
    assert signal.getsignal(signal.SIGXFSZ) == handler
    (tmp_path / "b").write_bytes(b"x" * 100)


def test_a_program_that_is_started_inherits_it(tmp_path: Path) -> None:
    with file_size_limit(1000):
        done = subprocess.run(
            ["dd", "if=/dev/zero", "of={}".format(tmp_path / "a"), "bs=400", "count=100"],
            capture_output=True, check=False)
    assert done.returncode != 0 and (tmp_path / "a").stat().st_size == 1000


def test_a_lower_limit_of_the_user_stays() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        with file_size_limit(10000):
            assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 5000
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 5000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
