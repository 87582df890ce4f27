# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key changes exactly when an input does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bundle.builder.cache_key import key_of, source_files
from bundle.builder.config import load
from bundle.builder.distributions import selected
from bundle.builder.pipeline import Inputs

SOURCE = Path(__file__).resolve().parents[3] / "bundle"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources that a test may change."""
    return Path(shutil.copytree(SOURCE, tmp_path / "bundle", ignore=shutil.ignore_patterns("__pycache__")))


def key(source: Path, go: str = "go1.26.8", architecture: str = "amd64", distributions: list[str] | None = None) -> str:
    recipe = load(source)
    return Inputs(recipe, go, architecture, selected(recipe, distributions)).key


def test_equal_sources_in_different_places_have_one_key(copy: Path) -> None:
    assert key(copy) == key(SOURCE)


@pytest.mark.parametrize(
    "name",
    [
        "versions.yml",
        "programs.yml",
        "images.yml",
        "go/etcd/go.sum",
        "packages/kubelet.yaml",
        "packages/files/kubelet.service",
        "distributions.yml",
        "resolve-packages",
        "builder/oci.py",
    ],
)
def test_a_changed_file_changes_the_key(copy: Path, name: str) -> None:
    before = key(copy)
    with (copy / name).open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    assert key(copy) != before


def test_an_added_file_changes_the_key(copy: Path) -> None:
    before = key(copy)
    (copy / "packages" / "files" / "new.conf").touch()
    assert key(copy) != before


@pytest.mark.parametrize("name", ["README.md", "builder/__pycache__/oci.cpython-311.pyc"])
def test_what_is_not_built_from_does_not_change_the_key(copy: Path, name: str) -> None:
    before = key(copy)
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("other", encoding="utf-8")
    assert key(copy) == before


@pytest.mark.parametrize("change", [{"go": "go1.26.9"}, {"architecture": "arm64"}, {"distributions": []}])
def test_another_compiler_or_choice_changes_the_key(change: dict[str, Any]) -> None:
    assert key(SOURCE, **change) != key(SOURCE)


def test_a_renamed_file_changes_a_key(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("same", encoding="utf-8")
    before = key_of([], source_files(tmp_path), tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    assert key_of([], source_files(tmp_path), tmp_path) != before
