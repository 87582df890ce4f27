# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle from parts to a stick and back: real packages, tools and signatures, images of a few bytes."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import archive as bundle_archive
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import gpg
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.destination import BundleDestination
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space, run_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.modules.bundle_archive import main as archive_main
from ansible_collections.classroom.kubeadm.plugins.modules.bundle_seal import main as seal_main
from tests.unit.support import small_packages
from tests.unit.support.small_images import Images

Run = Callable[..., dict[str, Any]]

PAUSE = "registry.k8s.io/pause:3.10.2"
APP = "quay.io/course/app:1"
DEB = "apt/pool/tool_1.0-1.1_all.deb"
RPM = "rpm/pool/tool-1.0-1.1.noarch.rpm"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages of both families, a kubectl and a signing key that are the same for all tests."""
    directory = tmp_path_factory.mktemp("parts")
    small_packages.deb(directory / "pool", "tool", "1.0-1.1")
    small_packages.rpm(directory / "pool", "tool", "1.0-1.1")
    (directory / "kubectl").write_text("#!/bin/sh\n", encoding="utf-8")
    (directory / "kubectl").chmod(0o755)
    return directory


@pytest.fixture
def images(tmp_path: Path) -> Images:
    made = Images(tmp_path / "images")
    made.add(PAUSE, b"a layer")
    return made


@pytest.fixture
def options(parts: Path, images: Images, tmp_path: Path) -> dict[str, Any]:
    """What bundle_seal is told for a bundle of one image and a package of each family."""
    return {
        "path": str(tmp_path / "bundle"),
        "packages": sorted(str(path) for path in (parts / "pool").iterdir()),
        "images": [PAUSE],
        "layout": str(images.layout),
        "image_lock": str(images.lock),
        "kubectl": str(parts / "kubectl"),
        "versions": {"kubernetes": "v1.36.3"},
        "architecture": "amd64",
        "signing_key": str(parts / "signing" / "secret.asc"),
    }


@pytest.fixture
def bundle(run_main: Run, options: dict[str, Any]) -> Path:
    assert not run_main(seal_main, options)["failed"]
    return Path(options["path"])


@pytest.fixture
def packed(run_main: Run, bundle: Path, tmp_path: Path) -> Path:
    archive = tmp_path / "stick" / "bundle.tar.zst"
    archive.parent.mkdir()
    result = run_main(archive_main, {"bundle": str(bundle), "archive": str(archive)})
    assert (result["failed"], result["changed"]) == (False, True)
    (archive.parent / "signer").write_text(result["signer"], encoding="utf-8")
    return archive


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB; what is spared for others is none, so that it can be filled."""
    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "small", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)


