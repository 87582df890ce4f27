# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubectl import ApiUnreachable, Kubectl
from tests.unit.support.fake_kubectl import CONNECTION_REFUSED, FakeKubectl, connected


def test_it_reads_a_path_of_the_api(tmp_path: Path) -> None:
    fake = FakeKubectl({"get --raw /api/v1/nodes": Completed(0, '{"items": [1]}', "")})

    assert connected(tmp_path, fake).get("/api/v1/nodes") == {"items": [1]}


def test_the_kubeconfig_is_always_named(tmp_path: Path) -> None:
    seen: list[str] = []

    def runner(
        argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        seen.extend(argv)
        return Completed(0, "", "")

    Kubectl("/etc/kubernetes/admin.conf", "kubectl", runner).attempt("version")

    assert seen == ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "version"]


@pytest.mark.parametrize(
    "answer",
    [
        CONNECTION_REFUSED,
        Completed(1, "", "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout"),
        Completed(1, "", "Error from server (ServiceUnavailable): the server is unable to handle the request"),
        Completed(124, "", "no answer within 10 s"),
    ],
)
def test_an_api_server_that_does_not_answer_is_told_from_one_that_refuses(tmp_path: Path, answer: Completed) -> None:
    with pytest.raises(ApiUnreachable) as raised:
        connected(tmp_path, FakeKubectl({"get": answer})).get("/api/v1/nodes")

    assert "memcache.go" not in str(raised.value)


def test_a_refusal_is_a_sentence(tmp_path: Path) -> None:
    fake = FakeKubectl({"patch": Completed(1, "", 'Error from server (NotFound): nodes "n" not found\n')})

    with pytest.raises(ClassroomError, match=re.escape('found: Error from server (NotFound): nodes "n" not found. ')):
        connected(tmp_path, fake).call("patch", "node", "n")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    kubectl = connected(tmp_path, FakeKubectl({}))

    assert kubectl.missing() == ""
    assert "no such command" in Kubectl(kubectl.kubeconfig, str(tmp_path / "none")).missing()
    assert "no such file" in Kubectl(str(tmp_path / "none"), kubectl.binary).missing()
