# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of upstream's repositories, byte for byte as upstream's pages have them, but for what is said here.

Rendered by the roles' own variables and the module's own code; only the fetching of keys is replaced. Differences from
the pages, in every file: it begins with a comment, and the key is a file on the machine and not an address. In apt's
files also the form: the pages of Kubernetes and CRI-O have one line, which is compared after it was made of the fields.
In dnf's files an exclude= of what is held is added where the page has none.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.distribution import SUPPORTED
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations import package_service
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.dnf import Dnf
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import PackagesSpec
from tests.unit.support.made_up_keys import made_up_key

ROLES = Path(__file__).resolve().parents[3] / "roles"
FILES = [f"{role}/{kind}" for role in ("cluster", "kubernetes", "containerd") for kind in ("defaults", "vars")]
NO_KEYS: dict[str, list[str]] = {"kubernetes_key_fingerprints": [], "containerd_key_fingerprints": []}
COMMENT = "# Written by the collection classroom.kubeadm; the next run replaces changes made here.\n"

Rendered = Callable[..., dict[str, str]]


def facts(family: str, distribution: str, codename: str = "", architecture: str = "amd64") -> dict[str, Any]:
    return {"os_family": family, "distribution": distribution, "codename": codename, "architecture": architecture}


# Every distribution that is rendered and compared, and the tested one
APT = [(each.names[0], each.platform[1]) for each in SUPPORTED if each.platform[0] in ("Debian", "Ubuntu")]
DNF = [(name, each.version) for each in SUPPORTED if each.platform[0] in ("EL", "Fedora") for name in each.names]
APT_HOSTS = [facts("debian", *each) for each in APT]
pytestmark = pytest.mark.usefixtures("plugin_loader")