def lock_of(bundle: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((bundle / bundle_lock.NAME).read_text(encoding="utf-8"))
    return content


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def unpacking(packed: Path, tmp_path: Path, **more: Any) -> dict[str, Any]:
    signer = (packed.parent / "signer").read_text(encoding="utf-8")
    asked = {"archive": str(packed), "bundle": str(tmp_path / "unpacked"), "state": "unpacked", "signed_by": [signer]}
    return {**asked, **more}


# Sealing


def test_check_mode_predicts_the_bundle_and_a_second_run_has_nothing_to_do(
    run_main: Run, options: dict[str, Any], images: Images
) -> None:
    Path(options["signing_key"]).unlink(missing_ok=True)
    predicted = run_main(seal_main, options, check=True)
    assert not Path(options["path"]).exists() and not Path(options["signing_key"]).exists()
    made = run_main(seal_main, options)
    again = [run_main(seal_main, options, check=check) for check in (True, False)]

    assert (predicted["changed"], made["changed"]) == (True, True)
    assert [(result["changed"], result["key"]) for result in again] == [(False, made["key"])] * 2
    assert made["images"] == images.digests
    assert made["packages"] == [DEB, RPM]


def test_with_all_parts_and_the_key_check_mode_knows_the_result(run_main: Run, options: dict[str, Any]) -> None:
    first = run_main(seal_main, options)
    shutil.rmtree(options["path"])
    predicted = run_main(seal_main, options, check=True)
    assert not Path(options["path"]).exists()
    assert {key: predicted[key] for key in ("changed", "key", "signer", "images", "packages")} == {
        key: first[key] for key in ("changed", "key", "signer", "images", "packages")
    }


def test_the_lock_says_all_and_agrees_with_that_of_the_images(bundle: Path, images: Images) -> None:
    lock = lock_of(bundle)
    assert lock["images"] == images.digests
    assert lock["versions"] == {"kubernetes": "v1.36.3"}
    assert lock["architecture"] == "amd64"
    assert {package["file"] for package in lock["packages"]} == {DEB, RPM}
    assert {DEB, RPM, "bin/kubectl", "apt/InRelease", "rpm/repodata/repomd.xml.asc", "oci/index.json"} < set(
        lock["files"])
    assert os.access(bundle / "bin" / "kubectl", os.X_OK)
    assert bundle_lock.all_problems(str(bundle), bundle_lock.read(str(bundle))) == []


def test_skopeo_reads_the_images_by_their_names(bundle: Path, images: Images) -> None:
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{bundle}/oci:{PAUSE}"], capture_output=True, check=True)
    assert f"sha256:{hashlib.sha256(done.stdout).hexdigest()}" == images.digests[PAUSE]


@pytest.mark.parametrize("damage", ["file", "missing", "stranger", "signature"])
def test_a_changed_bundle_is_named_and_created_again(
    run_main: Run, options: dict[str, Any], bundle: Path, damage: str
) -> None:
    touched = bundle / {"stranger": "apt/more", "signature": bundle_lock.SIGNATURE}.get(damage, DEB)
    if damage == "missing":
        touched.unlink()
    else:
        # Never into a file that other names have, too
        touched.unlink(missing_ok=True)
        touched.write_bytes(b"touched")
    named = str(bundle / bundle_lock.NAME if damage == "signature" else touched)

    verified = run_main(seal_main, {"path": str(bundle), "state": "verified"})
    assert verified["failed"] and named in verified["msg"]
    anew = run_main(seal_main, options)
    assert anew["changed"] and named in anew["diff"]["after"]
    assert not run_main(seal_main, {"path": str(bundle), "state": "verified"})["failed"]


def test_another_key_is_another_bundle(run_main: Run, options: dict[str, Any], bundle: Path, tmp_path: Path) -> None:
    first = run_main(seal_main, options)["signer"]
    changed = run_main(seal_main, {**options, "signing_key": str(tmp_path / "other.asc")})
    assert changed["changed"] and changed["signer"] != first
    refused = run_main(seal_main, {"path": str(bundle), "state": "verified", "signed_by": [first]})
    assert refused["failed"]
    assert f"signed by {first}, found one signed by {changed['signer']}" in refused["msg"]


def test_fingerprints_may_have_blanks_but_must_be_whole(run_main: Run, options: dict[str, Any], bundle: Path) -> None:
    signer = run_main(seal_main, options)["signer"]
    spaced = " ".join([signer[:20], signer[20:]]).lower()
    assert not run_main(seal_main, {"path": str(bundle), "state": "verified", "signed_by": [spaced]})["failed"]
    short = run_main(seal_main, {"path": str(bundle), "state": "verified", "signed_by": [signer[-16:]]})
    assert short["failed"] and "whole fingerprints" in short["msg"]


@pytest.mark.parametrize("form", ["absent", "directory", "link", "empty", "dangling"])
def test_the_place_of_a_bundle(run_main: Run, options: dict[str, Any], tmp_path: Path, form: str) -> None:
    place = Path(options["path"])
    former = tmp_path / "former"
    if form in ("directory", "link"):
        run_main(seal_main, {**options, "path": str(former), "images": []})
    if form == "directory":
        former.rename(place)
    elif form == "link":
        place.symlink_to("former")
    elif form == "dangling":
        place.symlink_to("nowhere")
    elif form == "empty":
        place.mkdir()

    result = run_main(seal_main, options)

    assert not result["failed"], result
    assert lock_of(place)["key"] == result["key"]
    assert place.is_symlink() is (form in ("link", "dangling"))
    # A link is moved, what it named stays
    assert former.exists() is (form == "link")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_place_with_other_things_is_refused(run_main: Run, options: dict[str, Any]) -> None:
    place = Path(options["path"])
    place.mkdir()
    (place / "letters").touch()
    result = run_main(seal_main, options)
    assert result["failed"] and "found something else there" in result["msg"]
    assert [path.name for path in place.iterdir()] == ["letters"]


def test_a_run_that_was_killed_between_the_two_renames_is_put_right(
    run_main: Run, options: dict[str, Any], bundle: Path
) -> None:
    bundle.rename(bundle.with_name(f".{bundle.name}.former"))
    (bundle.parent / f".{bundle.name}.making").mkdir()
    result = run_main(seal_main, options)
    assert not result["failed"] and not result["changed"]
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["bundle", "bundle.signed-by", "images"]


def test_two_runs_at_once_are_refused(run_main: Run, options: dict[str, Any], bundle: Path) -> None:
    place = BundleDestination(str(bundle))
    before = files_of(bundle)
    with run_lock.alone(str(bundle.parent / f".{place.name}.running"), "it", 0, lambda _words: None):
        result = run_main(seal_main, {**options, "images": []})
    assert result["failed"] and "Another run is using" in result["msg"]
    assert files_of(bundle) == before


# Extending


def test_another_bundle_is_extended_and_left_as_it_is(
    run_main: Run, options: dict[str, Any], bundle: Path, images: Images, tmp_path: Path
) -> None:
    before = files_of(bundle)
    images.add(APP, b"the course's own")
    more = small_packages.deb(tmp_path / "more", "extra", "2.0-1")
    extended = {
        "path": str(tmp_path / "course"), "existing": str(bundle), "packages": [str(more)], "images": [APP],
        "layout": str(images.layout), "image_lock": str(images.lock), "signing_key": str(tmp_path / "own.asc"),
    }
    predicted = run_main(seal_main, {**extended, "signing_key": options["signing_key"]}, check=True)
    result = run_main(seal_main, extended)

    assert predicted["changed"] and predicted["packages"] == result["packages"]
    assert result["images"] == {**images.digests}
    assert set(result["packages"]) == {DEB, RPM, "apt/pool/extra_2.0-1_all.deb"}
    assert lock_of(tmp_path / "course")["versions"] == {"kubernetes": "v1.36.3"}
    assert files_of(bundle) == before
    assert not run_main(seal_main, {"path": str(bundle), "state": "verified"})["failed"]
    assert not run_main(seal_main, extended)["changed"]
    # One file with two names where nothing is different
    assert (bundle / DEB).stat().st_ino == (tmp_path / "course" / DEB).stat().st_ino
    assert (bundle / RPM).read_bytes() != (tmp_path / "course" / RPM).read_bytes()


def test_an_image_under_the_same_name_gives_way_with_its_blobs(
    run_main: Run, options: dict[str, Any], bundle: Path, tmp_path: Path
) -> None:
    newer = Images(tmp_path / "newer")
    newer.add(PAUSE, b"a newer layer")
    result = run_main(seal_main, {
        "path": str(tmp_path / "course"), "existing": str(bundle), "images": [PAUSE], "layout": str(newer.layout),
        "image_lock": str(newer.lock), "signing_key": options["signing_key"]})
    assert result["images"] == newer.digests
    blobs = {path.name for path in (tmp_path / "course" / "oci" / "blobs" / "sha256").iterdir()}
    assert blobs == {path.name for path in (newer.layout / "blobs" / "sha256").iterdir()}


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("no bundle", "found no bundle.lock.yml there"),
        ("damaged", f"{DEB}: expected sha256"),
        ("itself", "found that they are the same directory"),
        ("other architecture", "expected a bundle for arm64, found one for amd64"),
        ("another deb of the same version", "found two of different content"),
    ],
)
def test_what_cannot_be_extended(
    run_main: Run, options: dict[str, Any], bundle: Path, tmp_path: Path, case: str, says: str
) -> None:
    extended: dict[str, Any] = {
        "path": str(tmp_path / "course"), "existing": str(bundle), "signing_key": options["signing_key"]}
    if case == "no bundle":
        extended["existing"] = str(tmp_path)
    elif case == "damaged":
        (bundle / DEB).unlink()
        (bundle / DEB).write_bytes(b"touched")
    elif case == "itself":
        (tmp_path / "course").symlink_to(bundle)
    elif case == "other architecture":
        extended["architecture"] = "arm64"
    else:
        program = {"/usr/bin/tool": "#!/bin/sh\n"}
        extended["packages"] = [str(small_packages.deb(tmp_path / "more", "tool", "1.0-1.1", programs=program))]
    before = files_of(bundle)
    result = run_main(seal_main, extended)
    assert result["failed"] and says in result["msg"], result
    assert files_of(bundle) == before
    assert case == "itself" or not (tmp_path / "course").exists()


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("arm64 image", f"expected {PAUSE} for amd64, found it for arm64"),
        ("arm64 package", "found {parts}/tool_1_arm64.deb for arm64"),
        ("corrupted manifest", f"expected {PAUSE} in"),
        ("missing blob", f"expected {PAUSE} in"),
        ("cut package", "found one that dpkg-deb cannot read"),
        ("no package", "{parts}/note.txt is not a package"),
        ("no signing key", "gpg cannot import the secret key in"),
    ],
)
def test_parts_that_cannot_be_sealed(
    run_main: Run, options: dict[str, Any], images: Images, tmp_path: Path, case: str, says: str, check: bool
) -> None:
    if case == "arm64 image":
        images.add(PAUSE, b"a layer", "arm64")
    elif case == "corrupted manifest":
        (images.layout / "blobs" / "sha256" / images.digests[PAUSE][7:]).write_bytes(b"{}")
    elif case == "missing blob":
        images.blob(b"a layer").unlink()
    elif case == "arm64 package":
        options["packages"] = [str(small_packages.deb(tmp_path, "tool", "1", "arm64"))]
    elif case == "cut package":
        (tmp_path / "cut.deb").write_bytes(Path(options["packages"][1]).read_bytes()[:100])
        options["packages"] = [str(tmp_path / "cut.deb")]
    elif case == "no package":
        (tmp_path / "note.txt").touch()
        options["packages"] = [str(tmp_path / "note.txt")]
    else:
        options["signing_key"] = str(tmp_path / "no-key.asc")
        Path(options["signing_key"]).write_text("no key\n", encoding="utf-8")
    result = run_main(seal_main, options, check=check)
    assert result["failed"] and says.format(parts=tmp_path) in result["msg"], result
    assert not Path(options["path"]).exists()


