# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import registry_load
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.registry import Registry, RegistryUnreachable
from tests.unit.support.fake_bundle import Bundle, locked_bundle
from tests.unit.support.fake_registry import Contents, serving

DIGEST = "sha256:" + "0" * 64
PAUSE = "registry.k8s.io/pause:3.10.2"
FLANNEL = "ghcr.io/flannel-io/flannel:v0.28.4"
COREDNS = "registry.k8s.io/coredns/coredns:v1.14.2"
# Two of them share a layer
IMAGES = {PAUSE: (b"pause",), FLANNEL: (b"base", b"flannel"), COREDNS: (b"base", b"coredns")}


@pytest.fixture
def registry() -> Iterator[Contents]:
    with serving() as contents:
        yield contents


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[[Mapping[str, tuple[bytes, ...]]], Bundle]:
    return lambda images: locked_bundle(tmp_path / "bundle", images)


def fill(bundle: Any, registry: Any) -> None:
    registry_load.fill(str(bundle.directory / "oci"), registry_load.images(bundle.images), Registry(registry.address))


def steps(bundle: Any, registry: Any) -> list[str]:
    found = registry_load.steps(registry_load.images(bundle.images), Registry(registry.address))
    return [f"{step.target}: {step.reason}" for step in found]


@pytest.mark.parametrize(
    ("reference", "host", "repository", "tag"),
    [
        (PAUSE, "registry.k8s.io", "pause", "3.10.2"),
        (FLANNEL, "ghcr.io", "flannel-io/flannel", "v0.28.4"),
        ("registry:5000/a/b:1", "registry:5000", "a/b", "1"),
        ("localhost/a:1", "localhost", "a", "1"),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27"),
        ("course/app:1", "docker.io", "course/app", "1"),
    ],
)
def test_an_image_is_named_as_a_runtime_asks_a_mirror(reference: str, host: str, repository: str, tag: str) -> None:
    assert registry_load.images({reference: DIGEST}) == [registry_load.Image(reference, host, repository, tag, DIGEST)]


@pytest.mark.parametrize("reference", ["registry.k8s.io/pause", "registry:5000/pause", "ghcr.io/a@sha256:0"])
def test_a_name_without_tag_is_refused(reference: str) -> None:
    with pytest.raises(ClassroomError, match="full name and tag"):
        registry_load.images({reference: DIGEST})


def test_two_upstream_registries_must_not_want_one_repository() -> None:
    with pytest.raises(ClassroomError, match=r"quay\.io/pause:1 and registry\.k8s\.io/pause:3\.10\.2"):
        registry_load.images({PAUSE: DIGEST, "quay.io/pause:1": DIGEST, FLANNEL: DIGEST})


def test_an_empty_registry_is_filled_and_shared_layers_are_sent_once(make_bundle: Any, registry: Any) -> None:
    bundle = make_bundle(IMAGES)
    assert len(steps(bundle, registry)) == 3

    fill(bundle, registry)

    assert steps(bundle, registry) == []
    assert registry.count("PUT", "/blobs/") == 7
    assert registry.count("POST", "mount=") == 1
    media_type, content = registry.manifests[("pause", "3.10.2")]
    assert media_type == "application/vnd.oci.image.manifest.v1+json"
    assert bundle.blob(content) == bundle.images[PAUSE]


def test_a_registry_that_does_not_mount_is_filled_all_the_same(make_bundle: Any, registry: Any) -> None:
    registry.mounts = False
    bundle = make_bundle(IMAGES)

    fill(bundle, registry)

    assert steps(bundle, registry) == []
    assert registry.count("PUT", "/blobs/") == 8
    assert registry.count("DELETE", "/blobs/uploads/") == 1


def test_only_what_is_missing_is_sent(make_bundle: Any, registry: Any) -> None:
    bundle = make_bundle(IMAGES)
    fill(bundle, registry)
    del registry.manifests[("pause", "3.10.2")]
    registry.requests.clear()

    assert steps(bundle, registry) == [PAUSE + ": not in the registry"]
    fill(bundle, registry)

    assert registry.count("PUT", "/blobs/") == 0
    assert steps(bundle, registry) == []


def test_another_image_under_the_name_is_replaced(make_bundle: Any, registry: Any) -> None:
    bundle = make_bundle(IMAGES)
    fill(bundle, registry)
    bundle.add(PAUSE, b"another pause")

    assert steps(bundle, registry) == [PAUSE + ": another image is under its name"]
    fill(bundle, registry)
    assert steps(bundle, registry) == []


def test_an_image_for_several_architectures_is_copied_whole(make_bundle: Any, registry: Any) -> None:
    bundle = make_bundle({})
    bundle.add_index(PAUSE, b"amd64", b"arm64")

    fill(bundle, registry)

    assert steps(bundle, registry) == []
    assert registry.count("PUT", "/manifests/sha256:") == 2
    assert registry.requests[-2].endswith("/manifests/3.10.2")


def test_a_layout_without_the_manifest_is_told(make_bundle: Any, registry: Any) -> None:
    bundle = make_bundle({})
    bundle.images[PAUSE] = DIGEST

    with pytest.raises(ClassroomError, match="Build the bundle again"):
        fill(bundle, registry)


def test_a_refusal_of_the_registry_is_told(make_bundle: Any, registry: Any) -> None:
    registry.refuse = 507

    with pytest.raises(ClassroomError, match=r"HTTP status 507.*disk full"):
        fill(make_bundle(IMAGES), registry)


def test_nothing_at_the_address_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RegistryUnreachable, match=address):
            Registry(address).digest("pause", "3.10.2")


def test_a_connection_that_was_closed_meanwhile_is_made_again(registry: Any) -> None:
    client = Registry(registry.address)
    assert client.digest("pause", "1") == ""
    next(iter(client._connections().values())).sock.close()

    assert client.digest("pause", "1") == ""
