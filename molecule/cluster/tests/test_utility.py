# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The class reads from the utility and writes nothing to it."""

from __future__ import annotations

from typing import Any

import pytest

testinfra_hosts = ["ansible://utility"]


def status(host: Any, method: str, port: int, path: str) -> str:
    address = host.ansible.get_variables()["ansible_host"]
    # Registries give a manifest only to those who say that they know its type
    accept = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    curl = f"curl -s -o /dev/null -w '%{{http_code}}' -H '{accept}' -X {method}"
    return str(host.check_output(f"{curl} http://{address}:{port}{path}"))


@pytest.mark.parametrize(
    ("method", "port", "path", "expected"),
    [
        ("GET", 5000, "/v2/", "200"),
        ("GET", 5000, "/v2/kube-apiserver/manifests/v1.36.3", "200"),
        ("POST", 5000, "/v2/kube-apiserver/blobs/uploads/", "403"),
        ("PUT", 5000, "/v2/kube-apiserver/manifests/v1.36.3", "403"),
        ("DELETE", 5000, "/v2/kube-apiserver/manifests/v1.36.3", "403"),
        ("GET", 8080, "/apt/InRelease", "200"),
        ("PUT", 8080, "/apt/InRelease", "405"),
    ],
)
def test_the_class_may_only_read(host: Any, method: str, port: int, path: str, expected: str) -> None:
    assert status(host, method, port, path) == expected


@pytest.mark.parametrize("unit", ["classroom-registry", "nginx"])
def test_it_serves_again_after_a_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_the_registry_itself_answers_only_this_machine(host: Any) -> None:
    assert host.socket("tcp://127.0.0.1:5001").is_listening
    assert not host.socket("tcp://0.0.0.0:5001").is_listening