def test_a_corrupted_layer_is_named_when_it_is_sealed(run_main: Run, options: dict[str, Any], images: Images) -> None:
    images.blob(b"a layer").write_bytes(b"a lawyer")
    result = run_main(seal_main, options)
    assert result["failed"] and f"oci/blobs/sha256/{images.blob(b'a layer').name}" in result["msg"]
    assert not Path(options["path"]).exists()


@pytest.mark.parametrize("missing", ["package", "image", "kubectl"])
def test_parts_that_are_missing_are_predicted_in_check_mode_and_refused_otherwise(
    run_main: Run, options: dict[str, Any], missing: str
) -> None:
    name = "/no/such/tool.deb" if missing == "package" else "quay.io/no/such:1" if missing == "image" else "/no/kubectl"
    changes: dict[str, dict[str, Any]] = {
        "package": {"packages": [name]}, "image": {"images": [name]}, "kubectl": {"kubectl": name}}
    predicted = run_main(seal_main, {**options, **changes[missing]}, check=True)
    assert predicted["changed"] and name in predicted["diff"]["after"]
    refused = run_main(seal_main, {**options, **changes[missing]})
    assert refused["failed"] and name in refused["msg"]


def test_missing_tools_are_named_together(
    run_main: Run, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    result = run_main(seal_main, options)
    assert result["failed"]
    for tool in ("gpg (Debian: gpg and gpg-agent)", "apt-ftparchive (Debian: apt-utils)", "createrepo_c (Debian: "):
        assert tool in result["msg"]


def test_too_small_a_disk_is_told_before(run_main: Run, options: dict[str, Any], small_disk: Path) -> None:
    options["path"] = str(small_disk / "bundle")
    result = run_main(seal_main, options)
    assert result["failed"] and f"free in {small_disk}" in result["msg"]
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_full_before_the_end_leaves_nothing(
    run_main: Run, options: dict[str, Any], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if somebody else had written meanwhile
    monkeypatch.setattr(disk_space, "require", lambda *_words: None)
    (small_disk / "others").write_bytes(bytes(290 << 10))
    options["path"] = str(small_disk / "bundle")
    result = run_main(seal_main, options)
    assert result["failed"] and "No space left on device" in result["msg"], result
    assert [path.name for path in small_disk.iterdir()] == ["others"]


# Packing


def test_a_packed_bundle_comes_back_as_it_was(run_main: Run, bundle: Path, packed: Path, tmp_path: Path) -> None:
    predicted = run_main(archive_main, unpacking(packed, tmp_path), check=True)
    assert predicted["changed"] and not (tmp_path / "unpacked").exists()
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["changed"]
    assert files_of(tmp_path / "unpacked") == files_of(bundle)
    assert os.access(tmp_path / "unpacked" / "bin" / "kubectl", os.X_OK)
    assert not run_main(archive_main, unpacking(packed, tmp_path))["changed"]


def test_packing_is_done_once_and_check_mode_says_so(run_main: Run, bundle: Path, tmp_path: Path) -> None:
    options = {"bundle": str(bundle), "archive": str(tmp_path / "new.tar.zst")}
    predicted = run_main(archive_main, options, check=True)
    assert predicted["changed"] and not (tmp_path / "new.tar.zst").exists()
    assert [run_main(archive_main, options)["changed"] for _time in range(2)] == [True, False]
    again = run_main(archive_main, options, check=True)
    assert not again["changed"]
    content = (tmp_path / "new.tar.zst").read_bytes()
    beside = (tmp_path / "new.tar.zst.sha256").read_text(encoding="utf-8")
    assert beside == f"{hashlib.sha256(content).hexdigest()}  new.tar.zst\n"
    (tmp_path / "new.tar.zst").unlink()
    run_main(archive_main, options)
    assert (tmp_path / "new.tar.zst").read_bytes() == content


def test_the_tools_of_every_system_read_it(packed: Path) -> None:
    subprocess.run(["sha256sum", "--check", f"{packed.name}.sha256"], cwd=packed.parent, check=True)
    listed = subprocess.run(["tar", "--zstd", "-tf", packed], check=True, capture_output=True, text=True).stdout
    names = listed.splitlines()
    assert names[:3] == [
        "bundle/bundle.lock.yml", "bundle/bundle.lock.yml.asc", "bundle/classroom-kubeadm.asc"]
    assert f"bundle/{DEB}" in names


@pytest.mark.parametrize("damage", ["archive", "beside", "bundle"])
def test_an_archive_of_another_bundle_is_packed_again(
    run_main: Run, options: dict[str, Any], bundle: Path, packed: Path, damage: str
) -> None:
    if damage == "archive":
        packed.write_bytes(b"cut off")
    elif damage == "beside":
        packed.with_name(f"{packed.name}.sha256").unlink()
    else:
        run_main(seal_main, {**options, "images": []})
    again = run_main(archive_main, {"bundle": str(bundle), "archive": str(packed)})
    assert again["changed"]
    assert not run_main(archive_main, {"archive": str(packed), "state": "checked"})["failed"]


def test_a_damaged_bundle_is_not_packed(run_main: Run, bundle: Path, tmp_path: Path) -> None:
    (bundle / DEB).unlink()
    result = run_main(archive_main, {"bundle": str(bundle), "archive": str(tmp_path / "new.tar.zst")})
    assert result["failed"] and f"{DEB}: expected sha256" in result["msg"]
    assert not (tmp_path / "new.tar.zst").exists()


def repacked(packed: Path, change: Callable[[Path], None]) -> None:
    """The archive, taken apart by hand, changed, and packed again with a checksum beside it that fits."""
    tree = packed.parent / "tree"
    tree.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", packed, "-C", tree], check=True)
    names = subprocess.run(["tar", "--zstd", "-tf", packed], check=True, capture_output=True, text=True).stdout.split()
    change(tree / "bundle")
    there = [name for name in names if (tree / name).exists() or (tree / name).is_symlink()]
    more = sorted(
        str(path.relative_to(tree)) for path in tree.rglob("*")
        if (path.is_file() or path.is_symlink()) and str(path.relative_to(tree)) not in names)
    subprocess.run(["tar", "--zstd", "-cf", packed, "-C", tree, *there, *more], check=True)
    packed.with_name(f"{packed.name}.sha256").unlink()


@pytest.mark.parametrize("state", ["checked", "unpacked"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tree: (tree / DEB).write_bytes(b"touched"), [f"{DEB}: expected sha256", "found sha256"]),
        (lambda tree: (tree / DEB).unlink(), [f"{DEB}: expected sha256", "found no such file"]),
        (
            lambda tree: (tree / "apt" / "more").touch(),
            ["apt/more: expected each file of the lock once", "that its lock does not know"],
        ),
        (lambda tree: (tree / "link").symlink_to("/etc/passwd"), ["the member 'bundle/link', which no bundle has"]),
        (
            lambda tree: (tree / "bundle.lock.yml").write_text(
                (tree / "bundle.lock.yml").read_text(encoding="utf-8") + "# changed\n", encoding="utf-8"),
            ["as its maker has signed it", "is not a signature of it"],
        ),
        (lambda tree: (tree / "bundle.lock.yml.asc").unlink(), ["where bundle.lock.yml.asc should be"]),
        (
            lambda tree: [(tree / name).write_bytes(b"touched") for name in (DEB, RPM)],
            [f"{DEB}: expected sha256", f"{RPM}: expected sha256"],
        ),
    ],
    ids=["changed", "missing", "stranger", "link", "lock", "no signature", "all of them"],
)
def test_an_archive_that_was_changed_is_refused_by_name(
    run_main: Run, packed: Path, tmp_path: Path, change: Callable[[Path], None], says: list[str], state: str
) -> None:
    repacked(packed, change)
    result = run_main(archive_main, unpacking(packed, tmp_path, state=state))
    assert result["failed"], result
    for words in says:
        assert words in result["msg"]
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("rest", [0, 10, 0.2, 0.7])
def test_a_truncated_archive_is_refused(run_main: Run, packed: Path, tmp_path: Path, rest: float) -> None:
    content = packed.read_bytes()
    packed.write_bytes(content[: int(len(content) * rest) if rest < 1 else int(rest)])
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and result["msg"].startswith(f"The archive {packed} is "), result
    assert str(packed) in result["msg"]
    assert not (tmp_path / "unpacked").exists()


def test_a_flipped_byte_is_told(run_main: Run, packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[len(content) * 2 // 3] ^= 0xFF
    packed.write_bytes(content)
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and str(packed) in result["msg"] and "copy it again from its source" in result["msg"]
    assert not (tmp_path / "unpacked").exists()


def test_a_wrong_checksum_beside_a_good_archive_is_told(run_main: Run, packed: Path, tmp_path: Path) -> None:
    packed.with_name(f"{packed.name}.sha256").write_text(f"{'0' * 64}  {packed.name}\n", encoding="utf-8")
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and f"expected sha256 {'0' * 64} as {packed}.sha256 says" in result["msg"]
    assert not (tmp_path / "unpacked").exists()


def test_what_is_no_archive_is_refused(run_main: Run, tmp_path: Path) -> None:
    other = tmp_path / "letters.tar.zst"
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(__file__, "bundle/letter")
    subprocess.run(["zstd", "--quiet", "-o", other, tmp_path / "plain.tar"], check=True)
    for path, says in (
        (tmp_path / "none", "No such file"), (tmp_path / "plain.tar", "expected a packed bundle"),
        (other, "letter where bundle.lock.yml should be"),
    ):
        result = run_main(archive_main, {"archive": str(path), "state": "checked"})
        assert result["failed"] and says in result["msg"], result


def test_a_key_that_is_not_named_is_refused(run_main: Run, packed: Path, tmp_path: Path) -> None:
    result = run_main(archive_main, unpacking(packed, tmp_path, signed_by=["0" * 40]))
    assert result["failed"] and f"expected a bundle signed by {'0' * 40}, found one signed by" in result["msg"]
    assert not (tmp_path / "unpacked").exists()


def test_a_bundle_is_replaced_by_one_of_the_same_key_only(
    run_main: Run, options: dict[str, Any], packed: Path, tmp_path: Path
) -> None:
    run_main(seal_main, {**options, "path": str(tmp_path / "unpacked"), "signing_key": str(tmp_path / "other.asc")})
    before = files_of(tmp_path / "unpacked")
    refused = run_main(archive_main, unpacking(packed, tmp_path, signed_by=[]))
    assert refused["failed"] and "found one signed by" in refused["msg"]
    assert files_of(tmp_path / "unpacked") == before
    signer = run_main(archive_main, {"archive": str(packed), "state": "checked"})["signer"]
    assert run_main(archive_main, unpacking(packed, tmp_path, signed_by=[signer]))["changed"]


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("place", ["nothing", "dangling link", "damaged bundle"])
def test_an_archive_of_an_unknown_signer_is_checked_and_not_unpacked(
    run_main: Run, packed: Path, tmp_path: Path, place: str, check: bool
) -> None:
    target = tmp_path / "unpacked"
    if place == "dangling link":
        target.symlink_to("nowhere")
    elif place == "damaged bundle":
        target.mkdir()
        (target / bundle_lock.NAME).write_text("damaged", encoding="utf-8")
    result = run_main(archive_main, unpacking(packed, tmp_path, signed_by=[]), check=check)
    signer = (packed.parent / "signer").read_text(encoding="utf-8")
    assert result["failed"] and f"run this again with bundle_signed_by={signer}" in result["msg"], result
    assert "Nothing was unpacked" in result["msg"] and not (target / DEB).exists()
    assert run_main(archive_main, unpacking(packed, tmp_path, signed_by=[], state="checked"))["signer"] == signer


@pytest.mark.parametrize("name", ["/etc/x", "../x", "apt/../../x", "a//b", ".incoming/x", "apt/\x07"])
def test_an_archive_whose_lock_leads_outside_is_rejected(
    run_main: Run, options: dict[str, Any], packed: Path, tmp_path: Path, name: str
) -> None:
    """Signed with a key of the attacker's, which the user accepts for a moment."""

    def change(tree: Path) -> None:
        lock = tree / bundle_lock.NAME
        line = f"  {name}: {hashlib.sha256(b'').hexdigest()}\n"
        lock.write_text(lock.read_text(encoding="utf-8").replace("files:\n", "files:\n" + line), encoding="utf-8")
        (tree / bundle_lock.SIGNATURE).unlink()
        with gpg.Keyring(run) as keyring:
            key = keyring.unlock(options["signing_key"])
            keyring.detach_sign(key, str(lock), str(tree / bundle_lock.SIGNATURE))

    repacked(packed, change)
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and "names files outside of its bundle" in result["msg"], result
    assert not (tmp_path / "unpacked").exists()


def member(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    return info, content


def handmade(
    packed: Path, *members: tuple[tarfile.TarInfo, bytes], head: bool = True, pax: dict[str, str] | None = None
) -> None:
    """Put these members behind the head of the archive, or instead of it."""
    plain = packed.with_name("plain.tar")
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT, pax_headers=pax or {}) as tar:
        before = bundle_archive.read_head(str(packed)).texts.items() if head else ()
        for info, content in (*(member(f"bundle/{name}", text) for name, text in before), *members):
            tar.addfile(info, io.BytesIO(content))
    packed.with_name(f"{packed.name}.sha256").unlink(missing_ok=True)
    subprocess.run(["zstd", "--quiet", "--force", "-o", packed, plain], check=True)


@pytest.mark.parametrize("name", ["bundle//etc/x", "bundle/../x", "bundle/a/../../x", "bundle/.incoming", "other/x"])
def test_a_member_outside_of_the_bundle_is_rejected(run_main: Run, packed: Path, tmp_path: Path, name: str) -> None:
    handmade(packed, member(name, b""))
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and "which no bundle has" in result["msg"], result
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("large", ["lock", "words of the archive", "words of the first member", "words later"])
def test_what_claims_to_be_huge_is_not_read_into_memory(
    run_main: Run, packed: Path, tmp_path: Path, large: str
) -> None:
    """Small as a file, and 64 MiB in memory: more than anything that is read before its signature is verified."""
    huge = bytes(64 << 20)
    if large == "lock":
        handmade(packed, member("bundle/bundle.lock.yml", huge), head=False)
    elif large == "words of the archive":
        handmade(packed, pax={"comment": huge.decode()})
    else:
        info, content = member("bundle/bundle.lock.yml" if large.endswith("member") else "bundle/x", b"")
        info.pax_headers = {"comment": huge.decode()}
        handmade(packed, (info, content), head=large.endswith("later"))
    assert packed.stat().st_size < 1 << 20
    tracemalloc.start()
    result = run_main(archive_main, unpacking(packed, tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result["failed"] and str(packed) in result["msg"], result
    assert peak < 60 << 20
    assert not (tmp_path / "unpacked").exists()


def test_more_than_the_archive_says_is_not_written(run_main: Run, packed: Path, tmp_path: Path) -> None:
    handmade(packed, member(f"bundle/{DEB}", bytes(1 << 20)), pax={bundle_archive.SIZE: "4096"})
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and "more than the 4096 bytes" in result["msg"], result


def test_an_archive_that_is_exchanged_after_its_check_is_rejected(
    run_main: Run, options: dict[str, Any], packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a USB drive with a controller of its own does."""
    real, other = bundle_archive.read_head, tmp_path / "other.tar.zst"
    run_main(seal_main, {**options, "path": str(tmp_path / "second"), "images": []})
    run_main(archive_main, {"bundle": str(tmp_path / "second"), "archive": str(other)})

    def exchanged(archive: str) -> bundle_archive.Head:
        head = real(archive)
        other.replace(packed)
        return head

    packed.with_name(f"{packed.name}.sha256").unlink()
    monkeypatch.setattr(bundle_archive, "read_head", exchanged)
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and "was exchanged while it was read" in result["msg"], result
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(("old", "new"), [
    ("key: ", "key: ../../Documents # "), ("architecture: amd64", "architecture: ../x"), ("file: apt", "file: ../apt"),
])
def test_a_lock_with_values_that_lead_elsewhere_is_rejected(
    run_main: Run, bundle: Path, old: str, new: str
) -> None:
    lock = bundle / bundle_lock.NAME
    lock.write_text(lock.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ClassroomError, match="is invalid: expected what this version of the collection writes"):
        bundle_contents.read(str(bundle))


def test_only_a_bundle_gives_way_to_a_bundle(run_main: Run, packed: Path, tmp_path: Path) -> None:
    """Behind a link, where the new one lies under the first characters of its key."""
    (tmp_path / "unpacked").symlink_to("nowhere")
    key = run_main(archive_main, unpacking(packed, tmp_path, state="checked"))["key"]
    letters = tmp_path / key[:16]
    letters.mkdir()
    (letters / "letter").touch()
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert result["failed"] and f"found something without {bundle_lock.NAME}" in result["msg"], result
    assert (letters / "letter").exists()


def test_a_bundle_of_another_architecture_is_refused(run_main: Run, packed: Path, tmp_path: Path) -> None:
    result = run_main(archive_main, unpacking(packed, tmp_path, architecture="arm64"))
    assert result["failed"] and "expected a bundle for arm64, found one for amd64" in result["msg"]


def test_a_damaged_bundle_in_the_place_is_replaced(run_main: Run, packed: Path, tmp_path: Path) -> None:
    run_main(archive_main, unpacking(packed, tmp_path))
    (tmp_path / "unpacked" / DEB).write_bytes(b"touched")
    assert run_main(archive_main, unpacking(packed, tmp_path))["changed"]
    assert not run_main(seal_main, {"path": str(tmp_path / "unpacked"), "state": "verified"})["failed"]


def test_a_link_is_moved_to_what_was_unpacked(run_main: Run, packed: Path, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").symlink_to("nowhere")
    result = run_main(archive_main, unpacking(packed, tmp_path))
    assert os.readlink(tmp_path / "unpacked") == result["key"][:16]
    assert files_of(tmp_path / "unpacked") == files_of(bundle)


def test_unpacking_on_a_small_disk_is_refused_before(run_main: Run, packed: Path, small_disk: Path) -> None:
    result = run_main(archive_main, unpacking(packed, small_disk))
    assert result["failed"] and "MiB free in" in result["msg"] and str(packed) in result["msg"]
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("work", ["packing", "unpacking"])
def test_a_disk_that_is_full_before_the_end_leaves_no_half(
    run_main: Run, bundle: Path, packed: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    monkeypatch.setattr(disk_space, "require", lambda *_words: None)
    (small_disk / "others").write_bytes(bytes(292 << 10))
    options = {"bundle": str(bundle), "archive": str(small_disk / "new.tar.zst")}
    result = run_main(archive_main, options if work == "packing" else unpacking(packed, small_disk))
    assert result["failed"] and "No space left on device" in result["msg"], result
    assert [path.name for path in small_disk.iterdir()] == ["others"]


@pytest.mark.parametrize("work", ["packing", "unpacking"])
def test_two_runs_on_one_archive_or_place_are_refused(
    run_main: Run, options: dict[str, Any], bundle: Path, packed: Path, tmp_path: Path, work: str
) -> None:
    hidden = tmp_path / ("new.tar.zst" if work == "packing" else "unpacked")
    asked = {"bundle": str(bundle), "archive": str(hidden)} if work == "packing" else unpacking(packed, tmp_path)
    with run_lock.alone(str(tmp_path / f".{hidden.name}.running"), "it", 0, lambda _words: None):
        result = run_main(archive_main, asked)
    assert result["failed"] and "Another run is using" in result["msg"]
    assert not hidden.exists()
