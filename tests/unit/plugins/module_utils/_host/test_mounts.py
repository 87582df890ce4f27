# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounts below a directory: read from the kernel's table, taken away in order, never waited for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import mounts
from tests.unit.support.own_mounts import apart, mount

HOME = "/var/lib/kubelet"
LINE = "{number} 1 0:{number} / {path} {options} shared:1 - {kind} {source} {superior}\n"


class Kernel:
    """A table of mounts, and what `umount` does to it. `busy` only go lazily, `silent` let whoever asks hang."""

    def __init__(self, base: Path, busy: Sequence[str] = (), silent: Sequence[str] = (), stuck: Sequence[str] = ()):
        self.base, self.busy, self.silent, self.stuck = base, busy, silent, stuck
        self.mounted: list[tuple[str, str]] = []
        self.asked: list[tuple[bool, tuple[str, ...]]] = []
        self.moment = 0.0
        (base / "proc/self").mkdir(parents=True)
        self._write()

    def mount(self, path: str, kind: str = "tmpfs") -> Kernel:
        self.mounted.append((path, kind))
        self._write()
        return self

    def _write(self) -> None:
        lines = [LINE.format(number=number, path=path.replace(" ", "\\040"), options="rw", kind=kind, source=kind,
                             superior="rw") for number, (path, kind) in enumerate(self.mounted, 2)]
        (self.base / "proc/self/mountinfo").write_text("".join(lines))

    def start(self, argv: Sequence[str]) -> Kernel._Child:
        assert list(argv[:3]) == ["umount", "--internal-only", "--no-canonicalize"]
        lazily, paths = "--lazy" in argv, tuple(argv[list(argv).index("--") + 1 :])
        self.asked.append((lazily, paths))
        for path in paths:
            above = any(other != path and other.startswith(path + "/") for other, _kind in self.mounted)
            goes = lazily or not (path in self.busy or path in self.silent or above)
            if goes and path not in self.stuck:
                self.mounted = [one for one in self.mounted if one[0] != path]
        self._write()
        return Kernel._Child(not lazily and any(path in self.silent for path in paths))

    class _Child:
        def __init__(self, hangs: bool) -> None:
            self.hangs = hangs

        def poll(self) -> int | None:
            return None if self.hangs else 0

    def clock(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds

    def unmount(self) -> tuple[list[str], list[str]]:
        lazily, left = mounts.unmount_below(Root(str(self.base)), HOME, self.start, self.clock, self.sleep)
        return [one.mount.path for one in lazily], [one.path for one in left]


def test_the_ordinary_way_is_one_command_with_the_innermost_first(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path).mount("/").mount(HOME).mount(HOME + "/pods/a b").mount(HOME + "/pods/a b/sub")
    assert kernel.unmount() == ([], [])
    assert kernel.asked == [(False, (HOME + "/pods/a b/sub", HOME + "/pods/a b"))]
    assert [path for path, _kind in kernel.mounted] == ["/", HOME]


def test_nothing_mounted_runs_no_command(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path).mount(HOME).mount(HOME + "2/x")
    assert kernel.unmount() == ([], []) and kernel.asked == []


def test_a_busy_one_goes_lazily_and_its_holder_is_named(tmp_path: Path) -> None:
    path = HOME + "/pods/x"
    kernel = Kernel(tmp_path, busy=[path]).mount(path)
    process = tmp_path / "proc/77"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("bash\n")
    (process / "cwd").symlink_to(path + "/deeper")
    (process / "root").symlink_to("/")
    (process / "fd/0").symlink_to("/dev/pts/0")
    lazily, left = mounts.unmount_below(Root(str(tmp_path)), HOME, kernel.start, kernel.clock, kernel.sleep)
    assert [one.holders for one in lazily] == [("bash (77)",)] and left == ()
    assert "bash (77) holds it" in lazily[0].message and path in lazily[0].message


def test_one_that_hangs_costs_its_patience_and_not_the_others(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, silent=[HOME + "/nfs"]).mount(HOME + "/nfs", "nfs4").mount(HOME + "/local")
    assert kernel.unmount() == ([HOME + "/nfs"], [])
    assert kernel.asked[0] == (False, (HOME + "/local",))
    assert 5 <= kernel.moment < 6


def test_one_that_stays_is_returned(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, stuck=[HOME + "/x"]).mount(HOME + "/x").mount(HOME + "/y")
    assert kernel.unmount() == ([], [HOME + "/x"])


@pytest.mark.parametrize(("options", "superior", "read_only"), [
    ("rw,relatime", "rw", False), ("ro,relatime", "rw", True), ("rw", "ro,errors=remount-ro", True),
])
def test_read_only_is_the_mounts_or_the_file_systems(
    tmp_path: Path, options: str, superior: str, read_only: bool
) -> None:
    text = LINE.format(number=2, path="/", options="rw", kind="ext4", source="/dev/vda", superior="rw")
    text += LINE.format(number=3, path="/etc", options=options, kind="ext4", source="/dev/vdb", superior=superior)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(text + "nonsense\n")
    table = mounts.table(Root(str(tmp_path)))
    assert [mount.path for mount in table] == ["/", "/etc"]
    for path, expected in (("/etc", read_only), ("/etc/kubernetes", read_only), ("/etcetera", False)):
        found = mounts.carrier(table, path)
        assert found is not None and found.read_only is expected


def test_a_command_that_hangs_is_left_behind() -> None:
    before = time.monotonic()
    child = mounts.start(["sleep", "5"])
    assert child.poll() is None and time.monotonic() - before < 2
    assert isinstance(child, subprocess.Popen)
    child.kill()
    child.wait()


# Links


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    for path in ("data/lib/kubelet", "var"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "var/lib").symlink_to(tmp_path / "data/lib")
    (tmp_path / "var/back").symlink_to("../var/./lib/../lib")
    (tmp_path / "var/loop").symlink_to("loop")
    return tmp_path


@pytest.mark.parametrize(("path", "real"), [
    ("/var/lib/kubelet", "/data/lib/kubelet"), ("/var/back/kubelet/pods", "/data/lib/kubelet/pods"),
    ("/var/missing/x", "/var/missing/x"), ("/", "/"), ("/var/loop", "/var/loop"),
])
def test_links_are_resolved(linked: Path, path: str, real: str) -> None:
    assert mounts.resolve(Root(str(linked)), (), path) == (real, None)


@pytest.mark.parametrize(("where", "kind", "remote"), [
    ("/data/lib", "nfs4", True), ("/data/lib/kubelet", "autofs", True), ("/data", "fuse.sshfs", True),
    ("/data", "ext4", False), ("/", "nfs", False), ("/srv", "nfs4", False), ("/data/lib/kubelet/x", "nfs", False),
])
def test_a_remote_mount_behind_a_link_is_recognized(linked: Path, where: str, kind: str, remote: bool) -> None:
    mount = mounts.resolve(Root(str(linked)), [mounts.Mount(where, kind, "x", False)], "/var/lib/kubelet")[1]
    assert (mount is not None) is remote


def test_nothing_on_a_remote_mount_is_looked_at(linked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    before = os.readlink

    def noted(path: str) -> str:
        asked.append(path[len(str(linked)):])
        return before(path)

    monkeypatch.setattr(os, "readlink", noted)
    table = [mounts.Mount("/data/lib", "autofs", "x", False)]
    assert mounts.resolve(Root(str(linked)), table, "/var/lib/kubelet") == ("/data/lib/kubelet", table[0])
    assert asked == ["/var", "/var/lib", "/data"]


def test_a_local_file_system_over_an_automounter_is_local(linked: Path) -> None:
    table = [mounts.Mount("/data", "autofs", "systemd-1", False), mounts.Mount("/data", "ext4", "/dev/vdb", False)]
    assert mounts.resolve(Root(str(linked)), table, "/var/lib")[1] is None
    assert mounts.visible(table) == (table[1],)


def test_mounts_behind_a_link_are_unmounted(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path).mount("/").mount("/data/lib/kubelet/pods/x")
    (tmp_path / "data/lib/kubelet").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/lib").symlink_to(tmp_path / "data/lib")
    assert kernel.unmount() == ([], [])
    assert kernel.asked == [(False, ("/data/lib/kubelet/pods/x",))]


def test_real_mounts_behind_a_link_are_unmounted(tmp_path: Path) -> None:
    """A bind mount of a directory that must stay as it is, below a /var/lib that was moved to a data disk."""
    (tmp_path / "export").mkdir()
    (tmp_path / "export/thesis").write_text("x")
    inner = tmp_path / "data/lib/kubelet/pods/1/volumes/nfs"
    inner.mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/lib").symlink_to(tmp_path / "data/lib")

    def act() -> tuple[tuple[str, ...], list[str]]:
        mount("--bind", tmp_path / "export", inner)
        table = mounts.table(Root())
        resolved = mounts.resolve(Root(), table, str(tmp_path / "var/lib/kubelet"))[0]
        seen = tuple(one.path for one in mounts.below(table, resolved))
        assert mounts.unmount_below(Root(), str(tmp_path / "var/lib/kubelet")) == ((), ())
        return seen, os.listdir(inner)

    assert apart(act) == ((str(inner),), [])
    assert (tmp_path / "export/thesis").exists()
