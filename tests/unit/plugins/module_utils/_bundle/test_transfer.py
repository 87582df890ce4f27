# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bundle on its way to a machine: what is sent, what is kept, and when the served one gives way."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.transfer import (
    TransferSpec,
    batches,
    finish,
    is_there,
    missing,
    receive,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from tests.unit.support.fake_bundle import Bundle, locked_bundle

PAUSE = {"registry.k8s.io/pause:3.10.2": (b"pause",)}
MORE = {**PAUSE, "ghcr.io/flannel-io/flannel:v0.28.4": (b"flannel",)}


def spec(bundle: Bundle, dest: Path) -> TransferSpec:
    directory = bundle.directory
    names = bundle_lock.read(str(directory)).files
    text = (directory / bundle_lock.NAME).read_text(encoding="utf-8")
    return TransferSpec(str(dest), text, {name: (directory / name).stat().st_size for name in names})


def send(bundle: Bundle, wanted: TransferSpec, names: list[str], way: Path) -> None:
    """What the controller does: a copy of each file somewhere on the machine, which is then taken."""
    way.mkdir(exist_ok=True)
    arrived = {name: str(way / str(number)) for number, name in enumerate(names)}
    for name, path in arrived.items():
        Path(path).write_bytes((bundle.directory / name).read_bytes())
    receive(wanted, arrived)


def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def stamp(tmp_path: Path) -> str:
    return str(tmp_path / "stamp.json")


@pytest.fixture
def first(tmp_path: Path) -> Bundle:
    return locked_bundle(tmp_path / "first", PAUSE)


@pytest.fixture
def second(tmp_path: Path) -> Bundle:
    return locked_bundle(tmp_path / "second", MORE)


@pytest.fixture
def dest(tmp_path: Path, first: Bundle) -> Path:
    """The first bundle as it is served."""
    target = tmp_path / "srv"
    wanted = spec(first, target)
    send(first, wanted, missing(wanted), tmp_path / "way")
    finish(wanted, stamp(tmp_path))
    return target


def test_all_of_a_first_bundle_is_sent(tmp_path: Path, first: Bundle) -> None:
    target = tmp_path / "srv"
    wanted = spec(first, target)
    assert not is_there(wanted, stamp(tmp_path)) and not target.exists()
    names = missing(wanted)
    assert set(names) == set(wanted.sizes) and not target.exists()
    send(first, wanted, names, tmp_path / "way")
    assert not is_there(wanted, stamp(tmp_path))
    finish(wanted, stamp(tmp_path))
    assert is_there(wanted, stamp(tmp_path))
    assert tree(target) == tree(first.directory)


def test_only_what_is_new_of_a_second_one(dest: Path, first: Bundle, second: Bundle, tmp_path: Path) -> None:
    shared = next(path for path in tree(dest) if tree(dest)[path] == b"pause")
    inode = (dest / shared).stat().st_ino
    wanted = spec(second, dest)
    names = missing(wanted)
    assert shared not in names and 0 < len(names) < len(wanted.sizes)
    send(second, wanted, names, tmp_path / "way")
    assert tree(dest).keys() >= tree(first.directory).keys()
    finish(wanted, stamp(tmp_path))
    assert tree(dest) == tree(second.directory)
    # Neither sent nor stored twice
    assert (dest / shared).stat().st_ino == inode
    assert missing(spec(first, dest)) == [] or set(missing(spec(first, dest))) <= set(tree(first.directory))


def test_an_interrupted_copy_is_picked_up(dest: Path, second: Bundle, tmp_path: Path) -> None:
    wanted = spec(second, dest)
    names = missing(wanted)
    send(second, wanted, names[:2], tmp_path / "way")
    # Half of a file, as a broken connection leaves it
    half = Path(wanted.incoming, names[2] + ".part")
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"x")
    assert missing(wanted) == names[2:]
    send(second, wanted, names[2:], tmp_path / "way")
    finish(wanted, stamp(tmp_path))
    assert tree(dest) == tree(second.directory)


def test_a_change_that_was_cut_off_is_done_again(dest: Path, second: Bundle, tmp_path: Path) -> None:
    wanted = spec(second, dest)
    send(second, wanted, missing(wanted), tmp_path / "way")
    # Killed when the images had been exchanged and the lock had not
    os.rename(dest / "oci", tmp_path / "gone")
    os.rename(Path(wanted.incoming, "oci"), dest / "oci")
    assert not is_there(wanted, stamp(tmp_path))
    send(second, wanted, missing(wanted), tmp_path / "way")
    finish(wanted, stamp(tmp_path))
    assert tree(dest) == tree(second.directory)


