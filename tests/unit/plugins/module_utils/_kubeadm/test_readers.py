# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The readers of kubeconfigs and certificates."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import x509
from ansible_collections.classroom.kubeadm.plugins.module_utils._kube.kubeconfig import load, parse
from ansible_collections.classroom.kubeadm.plugins.module_utils._kubeadm import drift as kubeadm_drift
from tests.unit.support.kubeadm_lab import CONFIGURATION, Authority, kubeconfig_text, kubelet_conf


def test_a_kubeconfig_of_kubeadm() -> None:
    found = parse(kubeconfig_text("https://10.0.0.1:6443", "CA", "CRT", "KEY"), "admin.conf")
    assert (found.server, found.ca, found.certificate, found.key) == ("https://10.0.0.1:6443", "CA", "CRT", "KEY")
    assert "KEY" not in repr(found)


def test_a_kubeconfig_of_the_kubelet() -> None:
    found = parse(kubelet_conf("https://10.0.0.1:6443", "CA"), "kubelet.conf")
    assert found.certificate == "" and found.certificate_file.endswith("kubelet-client-current.pem")


@pytest.mark.parametrize("text", ["", "apiVersion: v1\nclus", "kind: Config\n", "current-context: x\ncontexts: []\n"])
def test_half_a_kubeconfig_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "admin.conf").write_text(text)
    with pytest.raises(ClassroomError, match="not a complete kubeconfig"):
        load(Root(str(tmp_path)), "/admin.conf")
    assert load(Root(str(tmp_path)), "/none.conf") is None


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki") / "a")


def test_a_certificate_says_name_dates_and_key(authority: Authority) -> None:
    crt, _key = authority.issue("node", "/O=system:nodes/CN=system:node:node1", days=10)
    found = x509.read(crt.read_text())
    assert found.common_name == "system:node:node1"
    assert found.not_after - found.not_before == 10 * 86400
    assert found.date_problem(found.not_before + 5) == ""
    assert "expired on" in found.date_problem(found.not_after + 1)
    assert "clock" in found.date_problem(found.not_before - 1)
    pem = subprocess.run(["openssl", "x509", "-in", str(crt), "-noout", "-pubkey"], capture_output=True, check=True)
    convert = ["openssl", "pkey", "-pubin", "-outform", "der"]
    der = subprocess.run(convert, input=pem.stdout, capture_output=True, check=True)
    assert found.public_key_hash == "sha256:" + hashlib.sha256(der.stdout).hexdigest()


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_named(text: str) -> None:
    with pytest.raises(ClassroomError, match="certificate"):
        x509.read(text)


def test_a_signature_is_proven_not_guessed_from_names(authority: Authority, tmp_path: Path) -> None:
    crt, key = authority.issue("apiserver", "/CN=kube-apiserver")
    other = Authority(tmp_path / "other")
    assert x509.signing_problem(authority.pem, str(crt), str(key)) == ""
    assert x509.signing_problem(other.pem, str(crt), str(key)) != ""
    assert "mismatch" in x509.signing_problem(authority.pem, str(crt), str(other.directory / "ca.key")).lower()
    late, late_key = authority.issue("late", "/CN=kube-apiserver", days=-1)
    assert "expired" in x509.signing_problem(authority.pem, str(late), str(late_key))


def drift(desired: dict[str, Any], actual: str) -> list[str]:
    return kubeadm_drift.sentences(
        {"ClusterConfiguration": desired}, {"kubeadm-config": {"ClusterConfiguration": actual}}
    )


@pytest.mark.parametrize(
    "desired",
    [
        {"kubernetesVersion": "1.36.3"},
        {"networking": {"podSubnet": "10.244.0.0/16"}},
        {"certificateValidityPeriod": "8760h"},
        {"controllerManager": {"extraArgs": [{"name": "bind-address", "value": "0.0.0.0"}, {"name": "v", "value": 2}]}},
        {"proxy": {"disabled": False}, "apiServer": {}, "dns": {"imageTag": ""}},
        {"count": "-3"},
    ],
)
def test_the_same_said_otherwise_is_no_drift(desired: dict[str, Any]) -> None:
    assert drift(desired, CONFIGURATION) == []


def test_drift_is_a_sentence_per_value() -> None:
    found = drift({"networking": {"podSubnet": "10.245.0.0/16"}, "dns": {"disabled": True}}, CONFIGURATION)
    assert len(found) == 2
    assert "networking.podSubnet differs: expected '10.245.0.0/16', found '10.244.0.0/16' in the running" in found[1]


def test_what_cannot_be_compared_is_said() -> None:
    assert "was not compared" in drift({"a": 1}, "a: &b 1")[0]
    assert kubeadm_drift.sentences({"ClusterConfiguration": {"a": 1}}, {}) == []
