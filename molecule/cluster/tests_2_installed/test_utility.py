# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The class reads from the utility and writes nothing to it, and nobody else reads."""

from __future__ import annotations

import json
import os
import ssl
import stat
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbooks import inventory, playbook
from tests.support.registry_clients import tool
from tests.support.snapshots import machine

testinfra_hosts = ["ansible://utility"]

REGISTRY, PACKAGES = "https://{0}:5000", "http://{0}:8080"
AUTHORITY = "/etc/containers/certs.d/{0}:5000/ca.crt"


def address(host: Any) -> str:
    return str(host.ansible.get_variables()["ansible_host"])


def status(client: Any, server: str, method: str, url: str, *arguments: str) -> str:
    # Registries give a manifest only to those who say that they know its type
    accept = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    curl = f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {AUTHORITY.format(server)} -H '{accept}' -X {method}"
    return str(client.check_output(f"{curl} {' '.join(arguments)} {url.format(server)}"))


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", REGISTRY + "/v2/", "200"),
        ("GET", REGISTRY + "/v2/kube-apiserver/manifests/v1.36.3", "200"),
        ("POST", REGISTRY + "/v2/kube-apiserver/blobs/uploads/", "403"),
        ("PUT", REGISTRY + "/v2/kube-apiserver/manifests/v1.36.3", "403"),
        ("PATCH", REGISTRY + "/v2/kube-apiserver/blobs/uploads/1", "403"),
        ("DELETE", REGISTRY + "/v2/kube-apiserver/manifests/v1.36.3", "403"),
        ("GET", PACKAGES + "/apt/InRelease", "200"),
        ("GET", PACKAGES + "/rpm/repodata/repomd.xml", "200"),
        ("PUT", PACKAGES + "/apt/InRelease", "405"),
    ],
)
def test_the_class_may_only_read(host: Any, method: str, url: str, expected: str) -> None:
    assert status(machine("node1"), address(host), method, url) == expected


@pytest.mark.parametrize("url", [REGISTRY + "/v2/", PACKAGES + "/apt/InRelease"])
def test_a_stranger_may_not_even_read(host: Any, url: str) -> None:
    """The controller, which is no machine of the inventory, and a machine under an address that is none."""
    authority = ssl.create_default_context(cadata=host.file("/etc/classroom-registry/tls/ca.crt").content_string)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.format(address(host)), context=authority if url.startswith("https") else None)
    assert refused.value.code == 403
    node1, stranger = machine("node1"), address(host).rpartition(".")[0] + ".250"
    node1.check_output(f"ip address add {stranger}/24 dev eth0")
    try:
        assert status(node1, address(host), "GET", url, f"--interface {stranger}") == "403"
    finally:
        node1.check_output(f"ip address delete {stranger}/24 dev eth0")


@pytest.mark.parametrize("unit", ["classroom-registry", "nginx"])
def test_it_serves_again_after_a_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_running
    assert host.service(unit).is_enabled


def test_the_registry_itself_answers_only_this_host(host: Any) -> None:
    assert host.socket("tcp://127.0.0.1:5001").is_listening
    assert not host.socket("tcp://0.0.0.0:5001").is_listening


def test_the_keys_are_roots_and_the_certificate_is_everywhere(host: Any) -> None:
    tls = "/etc/classroom-registry/tls"
    for name in ("ca.key", "server.key"):
        found = host.file(f"{tls}/{name}")
        assert (found.user, found.mode) == ("root", 0o600)
    public = host.file(f"{tls}/ca.crt").content_string
    kept = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "kubeconfig", "utility-ca.crt")
    assert kept.read_text(encoding="utf-8") == public
    assert stat.S_IMODE(kept.stat().st_mode) == 0o644
    for name in ("master", "node1"):
        assert machine(name).file(AUTHORITY.format(address(host))).content_string == public


def test_it_is_trusted_for_nothing_else(host: Any) -> None:
    """The system's own list of authorities is as it was, so curl without the file does not believe it."""
    found = machine("node1").run(f"curl -sS {REGISTRY.format(address(host))}/v2/")
    assert found.rc == 60 and "certificate" in found.stderr


@pytest.mark.parametrize("image", ["registry.k8s.io/pause:3.10.2", "ghcr.io/flannel-io/flannel:v0.28.4"])
def test_skopeo_asks_the_utility_for_upstreams_names(image: str, tmp_path: Path) -> None:
    """With a node's files and address, in a network that has no other registry."""
    tool("node1", "skopeo", "copy", f"docker://{image}", f"dir:{tmp_path}")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (tmp_path / manifest["config"]["digest"].removeprefix("sha256:")).is_file()


def test_podman_pulls_upstreams_names() -> None:
    # Not pytest's directory: podman takes no path of more than 50 characters
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        own = [f"--root={place}/storage", f"--runroot={place}/run", "--storage-driver=vfs"]
        tool("node1", "podman", *own, "pull", "--quiet", "registry.k8s.io/pause:3.10.2")
        listed = tool("node1", "podman", *own, "images", "--format={{.Repository}}:{{.Tag}}")
    assert listed.split() == ["registry.k8s.io/pause:3.10.2"]


def serves(client: Any, server: str, source: str) -> set[str]:
    """What a client is answered from one of its addresses, by the registry and by the package repository."""
    urls = (REGISTRY + "/v2/", PACKAGES + "/apt/InRelease")
    return {status(client, server, "GET", url, f"--interface {source}") for url in urls}


def test_two_inventories_that_share_it_do_not_lock_each_other_out(host: Any, tmp_path: Path) -> None:
    """The second one knows the utility by another name, and has one host, which it removes again."""
    server, node1 = address(host), machine("node1")
    own = str(node1.ansible.get_variables()["ansible_host"])
    second = server.rpartition(".")[0] + ".250"
    variables = {**host.ansible.get_variables(), "ansible_host": server}
    connection = {key: value for key, value in variables.items() if key.startswith("ansible_ssh") or key in (
        "ansible_host", "ansible_user", "ansible_python_interpreter", "utility_copy", "utility_bundle")}
    hosts = tmp_path / "second.yml"

    def run(*clients: str) -> int:
        groups = {
            "utility": {"hosts": {"second.example.com": connection}},
            "k8s_cluster": {"children": {"control_plane": {"hosts": {
                f"seat{number}": {"ansible_host": client, "cluster_name": "second"}
                for number, client in enumerate(clients)}}}}}
        hosts.write_text(json.dumps(groups), encoding="utf-8")
        done = playbook("utility.yml", "--extra-vars", json.dumps({"cluster_utility_ca": str(tmp_path / "ca.crt")}),
                        inventories=(hosts,))
        assert done.status == 0, done.output
        return done.changed["second.example.com"]

    node1.check_output(f"ip address add {second}/24 dev eth0")
    try:
        assert serves(node1, server, second) == {"403"}
        assert run(second) > 0
        assert serves(node1, server, second) == serves(node1, server, own) == {"200"}
        assert run(second) == 0
        first = playbook("utility.yml", inventories=(inventory(),))
        assert (first.status, set(first.changed.values())) == (0, {0}), first.output
        assert run("192.0.2.1") > 0
        assert (serves(node1, server, second), serves(node1, server, own)) == ({"403"}, {"200"})
    finally:
        node1.check_output(f"ip address delete {second}/24 dev eth0")
