# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure ends all jobs, and nothing half-written is taken for finished."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from bundle.builder import pipeline
from bundle.builder.cache import Paths
from bundle.builder.commands import run
from bundle.builder.config import Recipe
from bundle.builder.errors import BundleError
from bundle.builder.progress import Progress


@pytest.mark.parametrize("late", [0, 0.5], ids=["at once", "when the other has failed"])
def test_the_first_failure_ends_the_other_jobs(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    """Also a job whose program starts only when the other has failed."""

    class Late(subprocess.Popen[str]):
        def __init__(self, argv: list[str], **options: Any) -> None:
            time.sleep(late if argv[0] == "sleep" else 0)
            super().__init__(argv, **options)

    monkeypatch.setattr(subprocess, "Popen", Late)
    begin = time.monotonic()
    jobs = {
        "long": partial(run, ["sleep", "60"], paths.logs / "long.log"),
        "broken": partial(run, ["false"], paths.logs / "broken.log"),
        "never begun": partial(run, ["sleep", "60"], paths.logs / "never.log"),
    }
    with pytest.raises(BundleError, match="`false"):
        pipeline._in_parallel(jobs)
    assert time.monotonic() - begin < 10


def test_a_finished_bundle_is_known_by_its_key(paths: Paths, small_bundle: Path) -> None:
    assert not pipeline.is_finished(paths, "0123" * 16)
    paths.bundles.mkdir(parents=True)
    small_bundle.rename(paths.bundle)
    assert pipeline.is_finished(paths, "0123" * 16)
    assert not pipeline.is_finished(paths, "4567" * 16)


def test_a_bundle_of_these_inputs_is_left_alone(paths: Paths, small_bundle: Path, declared: Recipe) -> None:
    here = replace(paths, source=declared.source)
    content = replace(bundle_contents.read(str(small_bundle)), key=pipeline.inputs(declared, here).key)
    (small_bundle / bundle_lock.NAME).write_text(content.text(), encoding="utf-8")
    paths.bundles.mkdir(parents=True)
    small_bundle.rename(paths.bundle)
    assert pipeline.build(declared, here, Progress()) is False
    assert not (paths.cache.parent / "calls").exists()


def test_a_bundle_without_its_lock_is_not_finished(paths: Paths, small_bundle: Path) -> None:
    paths.bundles.mkdir(parents=True)
    small_bundle.rename(paths.bundle)
    (paths.bundle / bundle_lock.NAME).unlink()
    assert not pipeline.is_finished(paths, "0123" * 16)


@pytest.mark.parametrize("same_key", [False, True])
def test_a_new_bundle_takes_the_place_of_the_former(paths: Paths, tmp_path: Path, same_key: bool) -> None:
    former = paths.bundles / ("4567" if same_key else "0123")
    former.mkdir(parents=True)
    (former / "old").touch()
    paths.bundle.symlink_to(former.name)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    pipeline._exchange(tmp_path / "new", paths.bundles / "4567", paths)
    assert [path.name for path in paths.bundle.iterdir()] == ["file"]
    assert sorted(path.name for path in paths.bundles.iterdir()) == ["4567", "current"]
