# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_token: made, revoked, cleaned up, and never shown."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import kubeconfig
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import AccessDenied, Unreachable, Untrusted
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm.bootstrap_token import (
    TokenSpec,
    absent,
    present,
    seconds,
    used,
)
from tests.unit.support.kubeadm_lab import NOW, Lab, as_text, kubeconfig_text, request, token

CONF = "/etc/kubernetes/admin.conf"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
LIST = SECRETS + "?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests/"
SPEC = TokenSpec("node1", 600, machine_id="abc", node_address="192.168.90.101")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.write(CONF, kubeconfig_text("https://192.168.90.100:6443", "THE CA", "CRT", "THE KEY"))
    made.api.objects[LIST] = {"items": []}
    return made


def node(ready: str = "True", machine_id: str = "abc", address: str = "192.168.90.101") -> dict[str, Any]:
    return {"status": {
        "conditions": [{"type": "Ready", "status": ready}], "nodeInfo": {"machineID": machine_id},
        "addresses": [{"type": "InternalIP", "address": address}],
    }}


def test_a_token_is_made_through_the_api(lab: Lab) -> None:
    found = present(SPEC, lab.machine, CONF, False)
    (secret,) = lab.api.posted
    data = secret["stringData"]
    assert secret["metadata"] == {"name": "bootstrap-token-" + found["token_id"], "namespace": "kube-system"}
    assert secret["type"] == "bootstrap.kubernetes.io/token"
    assert found["discovery"]["token"] == "{}.{}".format(data["token-id"], data["token-secret"])
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", found["discovery"]["token"])
    assert data["expiration"] == datetime.fromtimestamp(NOW + 600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert data["auth-extra-groups"] == "system:bootstrappers:kubeadm:default-node-token"
    assert "node1" in data["description"]
    assert "usage-bootstrap-signing" not in data and data["usage-bootstrap-authentication"] == "true"
    assert lab.run.said == []
    assert found["changed"] is True


def test_the_discovery_file_grants_nothing(lab: Lab) -> None:
    found = present(SPEC, lab.machine, CONF, False)
    config = kubeconfig.parse(found["discovery"]["kubeconfig"], "discovery")
    assert (config.server, config.ca, config.key) == ("https://192.168.90.100:6443", "THE CA", "")
    assert found["discovery"]["token"].split(".")[1] not in found["discovery"]["kubeconfig"]
    assert "THE KEY" not in as_text(found)
    other = present(TokenSpec("node1", 600, endpoint="10.0.0.1:8443"), lab.machine, CONF, False)
    assert kubeconfig.parse(other["discovery"]["kubeconfig"], "x").server == "https://10.0.0.1:8443"
    assert other["discovery"]["token"] != found["discovery"]["token"]


def test_the_token_is_in_the_discovery_and_nowhere_else(lab: Lab) -> None:
    found = present(SPEC, lab.machine, CONF, False)
    secret = found.pop("discovery")["token"].split(".")[1]
    assert secret not in as_text(found)


def test_check_mode_needs_no_cluster(tmp_path: Path) -> None:
    bare = Lab(tmp_path)
    found = present(SPEC, bare.machine, CONF, True)
    assert found["changed"] is True and "discovery" not in found and "token_id" not in found
    assert bare.api.calls == []


def test_stale_tokens_of_ours_are_removed(lab: Lab) -> None:
    ours = "classroom.kubeadm: join of "
    tokens = {
        "aaaaaa": token("aaaaaa", ours + "node2", NOW - 1),
        "bbbbbb": token("bbbbbb", ours + "node1", NOW + 500),
        "cccccc": token("cccccc", ours + "node2", NOW + 500),
        "dddddd": token("dddddd", "an administrator's", NOW - 1),
        "eeeeee": token("eeeeee", ours + "node2", None),
        "ffffff": token("ffffff", ours + "node2", NOW - 5),
    }
    lab.api.objects[LIST] = {"items": [*tokens.values(), {"data": {}}]}
    for token_id in set(tokens) - {"ffffff"}:
        lab.api.objects[f"{SECRETS}/bootstrap-token-{token_id}"] = {}
    present(SPEC, lab.machine, CONF, False)
    left = sorted(path[-6:] for path in lab.api.objects if "bootstrap-token-" in path)
    assert left == ["cccccc", "dddddd", "eeeeee"]


def test_tokens_are_used_once_a_certificate_was_issued_for_them(lab: Lab) -> None:
    tokens = {
        "served": token("served", "classroom.kubeadm: join of node1"),
        "waited": token("waited", "classroom.kubeadm: join of node2"),
        "unseen": token("unseen", "classroom.kubeadm: join of node3"),
        "others": token("others", "an administrator's"),
    }
    lab.api.objects[LIST] = {"items": list(tokens.values())}
    for token_id in ("served", "waited", "others"):
        lab.api.objects[REQUESTS + token_id] = request(token_id, issued=token_id != "waited")
    assert used(lab.api) == ("served",)


def test_without_a_token_of_ours_one_question_is_enough(lab: Lab) -> None:
    lab.api.objects[LIST] = {"items": [token("others", "an administrator's")]}
    assert used(lab.api) == ()
    assert lab.api.calls == ["GET " + LIST]


NODE = "/api/v1/nodes/node1"


@pytest.mark.parametrize(
    ("found", "deleted"),
    [(node(), True), (node("False"), False), (node("False", "other", "10.0.0.1"), False), (node("Unknown"), False)],
)
def test_a_ready_node_of_the_same_host_makes_room(lab: Lab, found: dict[str, Any], deleted: bool) -> None:
    lab.api.objects[NODE] = found
    present(SPEC, lab.machine, CONF, False)
    assert (NODE not in lab.api.objects) is deleted


@pytest.mark.parametrize("found", [node(machine_id="other"), node(address="192.168.90.102")])
def test_a_ready_node_of_another_host_is_named(lab: Lab, found: dict[str, Any]) -> None:
    lab.api.objects[NODE] = found
    with pytest.raises(ClassroomError, match=r"no Ready Node .*found one at 192.168.90.*kubectl delete node node1"):
        present(SPEC, lab.machine, CONF, False)
    assert lab.api.posted == [] and NODE in lab.api.objects
    with pytest.raises(ClassroomError):
        present(TokenSpec("node1", 600), lab.machine, CONF, False)


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("there", [False, True])
def test_revoking(lab: Lab, there: bool, check_mode: bool) -> None:
    path = SECRETS + "/bootstrap-token-abcdef"
    if there:
        lab.api.objects[path] = token("abcdef", "x", None)
    found = absent("abcdef", lab.machine, CONF, check_mode)
    assert found["changed"] is there and found["token_id"] == "abcdef"
    assert (path in lab.api.objects) is (there and check_mode)
    assert "0123456789abcdef" not in as_text(found)


@pytest.mark.parametrize("token_id", ["", "abcdef.0123456789abcdef", "../x", "ABCDEF"])
def test_a_token_id_that_is_none_is_refused_without_repeating_it(lab: Lab, token_id: str) -> None:
    with pytest.raises(ClassroomError, match="six lower-case letters") as caught:
        absent(token_id, lab.machine, CONF, False)
    assert "0123456789abcdef" not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [("10m", 600), ("90s", 90), ("1h30m", 5400), ("2h", 7200)])
def test_ttl(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0s", "10", "ten", "-5m", "1d"])
def test_a_ttl_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ClassroomError, match="such as 10m, 90s or 1h30m, found"):
        seconds(text)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Unreachable("refused"), "Check that the API server runs"),
        (AccessDenied("401", 401), "Check that /etc/kubernetes/admin.conf is still valid"),
        (Untrusted("x", "ca"), "belongs to another cluster"),
    ],
)
def test_an_api_that_does_not_help_is_explained(lab: Lab, broken: Exception, words: str) -> None:
    lab.api.broken = broken
    with pytest.raises(ClassroomError, match="make a bootstrap token at 192.168.90.100:6443.*" + words):
        present(SPEC, lab.machine, CONF, False)
    with pytest.raises(ClassroomError, match="revoke the bootstrap token abcdef.*" + words):
        absent("abcdef", lab.machine, CONF, False)


def test_no_admin_conf_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match="found no such file on this host"):
        present(SPEC, Lab(tmp_path).machine, CONF, False)


def test_the_secret_is_one_that_json_can_carry(lab: Lab) -> None:
    present(SPEC, lab.machine, CONF, False)
    assert json.loads(json.dumps(lab.api.posted[0])) == lab.api.posted[0]
