# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads through the API client, and through kubectl where that fails or cannot be used."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import ApiError, NotFound, Unreachable
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.cluster import Cluster
from tests.unit.support.fake_kubectl import FakeKubectl
from tests.unit.support.kubeadm_lab import FakeApi, kubeconfig_text

NODES = "/api/v1/nodes"


def cluster(directory: Path, api: FakeApi, kubectl: FakeKubectl, text: str | None = None) -> Cluster:
    path = directory / "admin.conf"
    path.write_text(kubeconfig_text("https://192.0.2.1:6443", "ca", "c", "k") if text is None else text)
    return Cluster(str(path), "kubectl", kubectl, api.connect)


def test_the_client_reads_without_a_process(tmp_path: Path) -> None:
    api, kubectl = FakeApi({NODES: {"items": [1]}}), FakeKubectl({})
    found = cluster(tmp_path, api, kubectl)
    assert [found.get(NODES), found.get(NODES)] == [{"items": [1]}] * 2
    assert kubectl.calls == [] and api.clients == ["https://192.0.2.1:6443"]


def test_each_thread_has_its_own_connection(tmp_path: Path) -> None:
    api = FakeApi({NODES: {}})
    found = cluster(tmp_path, api, FakeKubectl({}))
    threads = [threading.Thread(target=found.get, args=(NODES,)) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(api.clients) == 3


@pytest.mark.parametrize("error", [Unreachable("no answer"), NotFound("no such thing")])
def test_kubectl_explains_a_failure(tmp_path: Path, error: ApiError) -> None:
    kubectl = FakeKubectl({"get --raw": Completed(1, "", "Error from server (Forbidden): no")})
    with pytest.raises(ClassroomError, match=r"Error from server \(Forbidden\): no"):
        cluster(tmp_path, FakeApi(broken=error), kubectl).get(NODES)


TOKEN = kubeconfig_text("https://192.0.2.1:6443", "ca", "c", "k").partition("    client-certificate-data")[0]


@pytest.mark.parametrize("text", ["", "apiVersion: v1\n", "{}", TOKEN + "    token: abc\n"])
def test_kubectl_reads_with_credentials_of_another_form(tmp_path: Path, text: str) -> None:
    api, kubectl = FakeApi(), FakeKubectl({"get --raw " + NODES: Completed(0, '{"items": []}', "")})
    assert cluster(tmp_path, api, kubectl, text).get(NODES) == {"items": []}
    assert api.clients == []
