# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads by apt and dnf that see nothing of this machine: real repositories in a directory, real tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import repository as bundle_repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.gpg import Keyring
from ansible_collections.classroom.kubeadm.plugins.module_utils._core import disk_space, run_lock
from ansible_collections.classroom.kubeadm.plugins.modules.package_download import main as download_main
from ansible_collections.classroom.kubeadm.plugins.modules.package_extract import main as program_main
from tests.unit.support import small_packages

Run = Callable[..., dict[str, Any]]
FAMILIES = ("apt", "rpm")
VERSIONS = ("1.0-1.1", "1.0-1.2", "1.00-1", "2.0-1")
PROGRAM = "#!/bin/sh\necho a tool\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of each family with the same packages."""
    root = tmp_path_factory.mktemp("served")
    for family, make in (("apt", small_packages.deb), ("rpm", small_packages.rpm)):
        for version in VERSIONS:
            make(root / family / "pool", "tool", version, programs={"/usr/bin/tool": PROGRAM})
    small_packages.deb(root / "apt" / "pool", "odd", "5:1.0-1")
    small_packages.deb(root / "apt" / "pool", "elsewhere", "1.0-1", "arm64")
    with Keyring() as keyring:
        key = keyring.unlock(str(root / "secret.asc"))
        bundle_repository.make_apt(str(root / "apt"), keyring, key)
        bundle_repository.make_rpm(str(root / "rpm"), keyring, key)
    return root


@pytest.fixture
def other_key(tmp_path: Path) -> str:
    with Keyring() as keyring:
        return keyring.public_key(keyring.unlock(str(tmp_path / "other.asc")))


def options(served: Path, target: Path, family: str, *packages: dict[str, str], **repository: Any) -> dict[str, Any]:
    key = (served / family / bundle_repository.PUBLIC_KEY).read_text(encoding="utf-8")
    described = {"name": "tools", "uri": f"file://{served}/{family}", "signed_by": key, **repository}
    return {
        "family": family, "repositories": [described], "packages": list(packages) or [{"name": "tool"}],
        "architecture": "amd64", "directory": str(target),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_check_mode_predicts_and_a_second_run_fetches_nothing(
    run_main: Run, served: Path, tmp_path: Path, family: str
) -> None:
    target = tmp_path / "packages"
    spec = options(served, target, family, {"name": "tool", "version": "2.0"})
    predicted = run_main(download_main, spec, check=True)
    assert not target.exists()
    made = run_main(download_main, spec)
    again = [run_main(download_main, spec, check=check) for check in (True, False)]

    assert {key: predicted[key] for key in ("changed", "files", "packages", "diff")} == {
        key: made[key] for key in ("changed", "files", "packages", "diff")
    }
    assert made["changed"] and made["packages"] == {"tool": "2.0-1"}
    assert [result["changed"] for result in again] == [False, False]
    assert [path.name for path in target.iterdir()] == [Path(made["files"][0]).name]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("wanted", "found"), [("1.0", "1.0-1.2"), ("1.0-1.1", "1.0-1.1"), ("", "2.0-1"), ("1.00", "1.00-1")])
def test_a_version_is_the_one_before_the_revision_or_the_whole(
    run_main: Run, served: Path, tmp_path: Path, family: str, wanted: str, found: str
) -> None:
    package = {"name": "tool", "version": wanted} if wanted else {"name": "tool"}
    made = run_main(download_main, options(served, tmp_path / "packages", family, package))
    assert made["packages"] == {"tool": found}


def test_an_epoch_need_not_be_known(run_main: Run, served: Path, tmp_path: Path) -> None:
    spec = options(served, tmp_path / "packages", "apt", {"name": "odd", "version": "1.0"})
    made = run_main(download_main, spec)
    assert made["packages"] == {"odd": "5:1.0-1"} and Path(made["files"][0]).is_file()
    assert not run_main(download_main, spec)["changed"]


