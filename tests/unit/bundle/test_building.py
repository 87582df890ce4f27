# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compiling is resumed, failures are told, and nothing half-written is taken for finished."""

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
from bundle.builder import commands, pipeline, toolchain
from bundle.builder.cache import Paths, remove_unfinished, require_space, unfinished
from bundle.builder.commands import output, run
from bundle.builder.config import Module, Recipe
from bundle.builder.errors import BundleError
from bundle.builder.go_programs import Programs, executable_name
from bundle.builder.progress import Progress
from bundle.builder.toolchain import go_environment, go_version, require_tools

MODULE = Module(
    "etcd",
    "go.etcd.io/etcd/server/v3",
    "v3.6.8",
    {"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"},
)

# Stands in for the Go command: writes what it is asked to build, counts its calls, and fails while a file says so.
GO = """\
#!/bin/sh
case "$1" in
    env)
        if [ "$2" = -json ]; then
            echo "{{\\"GOPROXY\\": \\"$GOPROXY\\", \\"GOSUMDB\\": \\"$GOSUMDB\\"}}"
        else
            echo "$FAKE_GO_VERSION"
        fi
        exit ;;
    list)
        echo {root}/module
        case "$*" in *-deps*) ;; *) exit ;; esac
        echo "$*" >> {root}/downloads
        [ "$(wc -l < {root}/downloads)" -gt "${{FAKE_GO_REFUSALS:-0}}" ]
        exit ;;
esac
echo "$GOFLAGS $CGO_ENABLED $*" >> {root}/calls
echo go.etcd.io/etcd/pkg/types >&2
if [ -e {root}/broken ]; then
    echo "undefined: types" >&2
    exit 1
fi
while [ "$1" != -o ]; do shift; done
echo compiled > "$2/server"
echo compiled > "$2/etcdctl"
"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    source = tmp_path / "source"
    for name in ("etcd", "kubernetes"):
        (source / "go" / name).mkdir(parents=True)
        (source / "go" / name / "go.mod").write_text("module x\n", encoding="utf-8")
        (source / "go" / name / "go.sum").touch()
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "LICENSE.md").write_text("a license", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(GO.format(root=tmp_path), encoding="utf-8")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.26.8")
    return Paths(tmp_path / "cache", source)


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
    with pytest.raises(BundleError, match=r"(?s)undefined: types.*the next build goes on from here"):
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


def test_go_writes_into_the_cache_only(paths: Paths) -> None:
    environment = go_environment(paths)
    assert environment["GOMODCACHE"].startswith(str(paths.cache))
    assert environment["GOCACHE"].startswith(str(paths.cache))


@pytest.mark.parametrize(("database", "expected"), [
    ("off", ""), ("sum.example.org+1+key", ""), ("sum.example.org+1+key https://mirror.example", ""), ("", ""),
    ("sum.example.org", "sum.example.org"),
    ("sum.example.org https://mirror.example", "sum.example.org https://mirror.example"),
])
def test_settings_of_the_user_do_not_reach_a_build(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, database: str, expected: str,
) -> None:
    for name, value in {
        "GOSUMDB": database, "GOPROXY": "https://proxy.example,direct", "GONOSUMDB": "*", "GOPRIVATE": "*",
        "GOINSECURE": "*", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOOS": "plan9", "CGO_CFLAGS": "-O0",
    }.items():
        monkeypatch.setenv(name, value)
    toolchain._network_settings.cache_clear()
    environment = go_environment(paths)
    toolchain._network_settings.cache_clear()
    assert environment["GOPROXY"] == "https://proxy.example,direct" and environment["GOSUMDB"] == expected
    assert {environment[name] for name in ("GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOOS", "CGO_CFLAGS")} == {""}
    assert (environment["GOENV"], environment["GOTOOLCHAIN"]) == ("off", "auto")
    assert environment["GOFLAGS"] == "-modcacherw"


@pytest.mark.parametrize(
    ("found", "fits"), [("go1.26.6", True), ("go1.27.0", True), ("go1.26.5", False), ("go1.9", False)]
)
def test_an_old_go_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch, found: str, fits: bool) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", found)
    if fits:
        assert go_version(paths, "1.26.6") == found
    else:
        with pytest.raises(BundleError, match=f"wanted Go 1.26.6 or newer; found {found}"):
            go_version(paths, "1.26.6")


def test_a_missing_go_is_told(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BundleError, match="no go command in PATH"):
        go_version(paths, "1.26.6")


def test_missing_tools_are_told_together(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BundleError, match=r"mmdebstrap \(Debian: mmdebstrap\), zstd"):
        require_tools()


def test_too_little_space_is_told_before(paths: Paths) -> None:
    require_space(paths, 0)
    with pytest.raises(BundleError, match=r"1000000000 GiB free below .* CLASSROOM_CACHE"):
        require_space(paths, 10**9)


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


def test_what_killed_builds_left_is_cleared_away(paths: Paths) -> None:
    for directory in (paths.bundles, paths.programs, paths.work):
        directory.mkdir(parents=True, exist_ok=True)
    unfinished(paths.bundles / "0123").mkdir()
    unfinished(paths.programs / "etcd-0123").mkdir()
    unfinished(paths.work / "base-0123.tar").touch()
    (paths.programs / "etcd-4567").mkdir()
    remove_unfinished(paths)
    assert [path.name for path in paths.programs.iterdir()] == ["etcd-4567"]
    assert list(paths.work.iterdir()) == []
    assert list(paths.bundles.iterdir()) == []


def test_a_quick_command_that_fails_is_told() -> None:
    with pytest.raises(BundleError, match="no/such/file"):
        output(["cat", "/no/such/file"])


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
    assert calls(paths) == []


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
