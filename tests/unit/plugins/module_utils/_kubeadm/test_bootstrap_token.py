# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm_token: made, revoked, cleaned up, and never shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube import kubeconfig
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.api import (
    AccessDenied,
    RequestRejected,
    Unavailable,
    Unreachable,
    Untrusted,
)
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
SPEC = TokenSpec("node1", machine_id="abc", address="192.168.90.101")
OTHERS = (TokenSpec("node2", "def", "192.168.90.102"), TokenSpec("node3", "ghi", "192.168.90.103"))


def create(lab: Lab, *specs: TokenSpec, endpoint: str = "") -> list[dict[str, Any]]:
    """The entries of these hosts, of one call."""
    found: list[dict[str, Any]] = present(specs or (SPEC,), 600, endpoint, lab.machine, CONF, False)["tokens"]
    return found


def create_one(lab: Lab, spec: TokenSpec = SPEC, endpoint: str = "") -> dict[str, Any]:
    """The entry of one host."""
    (found,) = create(lab, spec, endpoint=endpoint)
    return found


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
    result = present([SPEC], 600, "", lab.machine, CONF, False)
    (found,) = result["tokens"]
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
    assert result["changed"] is True


def test_the_discovery_file_grants_nothing(lab: Lab) -> None:
    found = create_one(lab)
    config = kubeconfig.parse(found["discovery"]["kubeconfig"], "discovery")
    assert (config.server, config.ca, config.key) == ("https://192.168.90.100:6443", "THE CA", "")
    assert found["discovery"]["token"].split(".")[1] not in found["discovery"]["kubeconfig"]
    assert "THE KEY" not in as_text(found)
    other = create_one(lab, endpoint="10.0.0.1:8443")
    assert kubeconfig.parse(other["discovery"]["kubeconfig"], "x").server == "https://10.0.0.1:8443"
    assert other["discovery"]["token"] != found["discovery"]["token"]


def test_the_token_is_in_the_discovery_and_nowhere_else(lab: Lab) -> None:
    found = create_one(lab)
    secret = found.pop("discovery")["token"].split(".")[1]
    assert secret not in as_text(found)


def test_check_mode_needs_no_cluster(tmp_path: Path) -> None:
    bare = Lab(tmp_path)
    found = present([SPEC, *OTHERS], 600, "", bare.machine, CONF, True)
    assert found["changed"] is True and "tokens" not in found and as_text(found["diff"]).count("about to join") == 3
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
        "gggggg": token("gggggg", ours + "node3", NOW + 500),
        "hhhhhh": token("hhhhhh", ours + "node", NOW + 500),
    }
    lab.api.objects[LIST] = {"items": [*tokens.values(), {"data": {}}]}
    for token_id in set(tokens) - {"ffffff"}:
        lab.api.objects[f"{SECRETS}/bootstrap-token-{token_id}"] = {}
    create(lab, SPEC, TokenSpec("node3"))
    left = sorted(path[-6:] for path in lab.api.objects if "bootstrap-token-" in path)
    assert left == ["cccccc", "dddddd", "eeeeee", "hhhhhh"]
    assert lab.api.calls.count("GET " + LIST) == 1


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
    assert "problem" not in create_one(lab)
    assert (NODE not in lab.api.objects) is deleted


@pytest.mark.parametrize("found", [node(machine_id="other"), node(address="192.168.90.102")])
def test_a_ready_node_of_another_host_is_named(lab: Lab, found: dict[str, Any]) -> None:
    lab.api.objects[NODE] = found
    words = r"no Ready Node .*found one at 192.168.90.*kubectl delete node node1"
    assert re.search(words, create_one(lab).pop("problem"))
    assert lab.api.posted == [] and NODE in lab.api.objects
    assert set(create_one(lab, TokenSpec("node1"))) == {"node_name", "problem"}


