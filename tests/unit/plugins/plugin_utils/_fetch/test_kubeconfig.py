# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch.kubeconfig import Expected, owner, rewritten
from tests.unit.support.kubeadm_lab import Authority

ADMIN = Expected("192.0.2.10:6443", "lab", "kubernetes-admin", ("kubeadm:cluster-admins", "system:masters"))
Document = dict[str, Any]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def valid(authority: Authority) -> Document:
    """A file of kubeadm."""
    certificate, key = authority.issue("admin", "/O=kubeadm:cluster-admins/CN=kubernetes-admin")
    document: Document = yaml.safe_load(authority.kubeconfig("https://192.0.2.10:6443", certificate, key))
    return document


def changed(valid: Document, change: Callable[[Document], object]) -> str:
    document = copy.deepcopy(valid)
    change(document)
    return yaml.safe_dump(document)


def user(document: Document) -> Any:
    return document["users"][0]["user"]


def cluster(document: Document) -> Any:
    return document["clusters"][0]["cluster"]


def test_it_is_written_again_from_its_values(valid: Document) -> None:
    text = rewritten(yaml.safe_dump(valid), ADMIN)
    found = yaml.safe_load(text)
    assert found["current-context"] == "kubernetes-admin@lab"
    assert found["contexts"] == [
        {"name": "kubernetes-admin@lab", "context": {"cluster": "lab", "user": "kubernetes-admin"}}]
    assert found["clusters"] == [{"name": "lab", "cluster": cluster(valid)}]
    assert found["users"][0]["user"]["client-certificate-data"] == user(valid)["client-certificate-data"]
    # What the controller has written is accepted again, and stays the same
    assert rewritten(text, ADMIN) == text
    assert owner(text) == ("lab", "kubernetes-admin")


def test_the_namespace_is_the_inventorys(valid: Document) -> None:
    text = changed(valid, lambda document: document["contexts"][0]["context"].update(namespace="kube-system"))
    expected = Expected(ADMIN.server, ADMIN.cluster, ADMIN.user, ADMIN.groups, "anna")
    assert yaml.safe_load(rewritten(text, expected))["contexts"][0]["context"]["namespace"] == "anna"
    assert "namespace" not in yaml.safe_load(rewritten(text, ADMIN))["contexts"][0]["context"]


@pytest.mark.parametrize(("change", "found"), [
    (lambda d: user(d).update(exec={"command": "/bin/sh"}), "users[].user.'exec'"),
    (lambda d: user(d).update({"auth-provider": {"name": "x"}}), "users[].user.'auth-provider'"),
    (lambda d: user(d).update(token="t0ken"), "users[].user.'token'"),
    (lambda d: user(d).update(tokenFile="/home/instructor/.ssh/id_ed25519"), "users[].user.'tokenFile'"),
    (lambda d: user(d).update(username="a", password="b"), "users[].user.'password', users[].user.'username'"),
    (lambda d: user(d).update({"client-key": "/etc/passwd"}), "users[].user.'client-key'"),
    (lambda d: user(d).update({"client-certificate": "/etc/passwd"}), "users[].user.'client-certificate'"),
    (lambda d: user(d).update({"as": "system:admin"}), "users[].user.'as'"),
    (lambda d: user(d).update(extensions=[]), "users[].user.'extensions'"),
    (lambda d: cluster(d).update({"certificate-authority": "/etc/passwd"}),
     "clusters[].cluster.'certificate-authority'"),
    (lambda d: cluster(d).update({"proxy-url": "http://evil"}), "clusters[].cluster.'proxy-url'"),
    (lambda d: cluster(d).update({"insecure-skip-tls-verify": True}), "clusters[].cluster.'insecure-skip-tls-verify'"),
    (lambda d: cluster(d).update({"tls-server-name": "x"}), "clusters[].cluster.'tls-server-name'"),
    (lambda d: d["contexts"][0]["context"].update(extensions=[]), "contexts[].context.'extensions'"),
    (lambda d: d["users"][0].update(exec={}), "users[].'exec'"),
    (lambda d: d.update(extensions=[{"name": "x"}]), "'extensions'"),
    (lambda d: d.update({"k\x1b]0;x\x07" + 200 * "y": 1}), "'k\\x1b]0;x\\x07yyy"),
    (lambda d: d.update(preferences={"colors": True}), "preferences with content"),
    (lambda d: d["contexts"].append({"name": "b", "context": {}}), "2 entries in contexts instead of one"),
    (lambda d: d["users"].append({"name": "b", "user": {}}), "2 entries in users instead of one"),
    (lambda d: d["clusters"].append({"name": "b", "cluster": {}}), "2 entries in clusters instead of one"),
    (lambda d: d.update(users=[]), "0 entries in users instead of one"),
    (lambda d: d.update(users="admin"), "no entries in users instead of one"),
    (lambda d: d.update(users=["admin"]), "an entry in users without user"),
    (lambda d: cluster(d).update(server=["https://192.0.2.10:6443"]),
     "an entry in clusters with something else than text"),
    (lambda d: d["clusters"][0].update(name=["x"]), "an entry in clusters with something else than text"),
    (lambda d: d.update({"current-context": "other"}), "a context that does not lead to its one cluster and user"),
    (lambda d: d.update(kind="ConfigMap"), "a text that is no kubeconfig of apiVersion v1"),
    (lambda d: cluster(d).update(server="https://203.0.113.9:6443"), "'https://203.0.113.9:6443' instead of"),
    (lambda d: cluster(d).update(server="http://192.0.2.10:6443"), "the server 'http://192.0.2.10:6443' instead of"),
    (lambda d: cluster(d).update(server="https://192.0.2.10:6443/x"), "the server"),
    (lambda d: cluster(d).update(server="https://evil@192.0.2.10:6443"), "the server"),
    (lambda d: cluster(d).pop("server"), "the server ''"),
    (lambda d: cluster(d).pop("certificate-authority-data"), "0 certificates instead of 1 to 4"),
    (lambda d: cluster(d).update({"certificate-authority-data": user(d)["client-certificate-data"]}),
     "a certificate that is not a CA's"),
    (lambda d: cluster(d).update({"certificate-authority-data": user(d)["client-key-data"]}),
     "a PEM text that is not only certificates"),
    (lambda d: cluster(d).update({"certificate-authority-data": "/etc/passwd"}),
     "certificate-authority-data that is not base64 of PEM"),
    (lambda d: cluster(d).update({"certificate-authority-data": encoded("ssh-ed25519 AAAA student")}),
     "a text that is not PEM"),
    (lambda d: user(d).pop("client-key-data"), "a client key that is not one private key as PEM"),
    (lambda d: user(d).update({"client-key-data": encoded("x" * 9000)}), "a client key that is not"),
    (lambda d: user(d).pop("client-certificate-data"), "0 client certificates instead of one"),
])
def test_everything_else_is_rejected_by_name(valid: Document, change: Any, found: str) -> None:
    with pytest.raises(ClassroomError) as problem:
        rewritten(changed(valid, change), ADMIN)
    assert found in str(problem.value)
    assert "\x1b" not in str(problem.value) and len(str(problem.value)) < 500


