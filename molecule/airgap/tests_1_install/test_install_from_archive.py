# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the line at home to a cluster in the room: packed, carried, checked, unpacked, served, installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import yaml

from tests.support.airgap import BUNDLE, CLASS, NET, STICK, WORK, flipped, in_room
from tests.support.playbooks import FAILED, playbook
from tests.support.snapshots import MACHINES, machine
from tools.paths import CACHE

UTILITY = "utility.example.com"
# The packages of each machine and their versions before the collection touched it
BEFORE: dict[str, dict[str, str]] = {}


def installed(name: str) -> dict[str, str]:
    listed = machine(name).check_output("dpkg-query --show --showformat='${Package} ${Version}\n'")
    return dict(line.split() for line in listed.splitlines())


@pytest.mark.parametrize("name", MACHINES)
def test_a_host_is_a_fresh_image(name: str) -> None:
    """Nothing that Kubernetes, the utility or the lessons need, and no list of what could be installed."""
    host = machine(name)
    BEFORE[name] = installed(name)
    for program in ("runc", "iptables", "conntrack", "socat", "ethtool", "nginx", "podman", "chronyd"):
        assert not host.exists(program)
    assert host.check_output("find /var/lib/apt/lists -name '*Packages*'") == ""
    assert host.check_output("cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true") == ""


@pytest.mark.parametrize("name", MACHINES)
def test_there_is_no_way_out(name: str) -> None:
    host = machine(name)
    assert [line for line in host.check_output("ip route").splitlines() if not line.startswith(f"{NET}.0/24 ")] == []
    away = host.run("ip route get 192.0.2.1")
    assert away.rc != 0 and "unreachable" in away.stderr
    assert not host.file("/srv/bundles/current").exists


def test_the_bundle_is_packed() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    STICK.parent.mkdir(parents=True)
    variables = f"bundle_source=present bundle_directory={CACHE}/bundle/current bundle_archive={STICK}"
    run = playbook("bundle.yml", "--extra-vars", variables)
    assert run.status == 0, run.output
    assert STICK.is_file()


@pytest.fixture
def bad_stick() -> Iterator[str]:
    path = STICK.with_name("bad.tar.zst")
    shutil.copyfile(f"{STICK}.sha256", f"{path}.sha256")
    path.write_bytes(flipped(STICK.read_bytes()))
    yield str(path)
    path.unlink()


def test_a_damaged_stick_is_not_unpacked(bad_stick: str) -> None:
    variables = f"bundle_source=archive bundle_archive={bad_stick} bundle_directory={BUNDLE}"
    run = playbook("bundle.yml", "--extra-vars", variables)
    assert run.status == FAILED, run.output
    assert "expected" in run.output and bad_stick in run.output
    assert not BUNDLE.exists()


def test_the_stick_is_checked_and_unpacked() -> None:
    """Its signer is confirmed by the user first, as the maker of the bundle has named it."""
    variables = f"bundle_source=archive bundle_archive={STICK} bundle_directory={BUNDLE}"
    signer = (CACHE / "bundle/current.signed-by").read_text(encoding="utf-8").strip()
    unknown = playbook("bundle.yml", "--extra-vars", variables)
    assert unknown.status == FAILED and f"bundle_signed_by={signer}" in unknown.output, unknown.output
    assert not BUNDLE.exists()
    run = playbook("bundle.yml", "--extra-vars", f"{variables} bundle_signed_by={signer}")
    assert run.status == 0, run.output
    assert (BUNDLE / "bundle.lock.yml").read_bytes() == (CACHE / "bundle/current/bundle.lock.yml").read_bytes()


@pytest.fixture
def small_disk() -> Iterator[str]:
    utility = machine(UTILITY)
    utility.check_output("mkdir /srv/small && mount -t tmpfs -o size=150m tmpfs /srv/small")
    yield "/srv/small"
    utility.check_output("umount /srv/small && rmdir /srv/small")


def test_a_disk_without_room_for_the_bundle(small_disk: str) -> None:
    run = in_room("site.yml", "--limit", "utility", utility_bundle=f"{small_disk}/bundle")
    assert run.status == FAILED, run.output
    assert f"MiB free in {small_disk}/bundle for the files of the bundle, found" in run.failures[UTILITY]
    assert run.changed == {UTILITY: 0}
    assert machine(UTILITY).check_output(f"ls -A {small_disk}") == ""


