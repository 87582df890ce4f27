# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters that cannot be built from what the inventory says; found on the controller, before any machine is asked.

Each of a cluster's machines fails with the same words; the utility, which could be another cluster's, does not.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.failures import beside, refused
from tests.support.playbooks import inventory

NET = os.environ.get("CLASSROOM_NET", "192.168.91")
ALL = "master node1 node2"


def test_one_address_for_two_hosts(tmp_path: Path) -> None:
    same = beside(tmp_path / "extra.yml", f"all: {{hosts: {{node2: {{ansible_host: {NET}.101}}}}}}\n")
    found = f"found {NET}.101 on node1 ({NET}.101) and node2 ({NET}.101)"
    refused(ALL, inventories=same, says=("expected every address once", found, "Give each its own address"))


@pytest.mark.parametrize("twin", ["node1.example.com", "node1.example.org"], ids=["full name", "short name"])
def test_one_name_for_two_hosts(tmp_path: Path, twin: str) -> None:
    group = f"{{hosts: {{{twin}: {{ansible_host: {NET}.103}}}}}}"
    same = beside(tmp_path / "extra.yml", f"workers: {group}\nk8s_cluster: {group}\n")
    found = f"on node1 ({NET}.101) and {twin} ({NET}.103)"
    says = ("expected every name once, found the name node1", found, "Rename all but")
    refused(f"{ALL} {twin}", inventories=same, says=says)


def test_a_worker_outside_of_the_cluster(tmp_path: Path) -> None:
    outside = beside(tmp_path / "extra.yml", f"workers: {{hosts: {{node3: {{ansible_host: {NET}.103}}}}}}\n")
    found = "node3 is not in k8s_cluster: expected every host of workers in k8s_cluster as well, found it in workers"
    refused(ALL, inventories=outside, says=(found, "Make workers a child of k8s_cluster"))


def test_no_control_plane(tmp_path: Path) -> None:
    text = (
        "k8s_cluster: {children: {workers: {hosts: {node1: , node2: }}}}\n"
        "utility: {hosts: {utility.example.com: }}\n"
    )
    without = inventory() / "addresses.yml", beside(tmp_path / "extra.yml", text)[1]
    words = "in the group control_plane, found none, so node1 and node2 would have no cluster to join"
    refused("node1 node2", inventories=without, says=(words, "Add the control plane to the group"))


OUTSIDE = "expected its address outside of the cluster's own networks, found"
CONTRADICTIONS = {
    "pods in the services": ("cluster_pod_subnet=10.96.0.0/16", (
        "the pod subnet 10.96.0.0/16 overlaps the service subnet 10.96.0.0/12", "Choose another pod subnet")),
    "pods in the machines": ("cluster_pod_subnet=192.168.0.0/16", (
        f"master: {OUTSIDE} {NET}.100 inside of the pod subnet", f"node2: {OUTSIDE} {NET}.102", "Choose another pod")),
    "half a version": ("cluster_version=v1.36", (
        "expected three numbers like 1.36.3, found 'v1.36'", "Write all three")),
    "a version that the source has not": ("cluster_version=1.36.9", (
        "expected Kubernetes 1.36.9, found 1.36.3 in the bundle", "Choose that version")),
}


@pytest.mark.parametrize(("setting", "says"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_settings_that_contradict(setting: str, says: tuple[str, ...]) -> None:
    refused(ALL, "--extra-vars", setting, says=says)
