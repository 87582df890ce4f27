# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import endpoints
from ansible_collections.classroom.kubeadm.plugins.module_utils._images import reference as image_reference
from ansible_collections.classroom.kubeadm.plugins.module_utils._images.mirror import asked

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(("text", "host", "repository", "tag", "digest", "name"), [
    ("registry.k8s.io/pause:3.10.2", "registry.k8s.io", "pause", "3.10.2", "", "registry.k8s.io/pause:3.10.2"),
    ("quay.io/centos7/nginx-116-centos7:latest", "quay.io", "centos7/nginx-116-centos7", "latest", "",
     "quay.io/centos7/nginx-116-centos7:latest"),
    ("registry.k8s.io/pause@" + DIGEST, "registry.k8s.io", "pause", "", DIGEST, "registry.k8s.io/pause@" + DIGEST),
    ("quay.io/a:1@" + DIGEST, "quay.io", "a", "1", DIGEST, "quay.io/a:1"),
    ("utility:5000/a/b:1", "utility:5000", "a/b", "1", "", "utility:5000/a/b:1"),
    ("localhost/a__b/c--d.e:v1.0_x", "localhost", "a__b/c--d.e", "v1.0_x", "", "localhost/a__b/c--d.e:v1.0_x"),
    ("[::1]:5000/a:1", "[::1]:5000", "a", "1", "", "[::1]:5000/a:1"),
    ("nginx:1.27", "docker.io", "library/nginx", "1.27", "", "docker.io/library/nginx:1.27"),
    ("course/app:1", "docker.io", "course/app", "1", "", "docker.io/course/app:1"),
])
def test_what_a_reference_says(text: str, host: str, repository: str, tag: str, digest: str, name: str) -> None:
    found = image_reference.parse(text)

    assert found == image_reference.Reference(host, repository, tag, digest)
    assert (found.name, found.ending) == (name, tag or digest)


@pytest.mark.parametrize(("text", "found"), [
    ("registry.k8s.io/pause", "neither tag nor digest"),
    ("utility:5000/pause", "neither tag nor digest"),
    ("pause", "neither tag nor digest"),
    ("", "no such name"),
    ("quay.io/", "no such name"),
    ("quay.io/App:1", "no such name"),
    ("docker://quay.io/app:1", "no such name"),
    ("quay.io/app:", "no such tag"),
    ("quay.io/app:one two", "no such tag"),
    ("quay.io/app:1:2", "no such tag"),
    ("quay.io/app@", "no such tag or digest"),
    ("quay.io/app@sha256:abc", "no such tag or digest"),
    ("quay.io/app@sha512:" + "a" * 128, "no such tag or digest"),
])
def test_a_reference_that_says_too_little_is_refused(text: str, found: str) -> None:
    with pytest.raises(ClassroomError, match=found):
        image_reference.parse(text)


def test_a_password_in_a_name_is_not_repeated() -> None:
    with pytest.raises(ClassroomError) as refused:
        image_reference.parse("https://somebody:secret@quay.io/app:1")

    assert "secret" not in str(refused.value)


def test_names_are_asked_once_and_all_bad_ones_are_told() -> None:
    assert list(asked(["nginx:1", "docker.io/library/nginx:1", "quay.io/a:1"])) == [
        "docker.io/library/nginx:1", "quay.io/a:1"]
    with pytest.raises(ClassroomError) as refused:
        asked(["quay.io/a", "quay.io/b:1", "quay.io/c", "quay.io/b:1@" + DIGEST])
    said = str(refused.value)
    assert "'quay.io/a'" in said and "'quay.io/c'" in said and "found quay.io/b:1 with" in said


def test_two_digests_for_one_tag_are_refused() -> None:
    with pytest.raises(ClassroomError, match="or with two"):
        asked(["quay.io/b:1@" + DIGEST, "quay.io/b:1@" + OTHER])


REGISTRY = endpoints.EndpointSpec("registry", address="utility:5000")
SCOPED = endpoints.EndpointSpec("registry", address="utility:5000/class", names="scoped")


@pytest.mark.parametrize(("place", "names", "said"), [
    (REGISTRY, ("quay.io/a:1", "quay.io/a:2", "registry.k8s.io/b:1"), ""),
    (REGISTRY, ("quay.io/a:1", "registry.k8s.io/a:2"), "quay.io/a:1 and registry.k8s.io/a:2"),
    (SCOPED, ("quay.io/a:1", "registry.k8s.io/a:2"), ""),
    (SCOPED, ("utility:5000/a:1",), "names: mirror"),
    (endpoints.EndpointSpec("dir", "/srv"), ("quay.io/a/c:1", "quay.io/b/c:2"), ""),
    (endpoints.EndpointSpec("dir", "/srv"), ("quay.io/a/c:1", "quay.io/b/c:1"), "quay.io/a/c:1 and quay.io/b/c:1"),
    (endpoints.EndpointSpec("dir", "/srv", scoped=True), ("quay.io/a/c:1", "quay.io/b/c:1"), ""),
    (endpoints.EndpointSpec("oci", "/srv"), ("quay.io/a/c:1", "quay.io/b/c:1", "docker.io/b/c:1"), ""),
])
def test_names_that_fall_together_are_refused(
    place: endpoints.EndpointSpec, names: tuple[str, ...], said: str
) -> None:
    images = asked(names)
    if not said:
        endpoints.check_names(place, images)
        return
    with pytest.raises(ClassroomError, match=said):
        endpoints.check_names(place, images)


@pytest.mark.parametrize(("place", "where"), [
    (endpoints.EndpointSpec("registry"), ("quay.io", "a/b")),
    (REGISTRY, ("utility:5000", "a/b")),
    (SCOPED, ("utility:5000", "class/quay.io/a/b")),
])
def test_where_a_registry_has_an_image(place: endpoints.EndpointSpec, where: tuple[str, str]) -> None:
    found = endpoints.RegistryPlace(place, endpoints.TransferOptions("/nonexistent"))

    assert found.where(image_reference.parse("quay.io/a/b:1")) == where


def test_the_login_of_this_user_is_not_used(tmp_path: Path) -> None:
    image = image_reference.parse("quay.io/a/b:1")
    ca = tmp_path / "authority"
    ca.write_text("pem", encoding="utf-8")

    anonymous = endpoints.RegistryPlace(REGISTRY, endpoints.TransferOptions(str(tmp_path))).end(image, DIGEST)
    plain = endpoints.RegistryPlace(
        endpoints.EndpointSpec("registry", address="utility:5000", tls=False, ca=str(ca)),
        endpoints.TransferOptions(str(tmp_path), authfile="/srv/auth.json")).end(image, "1")

    assert anonymous.name == "docker://utility:5000/a/b@" + DIGEST and plain.name == "docker://utility:5000/a/b:1"
    assert anonymous.options == ("tls-verify=true", "no-creds")
    assert plain.options[:2] == ("tls-verify=false", "authfile=/srv/auth.json")
    directory = Path(plain.options[2].partition("=")[2])
    assert directory.stat().st_mode & 0o777 == 0o700 and (directory / "ca.crt").read_text(encoding="utf-8") == "pem"


@pytest.mark.parametrize("address", ["https://utility:5000", "somebody:secret@utility:5000", "utility:5000/", "a b"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ClassroomError, match="HOST:PORT") as refused:
        endpoints.parsed({"type": "registry", "address": address})
    assert "secret" not in str(refused.value)