def fetch_keys(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> None:
    """Have the lookup plugin, as Ansible has loaded it, fetch with this function."""
    plugin: Any = lookup_loader.get("ansible.builtin.url")
    monkeypatch.setitem(type(plugin).run.__globals__, "open_url", function)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Rendered:
    """The files, by their paths, that a machine would be given; keys are made up, one for each address."""
    fetch_keys(monkeypatch, lambda address, **_options: io.BytesIO(made_up_key(address).encode()))

    def render(
        variable: str, machine: dict[str, Any], packages: tuple[str, ...] = (), **given: Any
    ) -> dict[str, str]:
        loader = DataLoader()
        variables: dict[str, Any] = {"ansible_facts": {"classroom_machine": machine}, "groups": {}, **NO_KEYS}
        for name in FILES:
            known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
            variables.update({key: value for key, value in known.items() if key not in variables})
        variables.update(given)
        words = trust_as_template(f"{{{{ {variable}[_cluster_family] }}}}")
        description = Templar(loader=loader, variables=variables).template(words)
        checked = ArgumentSpecValidator({"repository": {"type": "dict", "options": package_service.REPOSITORY_OPTIONS}})
        result = checked.validate({"repository": description})
        assert result.error_messages == []
        parameters = {**result.validated_parameters, "hold": True,
                      "packages": [{"name": name, "version": "1.36.3"} for name in packages]}
        spec: PackagesSpec = package_service.packages_spec(parameters, Root(str(tmp_path)))
        backends: dict[str, type[Apt | Dnf]] = {"debian": Apt, "redhat": Dnf}
        backend = backends[machine["os_family"]](Root(str(tmp_path)), lambda *_words, **_options: pytest.fail("run"))
        return dict(backend.files(spec))

    return render


def one_line(source: str) -> str:
    """The older form of a source of apt, as pages write it."""
    fields = dict(line.split(": ", 1) for line in source.splitlines() if not line.startswith("#"))
    options = [f"arch={fields['Architectures']}"] if "Architectures" in fields else []
    options.append(f"signed-by={fields['Signed-By']}")
    words = [fields["Types"], f"[{' '.join(options)}]", fields["URIs"], fields["Suites"], fields.get("Components")]
    return " ".join(word for word in words if word)


KUBERNETES_DEB = (
    "deb [signed-by=/etc/apt/keyrings/kubernetes-apt-keyring.gpg] https://pkgs.k8s.io/core:/stable:/v1.36/deb/ /")
KUBERNETES_RPM = """\
[kubernetes]
name=Kubernetes
baseurl=https://pkgs.k8s.io/core:/stable:/v1.36/rpm/
enabled=1
gpgcheck=1
gpgkey=https://pkgs.k8s.io/core:/stable:/v1.36/rpm/repodata/repomd.xml.key
exclude=kubelet kubeadm kubectl cri-tools kubernetes-cni
"""
NODE = ("kubeadm", "kubelet", "kubectl")


@pytest.mark.parametrize("machine", APT_HOSTS, ids=lambda each: each["codename"])
@pytest.mark.parametrize("version", ["1.36.3", "1.35.10"])
def test_kubernetes_for_apt(rendered: Rendered, machine: dict[str, Any], version: str) -> None:
    """https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/ for Debian"""
    minor = version.rpartition(".")[0]
    key, source = "/etc/apt/keyrings/kubernetes.asc", "/etc/apt/sources.list.d/kubernetes.sources"
    files = rendered("_kubernetes_upstream_repository", machine, NODE, cluster_version=version)
    assert list(files) == [key, source]
    page = KUBERNETES_DEB.replace("1.36", minor)
    assert one_line(files[source]) == page.replace("/etc/apt/keyrings/kubernetes-apt-keyring.gpg", key)
    assert files[source].startswith(COMMENT)
    assert files[key] == made_up_key(f"https://pkgs.k8s.io/core:/stable:/v{minor}/deb/Release.key")


@pytest.mark.parametrize(("distribution", "release"), DNF)
@pytest.mark.parametrize("version", ["1.36.3", "1.35.10"])
def test_kubernetes_for_dnf(rendered: Rendered, distribution: str, release: str, version: str) -> None:
    """https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/ for Red Hat"""
    page = KUBERNETES_RPM.replace("1.36", version.rpartition(".")[0])
    key, address = "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes", page.partition("gpgkey=")[2].splitlines()[0]
    machine = {**facts("redhat", distribution), "version": release}
    assert rendered("_kubernetes_upstream_repository", machine, NODE, cluster_version=version) == {
        key: made_up_key(address),
        "/etc/yum.repos.d/kubernetes.repo": COMMENT + page.replace(address, f"file://{key}"),
    }


CRIO = "https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v1.36"
CRIO_DEB = f"deb [signed-by=/etc/apt/keyrings/cri-o-apt-keyring.gpg] {CRIO}/deb/ /"
CRIO_RPM = f"""\
[cri-o]
name=CRI-O
baseurl={CRIO}/rpm/
enabled=1
gpgcheck=1
gpgkey={CRIO}/rpm/repodata/repomd.xml.key
"""


@pytest.mark.parametrize("machine", APT_HOSTS, ids=lambda each: each["codename"])
def test_crio_for_apt(rendered: Rendered, machine: dict[str, Any]) -> None:
    """https://github.com/cri-o/packaging/blob/main/README.md, Distributions using deb packages"""
    key, source = "/etc/apt/keyrings/cri-o.asc", "/etc/apt/sources.list.d/cri-o.sources"
    files = rendered("_cluster_crio_repository", machine)
    assert one_line(files[source]) == CRIO_DEB.replace("/etc/apt/keyrings/cri-o-apt-keyring.gpg", key)
    assert files[key] == made_up_key(f"{CRIO}/deb/Release.key")


@pytest.mark.parametrize(("distribution", "release"), DNF)
def test_crio_for_dnf(rendered: Rendered, distribution: str, release: str) -> None:
    """https://github.com/cri-o/packaging/blob/main/README.md, Distributions using rpm packages"""
    key, address = "/etc/pki/rpm-gpg/RPM-GPG-KEY-cri-o", f"{CRIO}/rpm/repodata/repomd.xml.key"
    machine = {**facts("redhat", distribution), "version": release}
    assert rendered("_cluster_crio_repository", machine, ("cri-o",)) == {
        key: made_up_key(address),
        "/etc/yum.repos.d/cri-o.repo": COMMENT + CRIO_RPM.replace(address, f"file://{key}") + "exclude=cri-o\n",
    }


DOCKER_DEB = """\
Types: deb
URIs: https://download.docker.com/linux/{distribution}
Suites: {codename}
Components: stable
Architectures: {architecture}
Signed-By: /etc/apt/keyrings/docker.asc
"""
DOCKER_RPM = """\
[docker-ce-stable]
name=Docker CE Stable - $basearch
baseurl=https://download.docker.com/linux/{distribution}/$releasever/$basearch/stable
enabled=1
gpgcheck=1
gpgkey=https://download.docker.com/linux/{distribution}/gpg
"""


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
@pytest.mark.parametrize(("distribution", "codename"), APT)
def test_containerd_for_apt(rendered: Rendered, distribution: str, codename: str, architecture: str) -> None:
    """https://docs.docker.com/engine/install/debian/ and /ubuntu/, Install using the apt repository: docker.sources"""
    machine = facts("debian", distribution, codename, architecture)
    page = DOCKER_DEB.format(distribution=distribution, codename=codename, architecture=architecture)
    assert rendered("_containerd_upstream_repository", machine, ("containerd.io",)) == {
        "/etc/apt/keyrings/docker.asc": made_up_key(f"https://download.docker.com/linux/{distribution}/gpg"),
        "/etc/apt/sources.list.d/docker.sources": COMMENT + page,
    }


@pytest.mark.parametrize(("distribution", "release"), DNF)
def test_containerd_for_dnf(rendered: Rendered, distribution: str, release: str) -> None:
    """First section of the docker-ce.repo that https://docs.docker.com/engine/install/rhel/ and /centos/ have added"""
    key = "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker-ce-stable"
    served_as = distribution if distribution in ("rhel", "fedora") else "centos"
    machine = {**facts("redhat", distribution), "version": release}
    address = f"https://download.docker.com/linux/{served_as}/gpg"
    page = DOCKER_RPM.format(distribution=served_as)
    assert rendered("_containerd_upstream_repository", machine, ("containerd.io",)) == {
        key: made_up_key(address),
        "/etc/yum.repos.d/docker-ce-stable.repo":
            COMMENT + page.replace(address, f"file://{key}") + "exclude=containerd.io\n",
    }


def test_a_key_that_cannot_be_fetched_leaves_none(rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an error of the template, which could name neither the repository nor what to do."""

    def refuse(_address: str, **_options: Any) -> None:
        raise URLError("Connection refused")

    fetch_keys(monkeypatch, refuse)
    message = "public key that signs https://pkgs.k8s.io/core:/stable:/v1.36/rpm/, found none"
    with pytest.raises(ClassroomError, match=message):
        rendered("_kubernetes_upstream_repository", facts("redhat", "rocky"), NODE)