def test_a_disk_without_room_for_the_images(small_disk: str) -> None:
    """Before anything of the bundle is copied."""
    run = in_room("site.yml", "--limit", "utility", utility_registry_storage=f"{small_disk}/registry")
    assert run.status == FAILED, run.output
    assert f"MiB free in {small_disk}/registry for the images of the registry, found" in run.failures[UTILITY]
    assert run.changed == {UTILITY: 0}
    assert not machine(UTILITY).file("/srv/bundle").exists


@pytest.fixture(params=[5001, 5000])
def squatter(request: pytest.FixtureRequest) -> Iterator[int]:
    utility = machine(UTILITY)
    utility.check_output(f"systemd-run --quiet --collect --unit=squatter python3 -m http.server {request.param}")
    asked = f"curl -s -o /dev/null http://127.0.0.1:{request.param}"
    utility.check_output(f"timeout 30 sh -c 'until {asked}; do sleep 0.2; done'")
    yield int(request.param)
    utility.check_output("systemctl stop squatter")


def test_a_port_that_is_in_use(squatter: int) -> None:
    run = in_room("site.yml", "--limit", "utility")
    assert run.status == FAILED, run.output
    unit = {5000: "nginx", 5001: "classroom-registry"}[squatter]
    found = f"Port {squatter} is in use: expected it free for {unit}.service, found another program, 'python3', "
    assert found in run.failures[UTILITY]
    assert run.changed == {UTILITY: 0}


def test_what_a_cut_connection_left_is_picked_up() -> None:
    """As if it had been cut before the lock arrived, and in the middle of a file."""
    utility = machine(UTILITY)
    served = "/srv/bundle"
    first = in_room("utility.yml")
    assert first.status == 0, first.output
    largest = max((path for path in BUNDLE.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    name = largest.relative_to(BUNDLE)
    utility.check_output(
        f"cd {served} && mkdir .incoming && mv apt bin oci os rpm .incoming/ && rm bundle.lock.yml* && "
        f"truncate --size=1M .incoming/{name} && mv .incoming/{name} .incoming/{name}.part")
    run = in_room("utility.yml", "--check")
    assert run.status == 0, run.output
    run = in_room("site.yml", "--limit", "utility", "--diff")
    assert run.status == 0, run.output
    # In the difference, only what had not arrived
    assert f"+  {name}" in run.output
    assert "+  apt/InRelease" not in run.output
    assert utility.check_output(f"ls -A {served}").split() == sorted(path.name for path in BUNDLE.iterdir())


def test_a_cluster_in_the_room() -> None:
    """Its proof is the next test's, when the stick is gone."""
    run = in_room("site.yml", *CLASS, "--skip-tags", "verify")
    assert run.status == 0, run.output
    assert set(run.recap) == {"master", "node1", UTILITY}


@pytest.mark.parametrize("name", ["master", "node1", UTILITY])
def test_what_was_missing_came_from_the_bundle_and_nothing_was_upgraded(name: str) -> None:
    lock = yaml.safe_load((BUNDLE / "bundle.lock.yml").read_text(encoding="utf-8"))
    known = {**lock["distributions"]["debian-13"], **{each["name"]: each["version"] for each in lock["packages"]}}
    found = installed(name)
    added = {package: version for package, version in found.items() if package not in BEFORE[name]}
    assert {package: found[package] for package in BEFORE[name]} == BEFORE[name]
    assert added == {package: known.get(package) for package in added}
    assert ({"nginx"} if name == UTILITY else {"runc", "iptables"}) <= set(added)


def test_coredns_works_without_a_nameserver() -> None:
    """Verification, the next test, resolves names through it."""
    corefile = machine("master").check_output(
        "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get configmap coredns "
        "-o 'jsonpath={.data.Corefile}'")
    assert "names outside of the cluster are not forwarded" in corefile and "forward ." not in corefile


def test_the_proof_without_the_stick() -> None:
    """Names, pod to pod, exec and logs on both machines."""
    STICK.unlink()
    run = in_room("verify.yml", *CLASS)
    assert run.status == 0, run.output