@pytest.mark.parametrize("family", FAMILIES)
def test_all_that_cannot_be_had_is_named_at_once(run_main: Run, served: Path, tmp_path: Path, family: str) -> None:
    wanted = ({"name": "tool", "version": "3"}, {"name": "none"}, {"name": "elsewhere"})
    spec = options(served, tmp_path / "packages", family, *wanted)
    result = run_main(download_main, spec)
    assert result["failed"]
    assert "expected tool 3, found 2.0-1, " in result["msg"]
    assert "expected none of any version, found no package of that name" in result["msg"]
    assert "expected elsewhere of any version, found no package of that name" in result["msg"]
    assert not (tmp_path / "packages").exists()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("other key", "signed with the given key"),
        ("no key", "expected the public key that signs"),
        ("fingerprint", "is not the known one: expected the fingerprint"),
        ("gone", "cannot be fetched"),
    ],
)
def test_a_source_that_cannot_be_trusted_or_reached(
    run_main: Run, served: Path, tmp_path: Path, other_key: str, family: str, case: str, says: str
) -> None:
    change: dict[str, dict[str, Any]] = {
        "other key": {"signed_by": other_key}, "no key": {"signed_by": ""}, "fingerprint": {"fingerprints": ["0" * 40]},
        "gone": {"uri": "http://127.0.0.1:9/"},
    }
    result = run_main(download_main, options(served, tmp_path / "packages", family, **change[case]))
    assert result["failed"] and says in result["msg"], result
    assert not (tmp_path / "packages").exists()


def test_a_package_that_another_key_has_signed_is_refused(
    run_main: Run, served: Path, tmp_path: Path, other_key: str
) -> None:
    """dnf itself does not look when it downloads; here nobody signs the metadata either."""
    spec = options(served, tmp_path / "packages", "rpm", signed_by=other_key, signed_metadata=False)
    result = run_main(download_main, spec)
    assert result["failed"] and "signed with the given key, found others: tool-2.0-1.noarch.rpm" in result["msg"]
    assert list((tmp_path / "packages").iterdir()) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_damaged_file_is_fetched_again(run_main: Run, served: Path, tmp_path: Path, family: str) -> None:
    spec = options(served, tmp_path / "packages", family)
    (path,) = run_main(download_main, spec)["files"]
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:-1])
    assert run_main(download_main, spec)["changed"]
    assert Path(path).read_bytes() == whole


@pytest.mark.parametrize("family", FAMILIES)
def test_two_runs_at_once_are_refused(run_main: Run, served: Path, tmp_path: Path, family: str) -> None:
    target = tmp_path / "packages"
    with run_lock.alone(str(target / ".running"), "it", 0, lambda _words: None):
        result = run_main(download_main, options(served, target, family))
    assert result["failed"] and "Another run is using" in result["msg"]
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_disk_space_is_checked_before(
    run_main: Run, served: Path, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "free", lambda _path: 1000)
    result = run_main(download_main, options(served, tmp_path / "packages", family))
    assert result["failed"] and "MiB free in" in result["msg"]
    assert not (tmp_path / "packages").exists()


def test_missing_tools_are_named(
    run_main: Run, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    result = run_main(download_main, options(served, tmp_path / "packages", "rpm"))
    assert result["failed"] and "dnf (Debian: dnf and dnf-plugins-core), rpmkeys (Debian: rpm)" in result["msg"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_comes_out_of_its_package(run_main: Run, served: Path, tmp_path: Path, family: str) -> None:
    (package,) = (served / family / "pool").glob("tool[_-]2.0-1*")
    spec = {"package": str(package), "program": "/usr/bin/tool", "path": str(tmp_path / "bin" / "tool")}
    assert run_main(program_main, spec, check=True)["changed"] and not (tmp_path / "bin").exists()
    assert run_main(program_main, spec)["changed"]
    assert (tmp_path / "bin" / "tool").read_text(encoding="utf-8") == PROGRAM
    assert not run_main(program_main, spec)["changed"]
    # The one of another release takes its place
    (tmp_path / "bin" / "tool").write_text("another", encoding="utf-8")
    assert run_main(program_main, spec)["changed"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("case", "says"), [("name", "found none there"), ("cut", "Fetch it again")])
def test_a_program_that_is_not_in_the_package(
    run_main: Run, served: Path, tmp_path: Path, family: str, case: str, says: str
) -> None:
    (package,) = (served / family / "pool").glob("tool[_-]2.0-1*")
    spec = {"package": str(package), "program": "/usr/bin/tool", "path": str(tmp_path / "bin" / "tool")}
    if case == "name":
        spec["program"] = "/usr/bin/other"
    else:
        cut = tmp_path / package.name
        cut.write_bytes(package.read_bytes()[:200])
        spec["package"] = str(cut)
    result = run_main(program_main, spec)
    assert result["failed"] and says in result["msg"], result
    assert not (tmp_path / "bin").exists()


def test_a_program_of_a_package_that_is_still_to_come_is_predicted(run_main: Run, tmp_path: Path) -> None:
    spec = {"package": "/no/such.deb", "program": "/usr/bin/tool", "path": str(tmp_path / "tool")}
    assert run_main(program_main, spec, check=True)["changed"]
    assert run_main(program_main, spec)["failed"]
