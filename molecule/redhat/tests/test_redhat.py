# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests of this file are one story and run in its order; each begins where the one before has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.machine_prints import all_prints, machine, machine_print
from tests.playbook_runs import FAILED, Run, ad_hoc, kept_prints, playbook
from tests.stages import stage

NODES = ("master", "node1")
REPOSITORY = "classroom-kubeadm"
HELD = ("kubelet", "kubeadm", "kubectl")
# A newer kubelet in the repository, which nobody has to have signed for this
NEWER = " ".join(f"--setopt={REPOSITORY}.{option}" for option in (
    "baseurl=file:///srv/repositories/right", "gpgcheck=0", "repo_gpgcheck=0"))


def command(words: str, name: str = "master") -> str:
    return str(machine(name).check_output(words))


def succeeded(run: Run) -> Run:
    assert run.status == 0, run.output
    return run


def test_the_second_run_changes_nothing() -> None:
    with stage("site.yml with nothing to do"):
        run = succeeded(playbook("site.yml"))
    assert set(run.changed.values()) == {0}


def test_both_families_are_one_cluster() -> None:
    nodes = json.loads(command("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o json"))["items"]
    assert {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {
        "master": "v1.36.3", "node1": "v1.36.3"}
    assert "apt-mark" not in command("rpm --query --all") and "kubelet" in command("apt-mark showhold", "node1").split()


@pytest.mark.parametrize("package", [*HELD, "containerd"])
def test_packages_are_of_the_exact_version_and_signed(package: str) -> None:
    version = "2.4.2" if package == "containerd" else "1.36.3"
    assert command(f"rpm --query --queryformat '%{{VERSION}}' {package}") == version
    assert "Key ID" in command(f"rpm --query --queryformat '%{{RSAHEADER:pgpsig}}' {package}")


@pytest.mark.parametrize("words", ["upgrade", "upgrade kubelet", "install kubelet-1.99.0-1", "upgrade --best kubelet"])
@pytest.mark.usefixtures("key")
def test_nobody_elses_dnf_moves_them(words: str) -> None:
    before = command("rpm --query kubelet")
    said = machine("master").run(f"dnf --assumeyes --refresh {NEWER} {words}")
    assert command("rpm --query kubelet") == before, said.stdout
    lifted = machine("master").run(f"dnf --assumeno --refresh {NEWER} --disableexcludes={REPOSITORY} {words}")
    assert "1.99.0" in lifted.stdout, "it could not have been moved at all"


def test_a_list_of_what_there_is_does_not_tempt_anybody() -> None:
    listed = command(f"dnf --quiet --repo={REPOSITORY} list --available --showduplicates || true")
    assert [line for line in listed.splitlines() if line.startswith(HELD)] == []


def wish(key: str, name: str = "small", version: str = "1.1", **repository: Any) -> dict[str, Any]:
    return {
        "repository": {"name": "small", "uri": "file:///srv/repositories/right", "signed_by": key, **repository},
        "packages": [{"name": name, "version": version}],
    }


@contextmanager
def no_room() -> Iterator[None]:
    """dnf's own directory on a disk that is full."""
    command("mount -t tmpfs -o size=64k tmpfs /var/cache/dnf && cp /bin/bash /var/cache/dnf/full 2>/dev/null || true")
    try:
        yield
    finally:
        command("umount /var/cache/dnf")


SIGNED = "signed with the given key, found it, or a package of it, unsigned or signed with another one"
REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the server is down": ({"uri": "http://127.0.0.1:9/rpm"}, (
        "Wanted the metadata of http://127.0.0.1:9/rpm, found that it cannot be fetched", "server up?")),
    "its metadata is not signed": ({"uri": "file:///srv/repositories/unsigned"}, (SIGNED, "repositories/unsigned")),
    "its metadata is signed by another": ({"uri": "file:///srv/repositories/other-metadata"}, (
        SIGNED, "Wanted file:///srv/repositories/other-metadata signed", "Bad GPG signature")),
    "its packages are signed by another": ({"uri": "file:///srv/repositories/other-packages"}, (SIGNED, "small-1.1")),
    "a package is damaged": ({"uri": "file:///srv/repositories/damaged"}, (
        "found files with other contents", "small-1.1")),
    "the version is not there": ({"version": "2.0"}, (
        "Wanted small 2.0, found 1.1-1, 1.0-1 in file:///srv/repositories/right. Choose one of those",)),
    "the key has another fingerprint": ({"fingerprints": ["AA BB"]}, ("whose fingerprint is AABB, found a key with",)),
}


