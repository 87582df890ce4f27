# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What belongs into a harvest, and archives made by the real tar."""

from __future__ import annotations

import os
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed, run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest import files as harvest_files
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest.files import MEBIBYTE, FilesSpec

ODD = ["a b", "-rf", "new\nline", "quote\"s'", "*", "läm", "back\\slash", os.fsdecode(b"\xff\xfe")]
NFS = "36 35 0:40 / {0} rw,relatime shared:1 - nfs4 server:/export rw\n"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(str(tmp_path / "machine"))


def write(root: Root, path: str, content: str = "x", mode: int = 0o644) -> Path:
    target = Path(root(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
    target.chmod(mode)
    return target


def survey(root: Root, *directories: str, excludes: tuple[str, ...] = (), most: int = MEBIBYTE) -> harvest_files.Survey:
    return harvest_files.survey(root, FilesSpec(directories, excludes, most))


@pytest.mark.parametrize(("path", "pattern", "fits"), [
    ("/root/.thumbs", ".thumbs", True),
    ("/root/x.thumbs", ".thumbs", False),
    ("/root/.kube/cache", ".kube/cache", True),
    ("/root/kube/cache", ".kube/cache", False),
    ("/root/.kube", ".kube/cache", False),
    ("/root/a.iso", "*.iso", True),
    ("/root/.thumbs", "/root/.thumbs", True),
    ("/home/root/.thumbs", "/root/.thumbs", False),
    ("/home/ann/tmp", "/home/*/tmp", True),
    ("/home/ann/b/tmp", "/home/*/tmp", False),
    ("/root/A", "a", False),
    ("/root/[x]", "[[]x]", True),
    ("/root/.thumbs", ".thumbs/", True),
])
def test_a_pattern_fits_the_last_parts_or_the_whole_path(path: str, pattern: str, fits: bool) -> None:
    assert harvest_files.is_excluded(path, (pattern,)) == fits


@pytest.mark.parametrize(("given", "left"), [
    (["/root", "/home"], ["/root", "/home"]),
    (["/home/ann", "/home/", "/home"], ["/home"]),
    (["/home", "/homes"], ["/home", "/homes"]),
    (["/", "/root"], ["/"]),
    (["/srv/../root", "/root"], ["/root"]),
])
def test_a_directory_inside_of_another_is_not_taken_twice(given: list[str], left: list[str]) -> None:
    assert harvest_files.outermost(given) == left


def test_everything_but_what_is_excluded_is_taken(root: Root) -> None:
    write(root, "/root/exercise/a.yml", "12345")
    write(root, "/root/.thumbs/big", "x" * 100)
    write(root, "/root/.kube/config", "1")
    write(root, "/root/.kube/cache/http/1", "x")
    os.symlink("/nowhere", root("/root/dangling"))
    found = survey(root, "/root", excludes=(".thumbs", ".kube/cache"))
    assert found.paths == [
        "/root", "/root/.kube", "/root/dangling", "/root/exercise", "/root/exercise/a.yml", "/root/.kube/config"]
    assert (found.files, found.size, found.left_out) == (3, 6, [])


def test_a_link_to_a_directory_is_not_followed(root: Root) -> None:
    write(root, "/srv/data/large", "x" * 1000)
    Path(root("/root")).mkdir()
    os.symlink(root("/srv/data"), root("/root/data"))
    assert survey(root, "/root").paths == ["/root", "/root/data"]


def test_what_is_no_file_is_named(root: Root) -> None:
    Path(root("/root")).mkdir(parents=True)
    os.mkfifo(root("/root/pipe"))
    assert survey(root, "/root", "/srv/none").left_out == [
        "/root/pipe is a socket, a pipe or a device.", "There is no directory /srv/none."]


@pytest.mark.parametrize(("mount", "left_out", "paths"), [
    ("/root/share", ["/root/share is a file system of another host."], ["/root"]),
    ("/root", ["/root is on a file system of another host (/root)."], []),
    ("/srv", [], ["/root", "/root/share", "/root/share/x"]),
    # The machine itself lives there
    ("/", [], ["/root", "/root/share", "/root/share/x"]),
])
def test_a_file_system_of_another_host_is_not_looked_at(
    root: Root, mount: str, left_out: list[str], paths: list[str]
) -> None:
    write(root, "/root/share/x")
    write(root, "/proc/self/mountinfo", NFS.format(mount))
    found = survey(root, "/root")
    assert (found.left_out, found.paths) == (left_out, paths)


LINE = "36 35 0:40 / {0} rw,relatime shared:1 - {1} source rw\n"


@pytest.mark.parametrize(("asked", "mounted", "left_out", "paths"), [
    ("/home", [("/home", "autofs")], ["/home is on a file system of an automounter (/home)."], []),
    ("/home", [("/data/home", "autofs")], ["/home is on a file system of an automounter (/data/home)."], []),
    ("/home", [("/data", "nfs4")], ["/home is on a file system of another host (/data)."], []),
    ("/home/anna", [("/data/home/anna", "autofs")],
     ["/home/anna is on a file system of an automounter (/data/home/anna)."], []),
    ("/home", [("/data/home/anna", "autofs")], ["/home/anna is a file system of an automounter."], ["/home"]),
    ("/home", [("/data/home/anna", "autofs"), ("/data/home/anna", "nfs4")],
     ["/home/anna is a file system of another host."], ["/home"]),
    # systemd mounts a local disk at the first look, which was before this
    ("/home", [("/data/home", "autofs"), ("/data/home", "ext4")], [], ["/home", "/home/anna", "/home/anna/x"]),
])
def test_no_automount_is_triggered(
    root: Root, monkeypatch: pytest.MonkeyPatch, asked: str, mounted: list[tuple[str, str]], left_out: list[str],
    paths: list[str],
) -> None:
    write(root, "/data/home/anna/x")
    os.symlink("data/home", root("/home"))
    write(root, "/proc/self/mountinfo", "".join(LINE.format(*mount) for mount in mounted))
    looked: list[str] = []
    for name in ("listdir", "lstat"):
        before = getattr(os, name)

        def noted(path: str, before: Callable[[str], object] = before) -> object:
            looked.append(path[len(root.path):])
            return before(path)

        monkeypatch.setattr(os, name, noted)
    found = survey(root, asked)
    assert (found.left_out, found.paths) == (left_out, paths)
    assert bool(paths[1:]) is any(path.startswith("/home/anna") for path in looked)


@pytest.mark.parametrize("directory", ["root", "~", ""])
def test_a_relative_directory_is_refused(root: Root, directory: str) -> None:
    with pytest.raises(ClassroomError, match="absolute path"):
        survey(root, directory)


@pytest.mark.parametrize(("most", "refused"), [(300, False), (299, True)])
def test_too_much_is_refused(root: Root, most: int, refused: bool) -> None:
    write(root, "/root/a", "x" * 300)
    if refused:
        with pytest.raises(ClassroomError, match="too large: expected at most"):
            survey(root, "/root", most=most)
    else:
        assert survey(root, "/root", most=most).size == 300


def test_the_largest_parts_are_named(root: Root) -> None:
    for path, size in (("/home/ann/iso/debian.iso", 50), ("/home/ann/notes", 1), ("/home/bob/x", 2), ("/root/y", 3)):
        write(root, path, "")
        os.truncate(root(path), size * MEBIBYTE)
    with pytest.raises(ClassroomError) as problem:
        survey(root, "/root", "/home", most=10 * MEBIBYTE)
    assert str(problem.value) == (
        "The harvest of this host is too large: expected at most 10.0 MiB, found 56.0 MiB in /root and /home; the "
        "largest are /home/ann/iso/debian.iso with 50.0 MiB, /root/y with 3.0 MiB, /home/bob/x with 2.0 MiB. Exclude "
        "files that are not needed (harvest_excludes), or raise the limit (harvest_max_mb).")


def test_an_archive_gives_back_what_was_there(root: Root, tmp_path: Path) -> None:
    for name in ODD:
        write(root, "/root/" + name, name.encode("utf-8", "replace").decode(), 0o600)
    write(root, "/root/run.sh", "#!/bin/sh\n", 0o4755)
    os.symlink("run.sh", root("/root/link"))
    os.link(root("/root/run.sh"), root("/root/hard"))
    os.truncate(write(root, "/root/sparse"), 20 * MEBIBYTE)
    os.utime(root("/root/run.sh"), (1, 1_000_000_000))
    archive = tmp_path / "place" / "files.tar.gz"
    archive.parent.mkdir()
    found = survey(root, "/root", most=30 * MEBIBYTE)
    harvest_files.pack(root, run, found, str(archive), 60)
    assert found.left_out == [] and sorted(os.listdir(archive.parent)) == ["files.tar.gz"]
    assert archive.stat().st_mode & 0o777 == 0o600 and archive.stat().st_size < MEBIBYTE
    back = tmp_path / "back"
    back.mkdir()
    subprocess.run(["tar", "--extract", "--gzip", "-p", "--file", archive, "--directory", back], check=True)
    assert sorted(os.listdir(back / "root")) == sorted([*ODD, "run.sh", "link", "hard", "sparse"])
    assert (back / "root/run.sh").stat().st_mode & 0o7777 == 0o4755
    assert (back / "root/run.sh").stat().st_mtime == 1_000_000_000
    assert (back / "root/hard").stat().st_nlink == 2 and os.readlink(back / "root/link") == "run.sh"
    assert (back / "root/sparse").stat().st_blocks * 512 < MEBIBYTE
    for name in ODD:
        assert (back / "root" / name).read_bytes() == Path(root("/root/" + name)).read_bytes()


def test_what_vanished_meanwhile_is_named_and_the_rest_archived(root: Root, tmp_path: Path) -> None:
    write(root, "/root/a")
    gone = write(root, "/root/b")
    found = survey(root, "/root")
    gone.unlink()
    harvest_files.pack(root, run, found, str(tmp_path / "x.tar.gz"), 60)
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        assert sorted(archive.getnames()) == ["root", "root/a"]
    assert len(found.left_out) == 1 and "root/b" in found.left_out[0] and found.missing == []


def test_what_cannot_be_read_is_missing(root: Root, tmp_path: Path) -> None:
    write(root, "/root/a")
    found = survey(root, "/root", "/srv/none")
    words = "tar: root/a: Warning: Cannot open: Input/output error"

    def failing(argv: Sequence[str], **_options: Any) -> Completed:
        return Completed(1, "", words + "\ntar: root/b: file changed as we read it")

    harvest_files.pack(root, failing, found, str(tmp_path / "x.tar.gz"), 60)
    assert found.missing == [words] and len(found.left_out) == 3


@pytest.mark.parametrize(("rc", "err"), [
    (2, "tar: -: Cannot write: No space left on device"), (124, "no answer"), (127, "no tar")])
def test_an_archive_that_is_not_whole_is_an_error(root: Root, tmp_path: Path, rc: int, err: str) -> None:
    def broken(argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
               env: Mapping[str, str] | None = None) -> Completed:
        return Completed(rc, "", err)

    write(root, "/root/a")
    with pytest.raises(ClassroomError, match=err):
        harvest_files.pack(root, broken, survey(root, "/root"), str(tmp_path / "x.tar.gz"), 60)
    assert not (tmp_path / "x.tar.gz.list").exists()


def test_a_place_that_is_not_there_is_an_error(root: Root, tmp_path: Path) -> None:
    write(root, "/root/a")
    with pytest.raises(ClassroomError, match="cannot be written"):
        harvest_files.pack(root, run, survey(root, "/root"), str(tmp_path / "none" / "x.tar.gz"), 60)


def test_only_old_leftovers_of_killed_harvests_are_swept(tmp_path: Path) -> None:
    for name in ("classroom-harvest.own", "classroom-harvest.old", "classroom-harvest.new", "classroom.old", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "files.tar.gz").write_text("x")
        if not name.endswith("new"):
            os.utime(tmp_path / name, (0, time.time() - 4000))
    (tmp_path / "classroom-harvest.link").symlink_to(tmp_path / "other")
    assert harvest_files.sweep(str(tmp_path / "classroom-harvest.own")) == [str(tmp_path / "classroom-harvest.old")]
    assert sorted(os.listdir(tmp_path)) == [
        "classroom-harvest.link", "classroom-harvest.new", "classroom-harvest.own", "classroom.old", "other"]
