# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every image comes from the utility, what it does not have is a plain "not found", and only one person adds to it."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.airgap import BUNDLE, NET, in_room
from tests.support.registry_clients import tool
from tests.support.snapshots import machine

UTILITY = "utility.example.com"
NODES = {"master": f"{NET}.100", "node1": f"{NET}.101"}
REGISTRY = f"{NET}.10:5000"
PULL = "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d"
PAUSE = f"oci:{BUNDLE}/oci:registry.k8s.io/pause:3.10.2"
ADDED = "quay.io/centos7/nginx-116-centos7:latest"
# address - - [time] "GET /v2/NAME/manifests/TAG?ns=REGISTRY HTTP/1.1" 200
ASKED = re.compile(
    r'^(\S+) - - \[[^]]*\] "(?:GET|HEAD) /v2/(\S+)/manifests/([^?\s]+)\?ns=(\S+) HTTP/1.1" 200 ', re.MULTILINE)


@pytest.mark.parametrize("name", NODES)
def test_every_image_of_the_host_was_asked_of_the_utility(name: str) -> None:
    listed = machine(name).check_output("ctr --namespace k8s.io images list --quiet").split()
    images = {image for image in listed if not image.startswith("sha256:") and "@" not in image}
    log = machine(UTILITY).file("/var/log/nginx/access.log").content_string
    asked = {f"{registry}/{repository}:{tag}" for client, repository, tag, registry in ASKED.findall(log)
             if client == NODES[name]}
    assert len(images) > 3
    assert images <= asked


def test_every_image_of_a_pod_is_one_of_the_bundle() -> None:
    kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf get pods --all-namespaces"
    used = machine("master").check_output(f"{kubectl} -o jsonpath='{{..containers[*].image}}'").split()
    lock = (BUNDLE / "bundle.lock.yml").read_text(encoding="utf-8")
    assert len(set(used)) > 5
    assert [image for image in used if f"  {image}: " not in lock] == []


@pytest.mark.parametrize("image", ["quay.io/centos7/httpd-24-centos7:latest", "registry.k8s.io/pause:0.1"])
def test_an_image_that_is_not_there_is_told_at_once(image: str) -> None:
    found = machine("node1").run(f"timeout 10 {PULL} {image}")
    assert found.rc not in (0, 124)
    assert f"{image}: not found" in found.stderr
    with pytest.raises(AssertionError, match=r"manifest unknown|not found|unknown to registry"):
        tool("node1", "skopeo", "inspect", f"docker://{image}")


def test_a_host_of_the_class_cannot_push() -> None:
    with pytest.raises(AssertionError, match=r"403|denied|[Ff]orbidden"):
        tool("node1", "skopeo", "copy", PAUSE, f"docker://{REGISTRY}/pause:mine")


@pytest.fixture
def tunnel() -> Iterator[int]:
    """The instructor's way in, as docs/guides/air-gap.md has it: the machine's own port through ssh."""
    variables = machine(UTILITY).ansible.get_variables()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    way = [
        "ssh", "-F", "none", "-i", variables["ansible_ssh_private_key_file"],
        *shlex.split(variables["ansible_ssh_common_args"]), "-o", "ExitOnForwardFailure=yes", "-N",
        "-L", f"{port}:127.0.0.1:5001", f"root@{NET}.10",
    ]
    process = subprocess.Popen(way)
    try:
        subprocess.run(["timeout", "20", "sh", "-c", f"until curl -s http://127.0.0.1:{port}/v2/; do sleep 0.1; done"],
                       check=True, capture_output=True)
        yield port
    finally:
        process.terminate()
        process.wait()


def test_the_instructor_adds_an_image(tunnel: int) -> None:
    repository = ADDED.partition("/")[2]
    subprocess.run(
        ["skopeo", "copy", "--dest-tls-verify=false", PAUSE, f"docker://127.0.0.1:{tunnel}/{repository}"],
        check=True, capture_output=True)
    machine("node1").check_output(f"{PULL} {ADDED}")
    # What an instructor added is nothing that a run takes away, or would have to tell of
    run = in_room("site.yml", "--limit", "utility")
    assert (run.status, run.changed) == (0, {UTILITY: 0}), run.output
    machine("node1").check_output(f"{PULL} {ADDED}")


def test_who_speaks_http_is_told() -> None:
    found = machine("node1").check_output(f"curl -s http://{REGISTRY}/v2/")
    assert "The plain HTTP request was sent to HTTPS port" in found


def test_a_runs_words_have_no_key() -> None:
    utility = machine(UTILITY)
    utility.check_output("rm /etc/classroom-registry/tls/server.crt && systemctl stop nginx")
    authority = utility.file("/etc/classroom-registry/tls/ca.crt").content_string
    run = in_room("site.yml", "--limit", "utility", "--diff", "-vvv")
    assert run.status == 0, run.output
    for name in ("ca.key", "server.key"):
        body = utility.file(f"/etc/classroom-registry/tls/{name}").content_string.splitlines()[1]
        assert body not in run.output
    # The certificate was made anew, by the authority that everybody trusts
    assert utility.file("/etc/classroom-registry/tls/ca.crt").content_string == authority
    machine("node1").check_output(f"{PULL} registry.k8s.io/pause:3.10.2")