@pytest.mark.parametrize(("repository", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_by_name_and_nothing_changed(
    key: str, repository: dict[str, Any], says: tuple[str, ...]
) -> None:
    before = machine_print("master")
    run = ad_hoc("master", "classroom.kubeadm.installed_service", wish(key, **repository))
    assert run.status == FAILED, run.output
    assert [words for words in says if words not in run.output] == [], run.output
    assert machine_print("master") == before


def test_a_full_disk_is_named(key: str) -> None:
    before = machine_print("master")
    with no_room():
        run = ad_hoc("master", "classroom.kubeadm.installed_service", wish(key))
    assert run.status == FAILED and "found the disk full" in run.output, run.output
    assert machine_print("master") == before


def test_another_dnf_is_waited_for_and_then_it_is_installed(key: str) -> None:
    # dnf's own lock: the number of a process that lives
    command("sh -c 'sleep 8 & echo -n $! | tee /run/other > /var/lib/dnf/rpmdb_lock.pid'")
    run = succeeded(ad_hoc("master", "classroom.kubeadm.installed_service", wish(key, version="1.0")))
    assert "master | CHANGED" in run.output and command("rpm --query small") == "small-1.0-1.noarch"
    command("test ! -e /proc/$(cat /run/other)")


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_up_and_down_and_nothing_twice(key: str, version: str) -> None:
    run = succeeded(ad_hoc("master", "classroom.kubeadm.installed_service", wish(key, version=version)))
    assert "master | CHANGED" in run.output and command("rpm --query small") == f"small-{version}-1.noarch"
    run = succeeded(ad_hoc("master", "classroom.kubeadm.installed_service", wish(key, version=version)))
    assert "master | SUCCESS" in run.output


@pytest.mark.parametrize("version", ["1.0", "1.1"], ids=["an installation", "an upgrade"])
def test_an_interrupted_transaction_is_finished(key: str, version: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(ad_hoc, "master", "classroom.kubeadm.installed_service", wish(key, "slow", version))
        command(f"timeout 60 sh -c 'until [ -e /run/slow-{version} ]; do sleep 0.1; done'")
        command("kill -9 $(cat /var/lib/dnf/rpmdb_lock.pid); pkill -x sleep")
        assert killed.result().status == FAILED and "ended in the middle (signal 9)" in killed.result().output
    run = succeeded(ad_hoc("master", "classroom.kubeadm.installed_service", wish(key, "slow", version)))
    assert "master | CHANGED" in run.output and "an earlier installation was interrupted" in run.output
    assert command("rpm --query slow").splitlines() == [f"slow-{version}-1.noarch"]
    assert "master | SUCCESS" in ad_hoc(
        "master", "classroom.kubeadm.installed_service", wish(key, "slow", version)).output


def test_bare_is_what_was_before() -> None:
    with stage("reset.yml to bare"):
        succeeded(playbook(
            "reset.yml", "--limit", "k8s_cluster", "-e", "reset_confirm=true", "-e", "reset_level=bare"))
    before = json.loads(kept_prints().read_text(encoding="utf-8"))
    assert {name: sorted(lines ^ set(before[name])) for name, lines in all_prints(NODES).items()} == {
        name: [] for name in NODES
    }
    assert command("find /var/cache/dnf -name 'classroom*'; ls /etc/yum.repos.d /etc/cni 2>/dev/null || true") in (
        "", "/etc/yum.repos.d:")
