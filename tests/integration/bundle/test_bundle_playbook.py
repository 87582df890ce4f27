# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle.yml as an instructor runs it, against stand-ins for upstream on this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import assemble
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import package_file
from tests.integration.bundle import repositories
from tests.integration.bundle.conftest import APP, PAUSE, Play, Upstream
from tests.support.playbooks import FAILED, Run
from tests.unit.support import small_packages
from tests.unit.support.small_images import Images
from tools.paths import ROOT

SOURCES = ("source", "upstream", "existing", "archive", "present")


def changed(run: Run) -> int:
    """What the recap says; the run has to have ended well."""
    assert run.status == 0, run.output
    return run.changed["localhost"]


def said(run: Run) -> str:
    """What a person reads of a run that failed before anything was changed."""
    assert run.status == FAILED, run.output
    assert set(run.changed.values()) == {0}, run.output
    return " ".join(run.output.split())


def lock_of(bundle: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((bundle / "bundle.lock.yml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def state_of_the_machine() -> Iterator[None]:
    """Nothing of apt's and dnf's own state may be another when all tests have run."""
    before = prints()
    yield
    assert prints() == before


def prints() -> dict[str, int]:
    places = ("/etc/apt", "/var/lib/apt", "/etc/yum.repos.d", "/var/lib/rpm", "/var/lib/dnf", "/var/cache/dnf")
    return {
        str(path): path.lstat().st_mtime_ns
        for place in places for path in Path(place).rglob("*") if not path.name.startswith("lock")
    }


@pytest.mark.usefixtures("state_of_the_machine")
def test_a_bundle_of_upstreams_packages_and_images(play: Play, upstream: Upstream, tmp_path: Path) -> None:
    variables = {"bundle_source": "upstream", "bundle_archive": str(tmp_path / "stick.tar.zst"), **upstream.variables}
    bundle = tmp_path / "bundle"

    predicted = play("--check", "--diff", **variables)
    assert changed(predicted) > 0
    assert "kubeadm_1.36.3-1.1_amd64.deb: (it is missing)" in predicted.output
    assert not bundle.exists() and not (tmp_path / "stick.tar.zst").exists()

    assert changed(play(**variables)) > 0
    lock = lock_of(bundle)
    assert lock["versions"] == {"kubernetes": "v1.36.3", "containerd": f"v{repositories.CONTAINERD}"}
    packages = {package["file"] for package in lock["packages"]}
    assert packages >= {
        "apt/pool/kubeadm_1.36.3-1.1_amd64.deb", "apt/pool/cri-tools_1.36.0-1.1_amd64.deb",
        # The release that was asked for, and not a newer one or one whose epoch is higher
        f"apt/pool/containerd.io_{repositories.CONTAINERD}-1~debian.13~trixie_amd64.deb",
        "rpm/pool/kubelet-1.36.3-1.1.x86_64.rpm", f"rpm/pool/containerd.io-{repositories.CONTAINERD}-1.el9.x86_64.rpm",
    }
    assert len(packages) == 12
    assert len(lock["images"]) == 8 and {PAUSE, APP} < set(lock["images"])
    mirrored = (next((tmp_path / "cache").rglob("images.lock.yml"))).read_text(encoding="utf-8")
    copies = yaml.safe_load(mirrored)["copies"]
    assert lock["images"] == copies

    upstream.asked.clear()
    assert changed(play(**variables)) == 0
    assert [path for path in upstream.asked if path.endswith((".deb", ".rpm"))] == []
    installable(bundle, tmp_path)


def installable(bundle: Path, tmp_path: Path) -> None:
    """Both families' tools take the packages from the bundle, with its key and no other."""
    root = tmp_path / "dnf"
    (root / "root").mkdir(parents=True)
    key = f"file://{bundle}/rpm/classroom-kubeadm.asc"
    (root / "bundle.repo").write_text(
        f"[bundle]\nname=bundle\nbaseurl=file://{bundle}/rpm\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey={key}\n",
        encoding="utf-8")
    done = subprocess.run(
        ["dnf", "--noplugins", "--installroot", root / "root", f"--setopt=reposdir={root}",
         f"--setopt=cachedir={root}/cache", "--releasever=9", "--forcearch=x86_64", "--assumeyes",
         "install", "kubectl-1.36.3"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "root" / "usr" / "bin" / "kubectl").is_file()


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A small bundle of somebody else: a package for each family and one image."""
    images = Images(tmp_path / "images")
    images.add(PAUSE, b"a layer")
    files = [make(tmp_path / "files", "tool", "1.0-1.1") for make in (small_packages.deb, small_packages.rpm)]
    spec = assemble.BundleSpec(
        "amd64", tuple(package_file.read(str(path)) for path in files), images.digests, str(images.layout))
    secret = str(tmp_path / "given.asc")
    assemble.make(assemble.plan(spec, "somebody"), str(tmp_path / "given"), secret)
    return tmp_path / "given"


def test_a_bundle_is_extended_packed_and_unpacked(play: Play, upstream: Upstream, given: Path, tmp_path: Path) -> None:
    stick, bundle, unpacked = (tmp_path / name for name in ("stick.tar.zst", "bundle", "unpacked"))
    extended = {
        "bundle_source": "existing", "bundle_existing": str(given), "bundle_images": [APP],
        "bundle_archive": str(stick), "bundle_image_source": upstream.variables["bundle_image_source"],
        "bundle_packages": [{"name": "containerd.io", "version": "2.4.20"}],
        "bundle_repositories": {"apt": [{
            "name": "docker", "uri": f"{upstream.packages}/linux/debian", "suite": "trixie", "components": ["stable"],
            "signed_by": (upstream.root / "linux/debian/gpg").read_text(encoding="utf-8"),
        }]},
    }
    assert changed(play(**extended)) > 0
    lock, before = lock_of(bundle), lock_of(given)
    assert set(lock["images"]) == {*before["images"], APP}
    assert len(lock["packages"]) == len(before["packages"]) + 1
    assert changed(play(**extended)) == 0

    received = {"bundle_source": "archive", "bundle_archive": str(stick), "bundle_directory": str(unpacked)}
    unknown = play(**received)
    signer = said(unknown).partition("bundle_signed_by=")[2][:40]
    assert re.fullmatch("[0-9A-F]{40}", signer) and not unpacked.exists()
    first = play(**received, bundle_signed_by=[signer])
    assert changed(first) == 1
    assert "signed by" in first.output
    assert lock_of(unpacked) == lock

    content = bytearray(stick.read_bytes())
    content[len(content) // 2] ^= 0xFF
    stick.write_bytes(content)
    words = said(play(**received, bundle_signed_by=[signer], bundle_unpack=False))
    # Where in it depends on what the byte was part of
    assert str(stick) in words and "copy" in words


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"bundle_source": "internet"},
            "bundle_source is invalid: expected one of source, upstream, existing, archive, present, found 'internet'",
        ),
        ({"bundle_source": "existing"}, "bundle_existing is missing: expected the directory of the bundle to extend"),
        ({"bundle_source": "archive"}, "bundle_archive is missing: expected the file of a packed bundle"),
        ({"bundle_source": "source"}, "expected bundle/current in the cache of the builder, found another directory"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_is_refused_at_once(play: Play, variables: dict[str, str], words: str) -> None:
    assert words in said(play(**variables))


def test_what_upstream_does_not_have(play: Play, upstream: Upstream) -> None:
    absent = {"cluster_version": "1.36.99", "bundle_containerd_version": "3.0.0"}
    words = said(play(bundle_source="upstream", bundle_families=["apt"], **{**upstream.variables, **absent}))
    assert "expected kubeadm 1.36.99, found 1.36.3-1.1 in" in words
    assert "expected containerd.io 3.0.0, found 5:1.7.0-1~debian.13~trixie, 2.4.20-1~debian.13~trixie" in words


@pytest.mark.parametrize(("family", "package"), [
    ("apt", "deb/pool/cri-tools_1.36.0-1.1_amd64.deb"), ("rpm", "rpm/pool/cri-tools-1.36.0-1.1.x86_64.rpm"),
])
def test_an_upstream_that_serves_one_package_less(
    play: Play, upstream: Upstream, tmp_path: Path, family: str, package: str,
) -> None:
    """Its lists have the package, and its file is gone; or neither."""
    variables = {"bundle_source": "upstream", "bundle_families": [family], **upstream.variables}
    file = upstream.root / "core:" / "stable:" / repositories.MINOR / package
    file.rename(tmp_path / file.name)
    try:
        words = said(play(**variables))
    finally:
        (tmp_path / file.name).rename(file)
    address = f"{upstream.packages}/core:/stable:/{repositories.MINOR}/{package.partition('/')[0]}/"
    assert f"A package cannot be downloaded: expected {file.name} from {address}, which lists it, found that" in words
    assert not (tmp_path / "bundle").exists()
    words = said(play(**variables, bundle_packages=[{"name": "cri-extras"}]))
    assert "A package is not available: expected cri-extras" in words
    assert not (tmp_path / "bundle").exists()


def test_an_installed_collection_cannot_compile(tmp_path: Path) -> None:
    """The tasks of the role where there is no builder beside them."""
    role = tmp_path / "collections" / "ansible_collections" / "classroom" / "kubeadm"
    role.mkdir(parents=True)
    for name in ("plugins", "roles", "playbooks", "meta"):
        shutil.copytree(ROOT / name, role / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        ["ansible-playbook", "classroom.kubeadm.bundle", "-i", "localhost,", "-e",
         json.dumps({"bundle_source": "source", "cluster_bundle": str(tmp_path / "bundle" / "current")})],
        cwd=tmp_path, env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path),
                           "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"), "ANSIBLE_NOCOLOR": "1",
                           "ANSIBLE_INJECT_FACT_VARS": "false"},
        capture_output=True, text=True, check=False)
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert "expected the builder in bundle/ of a checkout, found an installed" in " ".join(done.stdout.split())
