# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine with everything installed that may not join, or not be made a control plane; the cluster beside it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.failures import beside, refused
from tests.support.playbooks import UNREACHABLE, inventory, playbook
from tests.support.snapshots import machine

NET = os.environ.get("CLASSROOM_NET", "192.168.91")
ANOTHER_SOCKET = ("--extra-vars", "cluster_cri_socket=unix:///run/own.sock")
ALONE = ("--limit", "node2")
NO_RUNTIME = (
    "expected it at /run/containerd/containerd.sock, found no socket", "Install and start a runtime",
)
# The kubeconfig of a kubelet that another CA has let into another cluster
FOREIGN = f"""
set -e
cd /etc/kubernetes
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kubernetes -keyout /tmp/ca.key -out /tmp/ca.crt
openssl req -newkey rsa:2048 -nodes -subj /O=system:nodes/CN=system:node:node2 -keyout /tmp/node.key -out /tmp/node.csr
openssl x509 -req -days 2 -in /tmp/node.csr -CA /tmp/ca.crt -CAkey /tmp/ca.key -CAcreateserial -out /tmp/node.crt
cat > kubelet.conf <<END
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: $(base64 -w0 /tmp/ca.crt)
    server: https://{NET}.200:6443
  name: other
contexts:
- context:
    cluster: other
    user: node2
  name: other
current-context: other
users:
- name: node2
  user:
    client-certificate-data: $(base64 -w0 /tmp/node.crt)
    client-key-data: $(base64 -w0 /tmp/node.key)
END
"""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """Everything but the join, which each test has refused."""
    run = playbook("site.yml", *ALONE, "--tags", "preflight,host,containerd,kubernetes")
    assert run.status == 0, run.output


@pytest.fixture
def closed_port() -> Iterator[None]:
    """The API is closed to this machine, and to no other."""
    master = machine("master")
    master.check_output("nft add table ip refusal")
    try:
        master.check_output("nft 'add chain ip refusal input { type filter hook input priority -300; }'")
        master.check_output(f"nft add rule ip refusal input ip saddr {NET}.102 tcp dport 6443 reject with tcp reset")
        yield
    finally:
        master.check_output("nft delete table ip refusal")


@pytest.fixture
def stopped_runtime() -> Iterator[None]:
    node2 = machine("node2")
    node2.check_output("systemctl stop containerd && rm -f /run/containerd/containerd.sock")
    yield
    node2.check_output("systemctl start containerd")


@pytest.fixture
def other_cluster() -> Iterator[None]:
    node2 = machine("node2")
    node2.check_output(FOREIGN)
    yield
    node2.check_output("rm -f /etc/kubernetes/kubelet.conf /tmp/ca.* /tmp/node.*")


@pytest.mark.usefixtures("closed_port")
def test_the_master_does_not_answer() -> None:
    found = f"Cannot join the cluster at {NET}.100:6443, which is unreachable"
    refused("node2", *ALONE, says=(found, "refused", "Nothing was changed", "that its port is open to this host"))


def test_the_master_itself_is_away(tmp_path: Path) -> None:
    away = beside(tmp_path / "extra.yml", "all: {hosts: {master: {ansible_port: 2}}}\n")
    says = ("Make sure this host can be reached", "Connection refused")
    refused("node2", *ALONE, inventories=away, says=says)


def test_the_master_failed_before_in_the_same_run(tmp_path: Path) -> None:
    """A worker does not wait for an API of which the run knows that nobody has made it."""
    away = beside(tmp_path / "extra.yml", "all: {hosts: {master: {ansible_port: 2}}}\n")
    run = playbook("site.yml", "--limit", "master,node2", inventories=away)
    assert run.status == UNREACHABLE, run.output
    assert set(run.failures) == {"master", "node2"}, run.output
    assert "node2 cannot join the cluster 'lab': expected its control plane master to be ready" in run.failures["node2"]
    assert set(run.changed.values()) == {0}, run.output


@pytest.mark.usefixtures("other_cluster")
def test_it_belongs_to_another_cluster() -> None:
    expected = f"This host belongs to another cluster: expected the one at {NET}.100:6443"
    found = f"found the one at {NET}.200:6443 (CA sha256:"
    refused("node2", *ALONE, says=(expected, found, "Correct the inventory"))


@pytest.mark.usefixtures("stopped_runtime")
def test_no_runtime_for_a_join() -> None:
    refused("node2", *ALONE, "--tags", "preflight,join", says=NO_RUNTIME)


@pytest.mark.usefixtures("stopped_runtime")
def test_no_runtime_for_a_control_plane(tmp_path: Path) -> None:
    text = "k8s_cluster: {children: {control_plane: {hosts: {node2: }}}}\nutility: {hosts: {utility.example.com: }}\n"
    own = inventory() / "addresses.yml", beside(tmp_path / "extra.yml", text)[1]
    refused("node2", *ALONE, "--tags", "preflight,init", inventories=own, says=NO_RUNTIME)


def test_another_runtime_than_the_one_that_is_there() -> None:
    found = "found no socket; /run/containerd/containerd.sock answers instead"
    says = ("expected it at /run/own.sock", found, "Set that one as criSocket")
    refused("node2", *ALONE, "--tags", "preflight,join", *ANOTHER_SOCKET, says=says)


def test_the_socket_of_a_runtime_that_was_not_chosen() -> None:
    """Found at once, and not by waiting for a socket that never answers."""
    says = ("expected the container runtime containerd", "which is CRI-O's", "Leave cluster_cri_socket out")
    refused("node2", *ALONE, "--extra-vars", "cluster_cri_socket=unix:///run/crio/crio.sock", says=says)


def test_another_minor_of_cri_o_than_kubernetes() -> None:
    says = ("expected CRI-O 1.36, as Kubernetes 1.36.3 needs it, found 1.35.2", "leave crio_version empty")
    refused("node2", *ALONE, "--extra-vars", "cluster_runtime=crio crio_version=1.35.2", says=says)


def test_a_release_that_the_source_has_not() -> None:
    """Known only to the source itself; its description is put back and the installed release stays."""
    says = ("expected containerd 9.9.9, found 2.4.2", f"in http://{NET}.10:8080/apt", "Choose one of those")
    refused("node2", *ALONE, "--extra-vars", "containerd_version=9.9.9", says=says)