def laughs() -> str:
    lines = ["a0: &a0 x"] + ["a{0}: &a{0} [{1}]".format(n, ", ".join([f"*a{n - 1}"] * 9)) for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize(("text", "found"), [
    ("", "a text that is no kubeconfig"),
    ("ssh-ed25519 AAAA student-of-seat07", "a text that is no kubeconfig"),
    ("[" * 5000, "more than 12 levels of YAML"),
    (laughs(), "a YAML alias"),
    ("a: {b", "a text that is not YAML"),
    ("kind: Config\nkind: Config\n", "the key 'kind' twice"),
    ("? [a]\n: b\n", "a YAML key that is no text"),
    ("\n".join(f"a{n}: b" for n in range(200)), "too many keys"),
    ("kind: !!python/object/apply:os.system ['touch /tmp/x']\n", "a text that is no kubeconfig of apiVersion v1"),
    ("a: \x00", "a text that is not YAML"),
])
def test_a_text_of_another_form_is_rejected(text: str, found: str) -> None:
    with pytest.raises(ClassroomError) as problem:
        rewritten(text, ADMIN)
    assert found in str(problem.value)
    assert owner(text) is None


def test_a_key_of_another_certificate_is_rejected(valid: Document, authority: Authority) -> None:
    _certificate, key = authority.issue("other", "/CN=other")
    text = changed(valid, lambda document: user(document).update({"client-key-data": encoded(key.read_text())}))
    with pytest.raises(ClassroomError, match="do not belong together"):
        rewritten(text, ADMIN)


@pytest.mark.parametrize(("subject", "found"), [
    ("/CN=anna", "a certificate of the user 'anna' instead of kubernetes-admin"),
    ("/O=system:nodes/CN=kubernetes-admin", "a certificate with the groups 'system:nodes', which are not among"),
    ("/O=kubeadm:cluster-admins", "a client certificate without exactly one user name"),
    ("/CN=kubernetes-admin/CN=anna", "a client certificate without exactly one user name"),
])
def test_the_certificate_is_of_the_expected_user(authority: Authority, subject: str, found: str) -> None:
    certificate, key = authority.issue("subject", subject)
    with pytest.raises(ClassroomError) as problem:
        rewritten(authority.kubeconfig("https://192.0.2.10:6443", certificate, key), ADMIN)
    assert found in str(problem.value)


@pytest.mark.parametrize(("server", "expected"), [
    ("https://api.lab.example:6443", "api.lab.example"),
    ("https://API.lab.example:6443", "api.lab.example:6443"),
    ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443"),
    ("https://[2001:db8::1]:6443", "2001:db8::1"),
])
def test_the_server_is_the_same_in_another_spelling(
    valid: Document, authority: Authority, server: str, expected: str,
) -> None:
    text = changed(valid, lambda document: cluster(document).update(server=server))
    found = yaml.safe_load(rewritten(text, Expected(expected, "lab", "kubernetes-admin", ADMIN.groups)))
    assert found["clusters"][0]["cluster"]["server"] == server.lower()


def test_an_rsa_key_as_kubeadm_writes_it_is_accepted(authority: Authority, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch import credentials

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    certificate, _key = authority.issue("rsa", "/CN=a")
    with pytest.raises(ClassroomError, match="do not belong together"):
        credentials.client(certificate.read_text(), key.decode())
