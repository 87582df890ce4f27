# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be refused by name, before anything that is served changes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.airgap import NET, WORK, another, extra, flipped, in_room, replace_file, signer_record
from tests.support.failures import refused
from tests.support.playbooks import FAILED, playbook
from tests.support.snapshots import machine

UTILITY = "utility.example.com"
SERVED = ("cd /srv/bundle && find . -type f | LC_ALL=C sort | xargs sha256sum && curl -s "
          f"http://{NET}.10:8080/bundle.lock.yml")
FLANNEL = "ghcr.io/flannel-io/flannel:v0.28.4"


@pytest.fixture(autouse=True)
def served() -> Iterator[None]:
    """Whatever a test does, the same bundle is served afterwards."""
    utility = machine(UTILITY)
    before = utility.check_output(SERVED)
    yield
    # What has arrived as it should may lie beside it, for the next try
    utility.check_output("rm -rf /srv/bundle/.incoming /srv/second")
    assert utility.check_output(SERVED) == before


def checked(bundle: Path, *says: str) -> None:
    """The controller's own check refuses it, too."""
    run = playbook("bundle.yml", "--extra-vars", f"bundle_source=present bundle_directory={bundle}")
    assert run.status == FAILED, run.output
    assert "expected" in run.output
    for words in says:
        assert words in " ".join(run.output.split()), run.output


def relock(bundle: Path, change: tuple[str, str]) -> None:
    """Another lock, so that the bundle is another one than that which is served."""
    lock = bundle / "bundle.lock.yml"
    replace_file(lock, re.sub(*change, lock.read_text(encoding="utf-8")).encode())


def test_one_corrupted_blob() -> None:
    bundle = another("corrupted")
    blob = max((bundle / "oci/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    replace_file(blob, flipped(blob.read_bytes()))
    name = str(blob.relative_to(bundle))
    checked(bundle, name)
    # To another place, because what the served one has already is not sent again
    refused(UTILITY, "--limit", "utility", *extra(cluster_bundle=str(bundle), utility_bundle="/srv/second"),
            says=(f"{name}: expected sha256", "found sha256", "The bundle that is served stays"))


def test_one_missing_image() -> None:
    bundle = another("missing")
    lock = (bundle / "bundle.lock.yml").read_text(encoding="utf-8")
    digest = re.search(rf"^  {re.escape(FLANNEL)}: '?sha256:([0-9a-f]+)", lock, re.MULTILINE)
    assert digest
    (bundle / "oci/blobs/sha256" / digest[1]).unlink()
    checked(bundle, digest[1])
    refused(UTILITY, "--limit", "utility", *extra(cluster_bundle=str(bundle)),
            says=("expected every file of the lock", f"{digest[1]} (the image {FLANNEL})"))


@pytest.fixture
def other_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """gpg with a secret key that nobody has heard of."""
    home = tmp_path_factory.mktemp("gpg")
    gpg = ["gpg", "--homedir", str(home), "--batch", "--yes", "--pinentry-mode=loopback", "--passphrase="]
    subprocess.run([*gpg, "--quick-generate-key", "Somebody else <else@example.org>", "ed25519", "sign"], check=True,
                   capture_output=True)
    yield gpg
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def test_a_wrong_signature(other_key: list[str]) -> None:
    """The package lists signed anew by somebody else, and the lock adapted to it."""
    bundle = another("signed")
    release = bundle / "apt/Release"
    for name, how in (("InRelease", "--clearsign"), ("Release.gpg", "--detach-sign")):
        target = bundle / "apt" / name
        before = hashlib.sha256(target.read_bytes()).hexdigest()
        target.unlink()
        argv = [*other_key, "--armor", how, "--output", str(target), str(release)]
        subprocess.run(argv, check=True, capture_output=True)
        relock(bundle, (before, hashlib.sha256(target.read_bytes()).hexdigest()))
    checked(bundle, "signed")


def test_a_repository_that_another_key_signed(other_key: list[str]) -> None:
    """A machine believes its package manager, which believes the key that it was given, and nobody else's."""
    bundle = another("key")
    key = subprocess.run([*other_key, "--armor", "--export"], check=True, capture_output=True).stdout
    replace_file(bundle / "apt/classroom-kubeadm.asc", key)
    for says in (
        f"The key of http://{NET}.10:8080/apt is not the known one",
        # On a controller that does not know the signer
        f"expected http://{NET}.10:8080/apt signed with the given key, found it unsigned or signed with another one",
    ):
        run = in_room("site.yml", "--limit", "node2", "--tags", "preflight,host,containerd", cluster_bundle=str(bundle))
        assert run.status == FAILED, run.output
        assert says in run.failures["node2"]
        signer_record(bundle).unlink(missing_ok=True)
    assert not machine("node2").package("containerd").is_installed


def test_networks_that_are_none() -> None:
    networks = ["192.168.90.0/24", "192.168.91.7/24", "room 7"]
    says = ("utility_networks is invalid: expected networks like 192.168.90.0/24 or addresses",
            "found 192.168.91.7/24, room 7.")
    refused(UTILITY, "--limit", "utility", *extra(utility_networks=networks), says=says)


def test_a_network_that_is_one_may_read() -> None:
    """The controller, which is a stranger otherwise; and afterwards again."""
    address = f"http://{NET}.10:8080/apt/InRelease"
    asked = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", address]
    for networks, expected in (([f"{NET}.1"], "200"), ([], "403")):
        run = in_room("utility.yml", utility_networks=networks)
        assert run.status == 0, run.output
        assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout == expected


@pytest.fixture
def stale() -> Iterator[Path]:
    """The certificate of a lab that was, on the controller."""
    path = WORK / "stale.crt"
    argv = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN=Registry of {UTILITY}", "-keyout", os.devnull, "-out", str(path),
    ]
    subprocess.run(argv, check=True, capture_output=True)
    yield path
    path.unlink()


def test_the_certificate_of_another_lab(stale: Path) -> None:
    """A run without the utility, which would bring the right one."""
    run = in_room("site.yml", "--limit", "node2", cluster_utility_ca=str(stale))
    assert run.status == FAILED, run.output
    said = run.failures["node2"]
    assert f"expected https://{NET}.10:5000 with a certificate of the CA in {stale}" in said
    assert "certificate" in said and "remove the file on the controller" in said
    assert not machine("node2").file("/etc/kubernetes/kubelet.conf").exists


def test_a_controller_that_has_never_seen_the_utility_asks_it() -> None:
    """It is no part of the run; and a missing file is fetched from it."""
    path = WORK / "fresh" / "ca.crt"
    shutil.rmtree(path.parent, ignore_errors=True)
    run = in_room("site.yml", "--limit", "node2", "--tags", "preflight,host,containerd", cluster_utility_ca=str(path))
    assert run.status == 0, run.output
    public = machine(UTILITY).file("/etc/classroom-registry/tls/ca.crt")
    assert path.read_text(encoding="utf-8") == public.content_string
