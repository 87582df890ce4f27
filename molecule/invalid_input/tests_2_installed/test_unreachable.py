# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One machine of three does not answer while a cluster is made; and what that run said at -vvv."""

from __future__ import annotations

import re

import pytest

from tests.support.failures import beside
from tests.support.playbooks import UNREACHABLE, Run, playbook
from tests.support.snapshots import machine

# A bootstrap token; a private key as it is and in base64, in which a certificate begins alike
TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
KEY = re.compile(r"PRIVATE KEY-----|LS0tLS1CRUdJTiB(?!DRVJU)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    extra = tmp_path_factory.mktemp("inventory") / "extra.yml"
    return playbook("site.yml", "-vvv", inventories=beside(extra, "all: {hosts: {node2: {ansible_port: 2}}}\n"))


def test_the_others_go_on_without_it(run: Run) -> None:
    assert run.status == UNREACHABLE, run.output
    assert run.recap["node2"]["unreachable"] == 1
    assert "Connection refused" in run.failures["node2"]
    assert {name: run.recap[name]["failed"] for name in ("master", "node1")} == {"master": 0, "node1": 0}
    nodes = machine("master").check_output("kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o name")
    assert sorted(nodes.split()) == ["node/master", "node/node1"]


def test_no_secret_is_said(run: Run) -> None:
    assert "Run kubeadm join" in run.output
    assert TOKEN.findall(run.output) == []
    assert KEY.findall(run.output) == []


def test_it_is_named_and_known_for_when_it_is_back(run: Run) -> None:
    assert run.recap["node2"]["changed"] == 0
    assert "node2.example.com" in machine("node1").file("/etc/hosts").content_string