def test_each_host_gets_a_token_of_its_own(lab: Lab) -> None:
    found = create(lab, SPEC, *OTHERS)
    assert [one["node_name"] for one in found] == ["node1", "node2", "node3"]
    descriptions = {secret["stringData"]["token-id"]: secret["stringData"]["description"] for secret in lab.api.posted}
    assert [descriptions[one["token_id"]][-5:] for one in found] == ["node1", "node2", "node3"]
    assert len({one["discovery"]["token"].split(".")[1] for one in found}) == 3
    for one in found:
        others = [other["discovery"]["token"] for other in found if other is not one]
        assert not any(token.split(".")[1] in as_text(one) for token in others)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_host_that_gets_no_token_keeps_no_other_from_its_token(lab: Lab, place: int) -> None:
    specs = [SPEC, *OTHERS]
    name = specs[place].node_name
    lab.api.objects["/api/v1/nodes/" + name] = node(machine_id="other")
    found = present(specs, 600, "", lab.machine, CONF, False)
    assert [index for index, one in enumerate(found["tokens"]) if "problem" in one] == [place]
    assert len(lab.api.posted) == 2 and found["changed"] and name not in as_text(found["diff"])
    lab.api.objects.update({"/api/v1/nodes/" + one.node_name: node(machine_id="other") for one in specs})
    assert present(specs, 600, "", lab.machine, CONF, False)["changed"] is False


@pytest.mark.parametrize(("broken", "requests", "problems"), [
    (Unreachable("no answer"), 2, 2),
    (Unavailable("429"), 3, 1),
    (RequestRejected("409 exists", 409), 3, 1),
])
def test_an_api_that_fails_meanwhile_takes_no_token_away(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, broken: Exception, requests: int, problems: int
) -> None:
    posted = lab.api.post
    bodies: list[Mapping[str, Any]] = []

    def post(path: str, body: dict[str, Any]) -> Any:
        bodies.append(body)
        if len(bodies) == 2:
            raise broken
        return posted(path, body)

    monkeypatch.setattr(lab.api, "post", post)
    found = create(lab, SPEC, *OTHERS)
    assert len(bodies) == requests and "token_id" in found[0]
    assert [f"make a bootstrap token at 192.168.90.100:6443: {broken}" in one.get("problem", "") for one in found
            ].count(True) == problems


@pytest.mark.parametrize("check_mode", [False, True], ids=["real", "check"])
@pytest.mark.parametrize("there", [False, True])
def test_revoking(lab: Lab, there: bool, check_mode: bool) -> None:
    path = SECRETS + "/bootstrap-token-abcdef"
    if there:
        lab.api.objects[path] = token("abcdef", "x", None)
    found = absent(["uvwxyz", "abcdef"], lab.machine, CONF, check_mode)
    assert found["changed"] is there and found["revoked"] == (["abcdef"] if there else [])
    assert (path in lab.api.objects) is (there and check_mode)
    assert "0123456789abcdef" not in as_text(found)


@pytest.mark.parametrize("token_id", ["", "abcdef.0123456789abcdef", "../x", "ABCDEF"])
def test_a_token_id_that_is_none_is_refused_without_repeating_it(lab: Lab, token_id: str) -> None:
    with pytest.raises(ClassroomError, match="six lower-case letters") as caught:
        absent(["abcdef", token_id], lab.machine, CONF, False)
    assert "0123456789abcdef" not in str(caught.value) and lab.api.calls == []


@pytest.mark.parametrize(("broken", "words", "left"), [
    (RequestRejected("no", 409), "token bbbbbb at", ["bbbbbb"]),
    (Unavailable("429"), "token bbbbbb at", ["bbbbbb"]),
    (Unreachable("no answer"), "token bbbbbb, cccccc at", ["bbbbbb", "cccccc"]),
])
def test_a_token_that_cannot_be_revoked_keeps_no_other(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, broken: Exception, words: str, left: list[str]
) -> None:
    ids = ["aaaaaa", "bbbbbb", "cccccc"]
    for token_id in ids:
        lab.api.objects[f"{SECRETS}/bootstrap-token-{token_id}"] = {}
    deleted = lab.api.delete

    def delete(path: str) -> Any:
        if path.endswith("bbbbbb"):
            raise broken
        return deleted(path)

    monkeypatch.setattr(lab.api, "delete", delete)
    with pytest.raises(ClassroomError, match="revoke the bootstrap " + words):
        absent(ids, lab.machine, CONF, False)
    assert [path[-6:] for path in lab.api.objects if "bootstrap-token-" in path] == left


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
        create(lab)
    with pytest.raises(ClassroomError, match="revoke the bootstrap token abcdef.*" + words):
        absent(["abcdef"], lab.machine, CONF, False)


def test_no_admin_conf_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match="found no such file on this host"):
        create(Lab(tmp_path))


def test_the_secret_is_one_that_json_can_carry(lab: Lab) -> None:
    create(lab)
    assert json.loads(json.dumps(lab.api.posted[0])) == lab.api.posted[0]