def damage(name: str) -> Callable[[Path], None]:
    def act(directory: Path) -> None:
        path = directory / name
        path.write_bytes(b"X" + path.read_bytes()[1:])

    return act


def test_a_damaged_file_is_named_and_the_served_bundle_stays(
    dest: Path, first: Bundle, second: Bundle, tmp_path: Path
) -> None:
    wanted = spec(second, dest)
    names = missing(wanted)
    damage(names[-1])(second.directory)
    with pytest.raises(ClassroomError) as caught:
        send(second, wanted, names, tmp_path / "way")
    assert str(caught.value).startswith(f"{names[-1]}: expected sha256")
    assert "The bundle that is served stays" in str(caught.value)
    served = {name: content for name, content in tree(dest).items() if not name.startswith(".incoming/")}
    assert served == tree(first.directory)


def test_a_served_file_that_was_damaged_is_sent_again(dest: Path, first: Bundle, second: Bundle) -> None:
    wanted = spec(second, dest)
    shared = sorted(set(wanted.sizes) - set(missing(wanted)))[0]
    damage(shared)(dest)
    assert shared in missing(wanted)


@pytest.mark.parametrize("change", [
    lambda path: path.unlink(),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(bytes(path.stat().st_size)),
])
def test_a_served_bundle_with_a_file_that_is_gone_is_not_there(
    dest: Path, first: Bundle, change: Callable[[Path], object]
) -> None:
    wanted = spec(first, dest)
    assert is_there(wanted, stamp(dest.parent))
    name = sorted(wanted.sizes)[0]
    change(dest / name)
    assert not is_there(wanted, stamp(dest.parent))
    assert missing(wanted) == [name]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "apt/../../x", ".incoming/x", "a//b", "./x"])
def test_a_lock_that_points_outside(tmp_path: Path, name: str) -> None:
    text = "schema: 1\nimages:\nfiles:\n  {}: {}\n".format(name, "0" * 64)
    with pytest.raises(ClassroomError, match="names files outside of its bundle"):
        missing(TransferSpec(str(tmp_path / "srv"), text, {name: 1}))


def test_no_room(first: Bundle, tmp_path: Path) -> None:
    wanted = spec(first, tmp_path / "srv")
    sizes: Mapping[str, int] = dict.fromkeys(wanted.sizes, 1 << 60)
    with pytest.raises(ClassroomError, match=r"MiB free in .*/srv for the files of the bundle, found"):
        missing(TransferSpec(wanted.dest, wanted.text, sizes))
    assert not (tmp_path / "srv").exists()


@pytest.mark.parametrize("where", ["srv", "registry"])
def test_no_room_for_the_images_of_the_registry(first: Bundle, tmp_path: Path, where: str) -> None:
    """Before anything is sent, and not for layers that the registry has."""
    wanted = replace(spec(first, tmp_path / "srv"), storage=str(tmp_path / where))
    blobs = [name for name in wanted.sizes if name.startswith("oci/blobs/sha256/")]
    huge = replace(wanted, sizes={**wanted.sizes, blobs[0]: 1 << 60})
    with pytest.raises(ClassroomError, match=rf"MiB free in .*/{where} for the files of the bundle and the images of"):
        missing(huge)
    digest = blobs[0].rpartition("/")[2]
    served = tmp_path / where / "docker/registry/v2/blobs/sha256" / digest[:2] / digest
    served.mkdir(parents=True)
    (served / "data").touch()
    with pytest.raises(ClassroomError, match=r"MiB free in .* for the files of the bundle"):
        missing(huge)
    assert set(blobs) <= set(missing(wanted))


@pytest.mark.parametrize(("sizes", "expected"), [
    ({}, []),
    ({"a": 1, "b": 2}, [["a", "b"]]),
    ({"a": 4, "b": 6, "c": 1}, [["a", "b"], ["c"]]),
    ({"a": 99, "b": 1}, [["a"], ["b"]]),
    ({"a": 1, "b": 99, "c": 1}, [["a"], ["b"], ["c"]]),
])
def test_batches(sizes: dict[str, int], expected: list[list[str]]) -> None:
    assert batches(list(sizes), sizes, 10) == expected
