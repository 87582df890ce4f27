# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compiling is resumed, and what was made of other inputs is made again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bundle.builder import commands
from bundle.builder.cache import Paths
from bundle.builder.config import Module
from bundle.builder.errors import BundleError
from bundle.builder.go_programs import Programs, executable_name
from bundle.builder.progress import Progress

MODULE = Module(
    "etcd",
    "go.etcd.io/etcd/server/v3",
    "v3.6.8",
    {"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"},
)


def calls(paths: Paths) -> list[str]:
    log = paths.cache.parent / "calls"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_programs_have_their_names_and_bring_their_license(paths: Paths) -> None:
    directory = Programs(paths, "go1.26.8").build(MODULE, Progress())
    assert sorted(path.name for path in directory.iterdir()) == ["LICENSE", "etcd", "etcdctl"]


def test_what_is_built_is_not_built_again(paths: Paths) -> None:
    programs = Programs(paths, "go1.26.8")
    assert programs.build(MODULE, Progress()) == programs.build(MODULE, Progress())
    assert len(calls(paths)) == 1


def test_the_checksums_in_go_sum_are_binding(paths: Paths) -> None:
    Programs(paths, "go1.26.8").build(MODULE, Progress())
    assert calls(paths)[0].startswith("-modcacherw 0 build -v -trimpath -mod=readonly")


def test_a_failed_compilation_is_told_and_taken_up_again(paths: Paths) -> None:
    programs = Programs(paths, "go1.26.8")
    broken = paths.cache.parent / "broken"
    broken.touch()
    with pytest.raises(BundleError, match=r"(?s)undefined: types.*the next build continues from here"):
        programs.build(MODULE, Progress())
    assert not programs.directory(MODULE).exists()
    broken.unlink()
    assert programs.build(MODULE, Progress()).is_dir()


@pytest.mark.parametrize(("refusals", "downloads", "good"), [(0, 1, True), (1, 2, True), (2, 2, False)])
def test_a_failed_download_is_tried_once_more(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, refusals: int, downloads: int, good: bool
) -> None:
    monkeypatch.setattr(commands, "DOWNLOAD_PAUSE", 0.0)
    monkeypatch.setenv("FAKE_GO_REFUSALS", str(refusals))
    if good:
        Programs(paths, "go1.26.8").build(MODULE, Progress())
    else:
        with pytest.raises(BundleError, match="`go list -deps"):
            Programs(paths, "go1.26.8").build(MODULE, Progress())
    assert len((paths.cache.parent / "downloads").read_text(encoding="utf-8").splitlines()) == downloads
    assert len(calls(paths)) == (1 if good else 0)


def test_a_new_version_replaces_the_former_programs(paths: Paths) -> None:
    programs = Programs(paths, "go1.26.8")
    former = programs.build(MODULE, Progress())
    neighbour = paths.programs / "etcd-extra-0123456789abcdef"
    neighbour.mkdir()
    present = programs.build(replace(MODULE, version="v3.6.9"), Progress())
    assert present != former
    assert sorted(paths.programs.iterdir()) == sorted([present, neighbour])


@pytest.mark.parametrize("change", [{"version": "v3.6.9"}, {"cgo": True}, {"tags": ("x",)}, {"ldflags": ("-X a=b",)}])
def test_other_flags_are_another_build(paths: Paths, change: dict[str, Any]) -> None:
    programs = Programs(paths, "go1.26.8")
    changed = replace(MODULE, **change)
    assert programs.directory(changed) != programs.directory(MODULE)


def test_another_go_or_go_sum_is_another_build(paths: Paths) -> None:
    directory = Programs(paths, "go1.26.8").directory(MODULE)
    assert Programs(paths, "go1.27.0").directory(MODULE) != directory
    (paths.source / "go" / "etcd" / "go.sum").write_text("x v1 h1:=\n", encoding="utf-8")
    assert Programs(paths, "go1.26.8").directory(MODULE) != directory


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("go.etcd.io/etcd/server/v3", "server"),
        ("github.com/containerd/containerd/v2/cmd/ctr", "ctr"),
        ("github.com/coredns/coredns", "coredns"),
    ],
)
def test_names_of_executables_are_gos(package: str, name: str) -> None:
    assert executable_name(package) == name
