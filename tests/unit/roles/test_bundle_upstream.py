# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role bundle fetches from upstream is what the roles of the machines install from there.

Their descriptions are compared with upstream's pages byte for byte in test_upstream.py; here with those, and the files
that apt and dnf are given for the download with the ones that machines get.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.download import AptDownloader, DnfDownloader
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Repository
from tests.unit.support.made_up_keys import made_up_key

ROLES = Path(__file__).resolve().parents[3] / "roles"
READ = ("cluster", "kubernetes", "containerd", "bundle")
FILES = [f"{role}/{kind}" for role in READ for kind in ("defaults", "vars")]
# What dnf fills in on a machine, and nobody on a controller
FILLED = {"$releasever": "9", "$basearch": "x86_64"}


@pytest.fixture
def value(plugin_loader: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The value of an expression in the variables of the roles; keys are made up, one for each address."""
    plugin: Any = lookup_loader.get("ansible.builtin.url")

    def fetched(address: str, **_options: Any) -> io.BytesIO:
        return io.BytesIO(made_up_key(address).encode())

    monkeypatch.setitem(type(plugin).run.__globals__, "open_url", fetched)

    def evaluate(expression: str, **given: Any) -> Any:
        loader = DataLoader()
        variables: dict[str, Any] = {
            "groups": {}, "bundle_architecture": "amd64", "cluster_bundle": "/c/bundle/current"}
        for name in FILES:
            known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
            variables.update({key: content for key, content in known.items() if key not in variables})
        variables.update(given)
        return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {expression} }}}}"))

    return evaluate


def described(entry: dict[str, Any]) -> dict[str, Any]:
    """A repository as machines and controller have to agree on it."""
    uri = str(entry["uri"])
    for variable, content in FILLED.items():
        uri = uri.replace(variable, content)
    return {
        "name": entry["name"], "uri": uri, "suite": entry.get("suite", "./"),
        "components": list(entry.get("components", [])), "signed_by": entry["signed_by"],
        "signed_metadata": entry.get("signed_metadata", True), "fingerprints": list(entry["fingerprints"]),
    }


@pytest.mark.parametrize("version", ["1.36.3", "1.35.10"])
@pytest.mark.parametrize(
    ("family", "machine"),
    [
        ("apt", {"os_family": "debian", "distribution": "debian", "codename": "trixie", "architecture": "amd64"}),
        ("apt", {"os_family": "debian", "distribution": "ubuntu", "codename": "noble", "architecture": "amd64"}),
        ("rpm", {"os_family": "redhat", "distribution": "rocky", "codename": "", "architecture": "amd64"}),
    ],
    ids=["debian", "ubuntu", "rocky"],
)
def test_repositories_are_those_of_the_hosts(value: Any, family: str, machine: dict[str, str], version: str) -> None:
    given = {"cluster_version": version, "ansible_facts": {"classroom_machine": machine}}
    if family == "apt":
        given |= {"bundle_distribution": machine["distribution"], "bundle_codename": machine["codename"]}
    installed = [
        value(f"_{role}_upstream_repository[_cluster_family]", **given) for role in ("kubernetes", "containerd")]
    fetched = value(f"_bundle_upstream_repositories.{family}", **given)
    # dnf looks for the lists of a repository at the address, with or without a slash at its end
    assert [described(entry) for entry in fetched] == [described(entry) for entry in installed]


def test_defaults_are_those_of_the_other_roles(value: Any) -> None:
    assert value("bundle_containerd_version") == value("containerd_version")
    assert value("bundle_kubernetes_key_fingerprints") == value("kubernetes_key_fingerprints")
    assert value("bundle_docker_key_fingerprints") == value("containerd_key_fingerprints")
    loader = DataLoader()
    others = {}
    for role in ("pod_network", "verify"):
        others.update(loader.load_from_file(str(ROLES / role / "defaults" / "main.yml"), trusted_as_template=True))
    named = ("pod_network_flannel_image", "pod_network_flannel_cni_plugin_image", "verify_image")
    assert value("bundle_addon_images") == [value(name, **others) for name in named]


def test_the_signing_key_is_the_builders(value: Any) -> None:
    assert value("bundle_signing_key") == "/c/signing/secret.asc"


def repository(name: str, uri: str, **more: Any) -> Repository:
    return Repository(name=name, uri=uri, signed_by=made_up_key("a key"), **more)


def test_apt_is_given_what_the_page_says(tmp_path: Path) -> None:
    """https://docs.docker.com/engine/install/debian/, but for the comment and where the key is"""
    downloader = AptDownloader(str(tmp_path / "root"), "amd64")
    downloader.describe([repository(
        "docker", "https://download.docker.com/linux/debian", suite="trixie", components=("stable",))])
    text = (tmp_path / "root/etc/apt/sources.list.d/docker.sources").read_text(encoding="utf-8")
    assert text.partition("\n")[2] == (
        "Types: deb\nURIs: https://download.docker.com/linux/debian\nSuites: trixie\nComponents: stable\n"
        f"Signed-By: {tmp_path}/root/etc/apt/keyrings/docker.asc\n")
    assert (tmp_path / "root/etc/apt/keyrings/docker.asc").read_text(encoding="utf-8") == made_up_key("a key")


def test_dnf_is_given_what_the_page_says(tmp_path: Path) -> None:
    """https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/, without its exclude="""
    downloader = DnfDownloader(str(tmp_path / "root"), "amd64")
    downloader.describe([repository(
        "kubernetes", "https://pkgs.k8s.io/core:/stable:/v1.36/rpm/", description="Kubernetes", signed_metadata=False)])
    text = (tmp_path / "root/etc/yum.repos.d/kubernetes.repo").read_text(encoding="utf-8")
    assert text.partition("\n")[2] == (
        "[kubernetes]\nname=Kubernetes\nbaseurl=https://pkgs.k8s.io/core:/stable:/v1.36/rpm/\nenabled=1\ngpgcheck=1\n"
        f"gpgkey=file://{tmp_path}/root/etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes\n")
