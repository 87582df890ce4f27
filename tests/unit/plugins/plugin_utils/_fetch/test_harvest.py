# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of hosts: those of GNU tar and of the modules, and what a hostile host makes."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._harvest.objects import Harvest, write_archive
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch import archive, harvest
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch.destination import opened

HOMES = ["/root", "/home"]


def member(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: Any,
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def packed(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=form) as written:
        for info, content in members:
            written.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def listed(content: bytes, directories: Sequence[str] = tuple(HOMES), max_mb: int = 1) -> list[str]:
    return harvest.strangers(io.BytesIO(content), directories, max_mb)


def test_an_archive_of_gnu_tar_has_no_strangers(tmp_path: Path) -> None:
    home = tmp_path / "home" / "łukasz"
    home.mkdir(parents=True)
    (home / ("long-" * 40)).write_text("x" * 3000)
    (home / os.fsdecode(b"\xff")).write_text("")
    (home / "new\nline").write_text("")
    (home / "absolute").symlink_to("/etc/passwd")
    with (home / "sparse").open("wb") as stream:
        stream.truncate(1 << 20)
        stream.write(b"begin")
    os.link(home / "sparse", home / "same")
    subprocess.run(["tar", "--create", "--gzip", "--format", "posix", "--sparse", "--file", tmp_path / "files.tar.gz",
                    "--directory", tmp_path, "home"], check=True)
    content = (tmp_path / "files.tar.gz").read_bytes()
    assert listed(content) == []
    names = [found.name for found in archive.Archive(io.BytesIO(content), 1 << 24, 100).members()]
    assert sorted(name.rstrip("/") for name in names) == sorted(
        str(path.relative_to(tmp_path)) for path in (tmp_path / "home", home, *home.iterdir()))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(("name", "more", "reason"), [
    ("etc/cron.d/x", {}, "outside of the harvested directories"),
    ("rootkit", {}, "outside of the harvested directories"),
    ("/home/a", {}, "the name is not plain"),
    ("home/../etc/x", {}, "the name is not plain"),
    ("home//a", {}, "the name is not plain"),
    ("home/a", {"kind": tarfile.CHRTYPE}, "a device"),
    ("home/a", {"kind": tarfile.FIFOTYPE}, "a device"),
    ("home/a", {"kind": tarfile.LNKTYPE, "linkname": "etc/shadow"}, "a hard link to something outside"),
    ("home/a", {"kind": tarfile.LNKTYPE, "linkname": "home/../etc/shadow"}, "a hard link to something outside"),
    ("home/sh", {"mode": 0o4755}, "set-user-ID"),
    ("home/" + "deep/" * 30 + "\x1b[2J", {"mode": 0o4755}, "set-user-ID"),
    ("home/" + "deep/" * 30 + "a", {}, ""),
    ("root", {"kind": tarfile.DIRTYPE}, ""),
    ("home/a", {"kind": tarfile.SYMTYPE, "linkname": "/etc"}, ""),
    ("home/a", {"kind": tarfile.LNKTYPE, "linkname": "home/b"}, ""),
])
def test_strangers_are_named(name: str, more: dict[str, Any], reason: str, form: int) -> None:
    found = listed(packed(member("home/b", content=b"x" * 1000), member(name, **more), form=form))
    assert len(found) == bool(reason)
    assert all(reason in message and "\x1b" not in message for message in found)


def test_what_is_behind_a_link_of_the_archive_is_a_stranger() -> None:
    found = listed(packed(member("home/a", tarfile.SYMTYPE, linkname="/etc"), member("home/a/cron.d/x")))
    assert found == ["'home/a/cron.d/x': behind a link of the archive"]


def test_of_many_strangers_the_first_are_named() -> None:
    found = listed(packed(*(member(f"etc/{number}") for number in range(100))))
    assert len(found) == 21 and found[-1] == "80 more"


def hidden() -> bytes:
    """GNU tar warns of a lone block of zeros and goes on."""
    plain = gzip.decompress(packed(member("home/a")))[:512]
    return gzip.compress(plain + bytes(512) + gzip.decompress(packed(member("etc/x"))))


def pax_bomb() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    return gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))


