# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock knows every file and image, and verification names each that differs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bundle.builder import cli, lock
from bundle.builder.errors import BundleError

DEB = "apt/pool/tool_1.0-1.1_amd64.deb"
IMAGE = "registry.example/tool:1.0"


def test_what_is_written_is_read_back(small_bundle: Path) -> None:
    content = lock.read(small_bundle)
    assert content.packages == (lock.LockedPackage("tool", "1.0-1.1", DEB),)
    assert content.files == lock.checksums(small_bundle)
    assert (small_bundle / lock.NAME).read_text(encoding="utf-8") == content.text()


def test_an_untouched_bundle_has_no_problems(small_bundle: Path) -> None:
    assert lock.verify(small_bundle) == []


def test_a_wrong_digest_is_told_with_both_digests_and_the_way_out(small_bundle: Path) -> None:
    wanted = lock.checksums(small_bundle)[DEB]
    (small_bundle / DEB).write_bytes(b"a package, cut sh")
    (problem,) = lock.verify(small_bundle)
    assert problem.name == DEB
    assert problem.wanted == f"sha256 {wanted}"
    assert problem.found == f"sha256 {lock.checksums(small_bundle)[DEB]}"
    assert "copy it again" in problem.advice


def test_a_missing_file_is_told(small_bundle: Path) -> None:
    (small_bundle / DEB).unlink()
    (problem,) = lock.verify(small_bundle)
    assert (problem.name, problem.found) == (DEB, "no such file")


def test_an_unexpected_file_is_told(small_bundle: Path) -> None:
    (small_bundle / "apt" / "pool" / "other.deb").write_bytes(b"from elsewhere")
    (problem,) = lock.verify(small_bundle)
    assert (problem.name, problem.advice) == ("apt/pool/other.deb", "remove it")


def test_all_problems_are_told_at_once(small_bundle: Path) -> None:
    (small_bundle / DEB).unlink()
    (small_bundle / "extra").touch()
    (small_bundle / "oci" / "oci-layout").write_text("{}", encoding="utf-8")
    assert {problem.name for problem in lock.verify(small_bundle)} == {DEB, "extra", "oci/oci-layout"}


def test_an_index_that_names_another_image_is_told(small_bundle: Path) -> None:
    path = small_bundle / lock.NAME
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    digest = content["images"].pop(IMAGE)
    content["images"]["registry.example/tool:2.0"] = digest
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    problems = {problem.name: (problem.wanted, problem.found) for problem in lock.verify(small_bundle)}
    assert problems == {
        IMAGE: ("no such image", digest),
        "registry.example/tool:2.0": (digest, "no such image"),
    }


def test_a_layout_without_its_index_is_one_problem(small_bundle: Path) -> None:
    (small_bundle / "oci" / "index.json").unlink()
    assert [problem.name for problem in lock.verify(small_bundle)] == ["oci/index.json"]


def test_a_directory_without_a_lock_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle.lock.yml; build it"):
        lock.read(tmp_path)


def test_a_lock_of_another_schema_is_refused(small_bundle: Path) -> None:
    (small_bundle / lock.NAME).write_text("schema: 99\n", encoding="utf-8")
    with pytest.raises(BundleError, match="build the bundle anew"):
        lock.read(small_bundle)


@pytest.mark.parametrize(("damaged", "status"), [(False, 0), (True, 1)])
def test_the_command_answers_with_its_status(
    small_bundle: Path, capsys: pytest.CaptureFixture[str], damaged: bool, status: int
) -> None:
    if damaged:
        (small_bundle / DEB).write_bytes(b"")
    assert cli.main(["verify", str(small_bundle)]) == status
    captured = capsys.readouterr()
    assert ("1 images as locked" in captured.out) is not damaged
    assert (f"{DEB}: wanted sha256" in captured.err) is damaged
