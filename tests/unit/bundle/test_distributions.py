# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of distributions: what is downloaded, what is left to the image, and what a bundle says of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import assemble
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import contents as bundle_contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import lock as bundle_lock
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from bundle.builder import distributions
from bundle.builder.cache import Paths, remove_unfinished
from bundle.builder.config import Distribution, load
from bundle.builder.errors import BundleError
from bundle.builder.progress import Progress

SOURCE = Path(__file__).resolve().parents[3] / "bundle"
DEBIAN = Distribution("debian-13", "trixie", ("systemd",), ("runc", "nginx"))
# name: (version, priority, dependencies)
REPOSITORY = {
    "libc": ("2.41", "required", ""),
    "nano": ("8", "important", "libc"),
    "systemd": ("257", "optional", "libc, libsystemd"),
    "libsystemd": ("257", "optional", ""),
    "runc": ("1:1.1", "optional", "libc, libseccomp, libsystemd"),
    "libseccomp": ("2.6", "optional", "libc"),
    "nginx": ("1.26", "optional", "nano"),
    "podman": ("5", "optional", ""),
}
CONFIGURATION = """\
Dir "{0}";
Dir::Etc::main "/dev/null";
Dir::State::status "{0}/var/lib/dpkg/status";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root";
"""


def make_deb(name: str, pool: Path, version: str, priority: str, depends: str) -> None:
    control = pool / "made" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    needs = f"Depends: {depends}\n" if depends else ""
    control.write_text(
        f"Package: {name}\nVersion: {version}\nPriority: {priority}\nArchitecture: amd64\n{needs}"
        "Maintainer: x <x@example.com>\nDescription: x\n", encoding="utf-8")
    target = pool / f"{name}_{version.rpartition(':')[2]}_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", pool / "made", target], check=True, capture_output=True)
    shutil.rmtree(pool / "made")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution of eight packages."""
    pool = tmp_path_factory.mktemp("repository")
    for name, fields in REPOSITORY.items():
        make_deb(name, pool, *fields)
    listed = subprocess.run(["apt-ftparchive", "packages", "."], cwd=pool, check=True, capture_output=True)
    (pool / "Packages").write_bytes(listed.stdout)
    return pool


@pytest.fixture
def root(repository: Path, tmp_path: Path) -> Path:
    """What mmdebstrap makes of no packages: an empty root whose apt knows the distribution."""
    made = tmp_path / "root"
    for name in ("etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/dpkg",
                 "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (made / name).mkdir(parents=True)
    (made / "apt.conf").write_text(CONFIGURATION.format(made), encoding="utf-8")
    (made / "var/lib/dpkg/status").touch()
    (made / "etc/apt/sources.list").write_text(f"deb [trusted=yes] copy:{repository} ./\n", encoding="utf-8")
    environment = {**os.environ, "APT_CONFIG": str(made / "apt.conf")}
    subprocess.run(["apt-get", "update"], env=environment, check=True, capture_output=True)
    return made


def resolve(root: Path, present: str, *packages: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SOURCE / distributions.SCRIPT, root, present, *packages], check=False, capture_output=True, text=True,
        env={**os.environ, "MMDEBSTRAP_APT_CONFIG": str(root / "apt.conf")})


def test_what_the_image_has_is_left_out_with_all_that_it_needs(root: Path) -> None:
    """libc and nano by their priority, libsystemd because systemd is in every image."""
    done = resolve(root, "systemd", "runc", "nginx")
    assert done.returncode == 0, done.stderr
    found = sorted(path.name for path in (root / "packages").iterdir())
    assert found == ["libseccomp_2.6_amd64.deb", "nginx_1.26_amd64.deb", "runc_1%3a1.1_amd64.deb"]


@pytest.mark.parametrize(("present", "packages"), [("no-such", "runc"), ("systemd", "no-such")])
def test_a_package_that_the_distribution_lacks(root: Path, present: str, packages: str) -> None:
    done = resolve(root, present, packages)
    assert done.returncode != 0 and "no-such" in done.stderr
    assert not (root / "packages").exists()


# Does as the real one: runs the script, and copies what it left
MMDEBSTRAP = """\
#!/bin/sh
echo "$@" >> {work}/calls
[ ! -e {work}/broken ] || {{ echo 'E: mirror is down' >&2; exit 1; }}
for word in "$@"; do
    case "$word" in *copy-out*) set -- ${{word##*copy-out}} ;; esac
done
mkdir -p "$2/packages"
cp {pool}/runc* {pool}/libs* "$2/packages"
mv "$2/packages/runc_1.1_amd64.deb" "$2/packages/runc_1%3a1.1_amd64.deb"
"""


@pytest.fixture
def paths(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(MMDEBSTRAP.format(work=tmp_path, pool=repository), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return Paths(tmp_path / "cache", SOURCE)


def test_packages_are_downloaded_once_for_one_description(paths: Paths, tmp_path: Path) -> None:
    with Progress() as progress:
        first = distributions.build(DEBIAN, "amd64", paths, progress)
        assert distributions.build(DEBIAN, "amd64", paths, progress) == first
        second = distributions.build(replace(DEBIAN, packages=("runc",)), "amd64", paths, progress)
    assert len((tmp_path / "calls").read_text(encoding="utf-8").splitlines()) == 2
    assert second != first and not first.exists()


def test_a_failed_download_is_not_taken_for_a_finished_one(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with Progress() as progress:
        with pytest.raises(BundleError, match="mirror is down"):
            distributions.build(DEBIAN, "amd64", paths, progress)
        (tmp_path / "broken").unlink()
        remove_unfinished(paths)
        assert distributions.build(DEBIAN, "amd64", paths, progress).is_dir()


def test_a_bundle_names_the_distribution_and_its_repository_upgrades_nothing(paths: Paths, tmp_path: Path) -> None:
    with Progress() as progress:
        made = {"debian-13": distributions.build(DEBIAN, "amd64", paths, progress)}
    target = tmp_path / "bundle"
    versions = distributions.add(made, target)
    assert versions["debian-13"]["runc"] == "1:1.1"
    draft = bundle_contents.Contents(key="0" * 64, architecture="amd64", distributions=versions)
    bundle_contents.seal(str(target), draft, str(tmp_path / "secret.asc"))
    assert bundle_contents.read(str(target)).distributions == versions
    assert bundle_lock.all_problems(str(target), bundle_lock.read(str(target))) == []
    release = (target / "os/debian-13/Release").read_text(encoding="utf-8")
    assert "NotAutomatic: yes\n" in release
    # A web server would decode apt's %3a
    assert (target / "os/debian-13/pool/runc_1.1_amd64.deb").is_file()
    assert "Filename: pool/runc_1.1_amd64.deb\n" in (target / "os/debian-13/Packages").read_text(encoding="utf-8")


def test_a_bundle_that_is_extended_keeps_them(paths: Paths, tmp_path: Path) -> None:
    with Progress() as progress:
        made = {"debian-13": distributions.build(DEBIAN, "amd64", paths, progress)}
    target, second, secret = tmp_path / "bundle", tmp_path / "second", str(tmp_path / "secret.asc")
    versions = distributions.add(made, target)
    bundle_contents.seal(
        str(target), bundle_contents.Contents(key="0" * 64, architecture="amd64", distributions=versions), secret)
    plan = assemble.plan(assemble.BundleSpec("amd64", existing=str(target)), "signer")
    assert all("/pool/" in name for name in plan.sources)
    assemble.make(plan, str(second), secret)
    assert bundle_contents.read(str(second)).distributions == versions
    assert bundle_lock.all_problems(str(second), bundle_lock.read(str(second))) == []


@pytest.mark.parametrize("name", ["../../etc", "/etc", "debian", "Debian-13", "debian-13/..", "", "-13"])
def test_a_lock_with_a_distribution_that_is_no_name(tmp_path: Path, name: str) -> None:
    draft = bundle_contents.Contents(key="0" * 64, architecture="amd64", distributions={name: {"runc": "1"}})
    (tmp_path / bundle_lock.NAME).write_text(draft.text(), encoding="utf-8")
    with pytest.raises(ClassroomError, match="distribution"):
        bundle_contents.read(str(tmp_path))


def test_a_choice_of_distributions() -> None:
    recipe = load(SOURCE)
    assert list(distributions.selected(recipe, None)) == list(recipe.distributions)
    assert distributions.selected(recipe, []) == {}
    with pytest.raises(BundleError, match="no-such"):
        distributions.selected(recipe, ["no-such"])
