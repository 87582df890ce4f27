# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock knows every file and image, and verification names each that differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import checksum_of
from bundle import __main__ as cli

DEB = "apt/pool/tool_1.0-1.1_amd64.deb"
IMAGE = "registry.example/tool:1.0"


def problems(bundle: Path) -> list[str]:
    return bundle_lock.all_problems(str(bundle), bundle_lock.read(str(bundle)))


def test_what_is_written_is_read_back(small_bundle: Path) -> None:
    content = bundle_contents.read(str(small_bundle))
    assert content.packages == (bundle_contents.LockedPackage("tool", "1.0-1.1", DEB),)
    assert set(content.files) >= {DEB, "oci/index.json"}
    assert (small_bundle / bundle_lock.NAME).read_text(encoding="utf-8") == content.text()


def test_a_host_without_yaml_reads_the_same(small_bundle: Path) -> None:
    content, lock = bundle_contents.read(str(small_bundle)), bundle_lock.read(str(small_bundle))
    assert (lock.files, lock.images) == (content.files, content.images)


def test_an_untouched_bundle_has_no_problems(small_bundle: Path) -> None:
    assert problems(small_bundle) == []


def test_a_signature_of_the_lock_is_no_stranger(small_bundle: Path) -> None:
    (small_bundle / bundle_lock.SIGNATURE).touch()
    assert problems(small_bundle) == []


def test_a_wrong_digest_is_told_with_both_digests_and_the_way_out(small_bundle: Path) -> None:
    wanted = checksum_of(str(small_bundle / DEB))
    (small_bundle / DEB).write_bytes(b"a package, cut sh")
    found = checksum_of(str(small_bundle / DEB))
    (problem,) = problems(small_bundle)
    assert problem.startswith(f"{small_bundle / DEB}: expected sha256 {wanted}, found sha256 {found}. Copy it again")


def test_a_missing_file_is_told(small_bundle: Path) -> None:
    (small_bundle / DEB).unlink()
    (problem,) = problems(small_bundle)
    assert f"{DEB}: expected sha256" in problem
    assert "found no such file" in problem


def test_an_unexpected_file_is_told(small_bundle: Path) -> None:
    (small_bundle / "apt" / "pool" / "other.deb").write_bytes(b"from elsewhere")
    (problem,) = problems(small_bundle)
    assert "apt/pool/other.deb: expected only files of the lock, found one that it does not know. Remove it" in problem


def test_all_problems_are_told_at_once(small_bundle: Path) -> None:
    (small_bundle / DEB).unlink()
    (small_bundle / "extra").touch()
    (small_bundle / "oci" / "oci-layout").write_text("{}", encoding="utf-8")
    assert {line.split(":")[0] for line in problems(small_bundle)} == {
        str(small_bundle / name) for name in (DEB, "extra", "oci/oci-layout")
    }


def test_an_index_that_names_another_image_is_told(small_bundle: Path) -> None:
    path = small_bundle / bundle_lock.NAME
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    digest = content["images"].pop(IMAGE)
    content["images"]["registry.example/tool:2.0"] = digest
    path.write_text(yaml.safe_dump(content, width=1000), encoding="utf-8")
    first, second = problems(small_bundle)
    assert first.startswith(f"{IMAGE}: expected no such image, found {digest} in")
    assert second.startswith(f"registry.example/tool:2.0: expected {digest}, found no such image in")


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"manifests": [{"digest": "sha256:0"}]}'])
def test_an_index_that_is_none_is_told(small_bundle: Path, text: str) -> None:
    (small_bundle / "oci" / "index.json").write_text(text, encoding="utf-8")
    assert any("expected the index of an OCI layout" in line for line in problems(small_bundle))


def test_a_layout_without_its_index_is_told(small_bundle: Path) -> None:
    (small_bundle / "oci" / "index.json").unlink()
    missing, no_images = problems(small_bundle)
    assert "oci/index.json: expected sha256" in missing
    assert "oci/index.json: expected images, found no layout" in no_images


def test_a_directory_without_a_lock_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match=r"found no bundle\.lock\.yml there"):
        bundle_contents.read(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "schema: 99\n",
        "schema: 1\nfiles: {}\nimages: {}\n",
        "schema: 1\nfiles: {}\nimages: {}\npackages: 7\n",
        "schema: 1\nfiles: {}\nimages: {}\npackages: []\nkey: a\narchitecture: b\nmore: c\n",
        "schema: 1\nfiles: {}\nimages: {}\nkey: [\n",
    ],
)
def test_a_lock_of_another_kind_is_refused(small_bundle: Path, text: str) -> None:
    (small_bundle / bundle_lock.NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ClassroomError, match="expected what this version of the collection writes"):
        bundle_contents.read(str(small_bundle))


@pytest.mark.parametrize(("damaged", "status"), [(False, 0), (True, 1)])
def test_the_command_answers_with_its_status(
    small_bundle: Path, capsys: pytest.CaptureFixture[str], damaged: bool, status: int
) -> None:
    if damaged:
        (small_bundle / DEB).write_bytes(b"")
    assert cli.main(["verify", str(small_bundle)]) == status
    captured = capsys.readouterr()
    assert ("1 images as locked" in captured.out) is not damaged
    assert (f"{DEB}: expected sha256" in captured.err) is damaged
