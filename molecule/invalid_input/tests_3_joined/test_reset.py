# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resets that nobody wants, of a cluster that runs on as if nobody had asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.failures import beside, refused
from tests.support.playbooks import UNREACHABLE, playbook
from tests.support.snapshots import machine

NET = os.environ.get("CLASSROOM_NET", "192.168.91")
SURE = ("--extra-vars", "reset_confirm=true")
ELSEWHERE = f"sed -i.kept 's/{NET}.100/{NET}.200/' /etc/kubernetes/kubelet.conf"


@pytest.fixture(scope="module", autouse=True)
def cluster() -> None:
    """A control plane and one worker; the other machine has been taken to and fro by the tests before."""
    run = playbook("site.yml", "--limit", "all:!node2")
    assert run.status == 0, run.output


# The second is a text for Ansible, which in a condition would count as true
@pytest.mark.parametrize("arguments", [(), ("--extra-vars", "reset_confirm=false")], ids=["nothing", "no"])
def test_without_a_confirmation(arguments: tuple[str, ...]) -> None:
    says = ("The reset of master, node1, node2 was not confirmed: expected 'yes', found no answer",
            "reset_confirm=true")
    refused("master", *arguments, playbook_name="reset.yml", says=says)


def test_a_level_that_is_none() -> None:
    run = playbook("reset.yml", *SURE, "--extra-vars", "reset_level=wiped")
    assert run.status != 0
    assert set(run.changed.values()) == {0}, run.output
    assert "value of reset_level must be one of: prepared, bare, got: wiped" in run.output


def test_a_control_plane_without_its_workers() -> None:
    says = ("The reset of master would leave workers without a control plane: expected all hosts of the cluster 'lab'",
            "found that these are missing: node1, node2", "reset_leave_workers=true")
    refused("master", "--limit", "master", *SURE, playbook_name="reset.yml", says=says)


@pytest.fixture
def other_cluster() -> Iterator[None]:
    """node1 is a worker of a cluster at another address; its kubelet, which read the file before, goes on."""
    node1 = machine("node1")
    node1.check_output(ELSEWHERE)
    yield
    node1.check_output("mv /etc/kubernetes/kubelet.conf.kept /etc/kubernetes/kubelet.conf")


@pytest.mark.usefixtures("other_cluster")
def test_a_host_of_another_cluster() -> None:
    says = (f"This host belongs to another cluster: expected the one at {NET}.100:6443",
            f"found the one at {NET}.200:6443 (CA sha256:", "allow_foreign")
    refused("node1", "--limit", "node1", *SURE, playbook_name="reset.yml", says=says)


@pytest.fixture(params=["/etc/kubernetes", "/var/lib/kubelet"])
def read_only(request: pytest.FixtureRequest) -> Iterator[str]:
    path, node1 = str(request.param), machine("node1")
    node1.check_output(f"mount --bind {path} {path} && mount -o remount,ro,bind {path}")
    yield path
    # The kubelet may have a file open at this moment
    node1.check_output(f"for second in $(seq 20); do umount {path} && exit 0; sleep 1; done; exit 1")


def test_a_directory_that_cannot_be_written(read_only: str) -> None:
    says = (f"Cannot delete the content of {read_only}: expected it to be writable, found it mounted read-only",
            "Nothing was changed", "remount,rw")
    refused("node1", "--limit", "node1", *SURE, playbook_name="reset.yml", says=says)


def test_one_that_is_not_reached_is_named_and_the_others_are_looked_at(tmp_path: Path) -> None:
    """In check mode, because the cluster is needed: whom it would reset, and whom it cannot."""
    extra = beside(tmp_path / "extra.yml", "all: {hosts: {node2: {ansible_port: 2}}}\n")
    run = playbook("reset.yml", "--check", inventories=extra)
    assert run.status == UNREACHABLE, run.output
    assert run.recap["node2"]["unreachable"] == 1
    said = " ".join(run.output.split())
    assert "node1: would be reset; this host is a worker" in said
    assert "node2: NOT RESET, the host is unreachable" in said and "reset.yml --limit node2" in said


def test_the_cluster_has_not_noticed() -> None:
    nodes = machine("master").check_output(
        "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes --no-headers "
        "-o custom-columns=N:.metadata.name,U:.spec.unschedulable")
    assert [line.split() for line in nodes.splitlines()][:2] == [["master", "<none>"], ["node1", "<none>"]]