def with_checksum(change: Any) -> bytes:
    block = bytearray(tarfile.TarInfo("home/a").tobuf())
    change(block)
    return gzip.compress(tarfile.TarInfo("home/b").tobuf() + bytes(block) + bytes(1024))


@pytest.mark.parametrize(("content", "reason"), [
    (gzip.compress(bytes(1024)) + gzip.compress(b"x" + bytes(1023)), "has data after its end"),
    (hidden(), "has data after its end"),
    (pax_bomb(), "has a header of more than"),
    (packed(member("home/zeros", content=bytes(80 << 20))), "holds more than"),
    (with_checksum(lambda block: block.__setitem__(0, 66)), "has a header that cannot be read"),
    (with_checksum(lambda block: block.__setitem__(slice(124, 135), b"9" * 11)), "has a header that cannot be read"),
], ids=["two archives", "hidden member", "pax bomb", "zip bomb", "checksum", "size"])
def test_an_archive_with_more_than_is_read_says_so(content: bytes, reason: str) -> None:
    found = listed(content)
    assert len(found) == 1 and found[0].startswith("files.tar.gz cannot be listed to its end: it " + reason)


def test_too_many_members_are_not_read() -> None:
    content = packed(*(member(f"home/{number}") for number in range(20)))
    with pytest.raises(archive.NotListed, match="more than 10 members"):
        list(archive.Archive(io.BytesIO(content), 1 << 24, 10).members())


@pytest.mark.parametrize("content", [
    b"", b"no gzip at all", packed(member("home/a", content=os.urandom(5000)))[:-2000], gzip.compress(b""),
    gzip.compress(gzip.decompress(packed(member("home/a", content=b"x" * 5000)))[:3000]),
    gzip.compress(b"x" * 1000),
])
def test_a_damaged_archive_is_an_error(content: bytes) -> None:
    with pytest.raises(ClassroomError, match=r"it is ((damaged or )?cut off|not a tar archive)"):
        listed(content)


def test_manifests_get_the_names_of_their_namespaces(tmp_path: Path) -> None:
    found = Harvest({"student": [{"kind": "Namespace"}], "a" * 63: [{"kind": "Pod"}]})
    stream = io.BytesIO()
    write_archive(found, stream)
    stream.seek(0)
    with opened(str(tmp_path)) as directory:
        assert harvest.write_manifests(stream, directory, 1) == ["student", "a" * 63]
    assert (tmp_path / "student.yml").read_text() == "kind: Namespace\n"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("members", [
    [member("../../../../site.json")],
    [member("/etc/cron.d/x.json")],
    [member("a/b.json")],
    [member("student.sh")],
    [member("student.yml")],
    [member("student")],
    [member(".json")],
    [member("Student.json")],
    [member("student.json"), member("student.json")],
    [member("student.json", tarfile.SYMTYPE, linkname="/etc/passwd")],
    [member("student.json", tarfile.DIRTYPE)],
    [member("a" * 64 + ".json")],
], ids=lambda members: members[-1][0].name)
def test_a_manifest_of_another_name_is_rejected(tmp_path: Path, members: list[Any]) -> None:
    place = tmp_path / "a" / "b"
    with opened(str(place), create=True) as directory, \
            pytest.raises(ClassroomError, match="that is not one file for a namespace"):
        harvest.write_manifests(io.BytesIO(packed(*members)), directory, 1)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) in ([], ["student.yml"])


def test_manifests_beyond_the_limit_are_rejected(tmp_path: Path) -> None:
    with opened(str(tmp_path)) as directory, pytest.raises(ClassroomError, match="it holds more than"):
        line = b'{"a": "' + b"x" * (1 << 20) + b'"}\n'
        harvest.write_manifests(io.BytesIO(packed(member("a.json", content=line * 13))), directory, 2)


def test_damaged_objects_are_rejected(tmp_path: Path) -> None:
    with opened(str(tmp_path)) as directory, pytest.raises(ClassroomError, match="cannot be read as JSON"):
        harvest.write_manifests(io.BytesIO(packed(member("a.json", content=b"- hosts: all\n"))), directory, 1)
