# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Metadata, README and preflight name the same distributions, and what is run on them is compared as text.

The files of upstream's repositories for the same distributions are in test_upstream.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import Completed
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.distribution import (
    EXPECTED,
    RENDERED,
    SUPPORTED,
    TESTED,
    read_distribution,
    support_of,
    titles,
)
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.apt import Apt
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.dnf import Dnf
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages.plan import Backend, Repository
from tests.unit.support.made_up_keys import made_up_key

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.parents[1].name for path in ROOT.glob("roles/*/meta/main.yml"))
# The role that runs on the controller, which must be of the Debian family
DEBIAN_ONLY = ("bundle",)
DEBIAN = ("Debian", "Ubuntu")


@pytest.mark.parametrize("role", ROLES)
def test_the_metadata_of_a_role_has_the_distributions_of_preflight(role: str) -> None:
    metadata = yaml.safe_load((ROOT / f"roles/{role}/meta/main.yml").read_text(encoding="utf-8"))
    named = [(platform["name"], version) for platform in metadata["galaxy_info"]["platforms"]
             for version in platform["versions"]]
    assert named == [each.platform for each in SUPPORTED if role not in DEBIAN_ONLY or each.platform[0] in DEBIAN]


def test_the_readme_has_the_distributions_of_preflight() -> None:
    rows = re.findall(r"^\| (\w[\w ]*) \| (.*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {level: named for level, named in rows if level in (TESTED, RENDERED)} == {
        TESTED: titles(TESTED), RENDERED: titles(RENDERED)}
    assert EXPECTED in dict(rows)


@pytest.mark.parametrize(("path", "text", "level"), [
    ("etc/os-release", 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n', TESTED),
    ("etc/os-release", 'ID=debian\nVERSION_ID="12"\n', RENDERED),
    ("etc/os-release", 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="26.04"\nVERSION_CODENAME=resolute\n', RENDERED),
    ("etc/os-release", 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="25.10"\n', EXPECTED),
    ("etc/os-release", "ID=debian\nVERSION_CODENAME=forky\n", EXPECTED),
    ("etc/redhat-release", "Red Hat Enterprise Linux release 10.0 (Coughlan)\n", RENDERED),
    ("etc/redhat-release", "Rocky Linux release 9.6 (Blue Onyx)\n", RENDERED),
    ("etc/redhat-release", "AlmaLinux release 10.1 (Heliotrope Lion)\n", RENDERED),
    ("etc/redhat-release", "CentOS Stream release 10 (Coughlan)\n", RENDERED),
    ("etc/redhat-release", "Fedora release 44 (Forty Four)\n", RENDERED),
    ("etc/redhat-release", "Fedora release 46 (Rawhide)\n", EXPECTED),
    ("etc/redhat-release", "Rocky Linux release 8.10 (Green Obsidian)\n", EXPECTED),
])
def test_the_level_of_a_host(tmp_path: Path, path: str, text: str, level: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / path).write_text(text, encoding="utf-8")
    found = read_distribution(Root(str(tmp_path)))
    assert found.family == ("redhat" if "redhat" in path else "debian")
    assert support_of(found.name, found.version) == level


FILES = [f"{role}/{kind}" for role in ("cluster", "kubernetes", "containerd", "student_tools")
         for kind in ("defaults", "vars")]
KUBERNETES = [{"name": name, "version": "1.36.3"} for name in ("kubeadm", "kubelet", "kubectl")]
TOOLS = ["podman", "buildah", "skopeo", "bash-completion", "tmux"]


@pytest.mark.parametrize("supported", SUPPORTED, ids=lambda each: "-".join(each.platform))
def test_the_packages(plugin_loader: None, supported: Any) -> None:
    debian = supported.platform[0] in DEBIAN
    loader = DataLoader()
    variables: dict[str, Any] = {"groups": {}, "cluster_version": "1.36.3", "ansible_facts": {"classroom_machine": {
        "os_family": "debian" if debian else "redhat", "distribution": supported.names[0]}}}
    for name in FILES:
        known = loader.load_from_file(str(ROOT / f"roles/{name}/main.yml"), trusted_as_template=True)
        variables.update({key: value for key, value in known.items() if key not in variables})
    templar = Templar(loader=loader, variables=variables)

    def render(words: str) -> Any:
        return templar.template(trust_as_template("{{ " + words + " }}"))

    assert render("kubernetes_desired.packages") == KUBERNETES
    assert [each["name"] for each in render("containerd_desired.packages")] == ["containerd.io"]
    assert [each["name"] for each in render("_student_tools_installed")] == [
        *TOOLS, *(["catatonit", "netavark", "passt", "uidmap"] if debian else [])]


APT = ("apt-get --quiet=2 --yes --option=DPkg::Lock::Timeout=300 --option=Dpkg::Options::=--force-confdef "
       "--option=Dpkg::Options::=--force-confold --option=Dpkg::Use-Pty=0 --option=Acquire::Retries=2 ")
ONLY = ("--option=Dir::Etc::sourcelist=/etc/apt/sources.list.d/kubernetes.sources --option=Dir::Etc::sourceparts=- "
        "--option=APT::Get::List-Cleanup=0 --option=Dir::Cache::pkgcache= --option=Dir::Cache::srcpkgcache=")
INSTALL = "--no-install-recommends --allow-change-held-packages --reinstall kubelet=1.36.3-1.1"
DNF = "dnf --assumeyes --setopt=exit_on_lock=True "
COMMANDS = {
    "debian": [
        APT + f"update {ONLY} --option=APT::Update::Error-Mode=any",
        f"apt-cache {ONLY} madison kubelet",
        APT + f"install --simulate {INSTALL}",
        APT + f"install {INSTALL}",
        "apt-mark hold kubelet",
        "dpkg --purge --no-act kubelet",
        "dpkg --purge kubelet",
    ],
    "redhat": [
        DNF + "--repo=kubernetes --setopt=kubernetes.skip_if_unavailable=False --setopt=disable_excludes=kubernetes "
        "--refresh repoquery --queryformat=%{name} %{evr}\\n kubelet",
        DNF + "--setopt=*.retries=2 --setopt=install_weak_deps=False --setopt=*.metadata_expire=-1 "
        "--setopt=*.skip_if_unavailable=True --setopt=disable_excludes=kubernetes install kubelet-1.36.3-1.1",
        "rpm --erase --test kubelet",
        "rpm --erase kubelet",
    ],
}
# Options of the command line, and those of the configuration that --setopt may have, from dnf5(8), dnf5.conf(5) and,
# for exit_on_lock, which dnf 5 accepts and ignores, the source of dnf 5
DNF5_OPTIONS = {"--assumeyes", "--repo", "--refresh", "--queryformat", "--setopt"}
DNF5_SETTINGS = {
    "exit_on_lock", "skip_if_unavailable", "disable_excludes", "retries", "install_weak_deps", "metadata_expire"}
DNF5_VERBS = {"repoquery", "install", "reinstall", "makecache", "check"}


class Recorded:
    """A runner of commands that remembers them; each succeeds, and dpkg would remove a package."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, argv: Sequence[str], **_options: Any) -> Completed:
        self.calls.append(list(argv))
        return Completed(0, "Would remove or purge kubelet ...\n" if "--no-act" in argv else "", "")

    @property
    def changing(self) -> list[str]:
        return [" ".join(call) for call in self.calls if "--query" not in call]


def run_through(backend: Backend, repository: Repository) -> None:
    """Have a package manager do all that an installation and a removal need."""
    backend.available(repository, ["kubelet"])
    backend.install({"kubelet": "1.36.3-1.1"}, {})
    backend.hold(["kubelet"], True)
    backend.removable(["kubelet"])
    backend.purge(["kubelet"])


@pytest.mark.parametrize("family", COMMANDS)
def test_the_commands_are_the_same_for_all_distributions_of_a_family(tmp_path: Path, family: str) -> None:
    recorded = Recorded()
    repository = Repository("kubernetes", "https://pkgs.k8s.io/core:/stable:/v1.36/", made_up_key("kubernetes"))
    backends: dict[str, type[Apt | Dnf]] = {"debian": Apt, "redhat": Dnf}
    run_through(backends[family](Root(str(tmp_path)), recorded, lambda seconds: None, repository), repository)
    assert recorded.changing == COMMANDS[family]


def test_dnf_5_knows_the_words_of_all_commands(tmp_path: Path) -> None:
    recorded = Recorded()
    backend = Dnf(Root(str(tmp_path)), recorded, lambda seconds: None, None)
    backend.available(None, ["kubelet"])
    backend.install({"kubelet": None}, {})
    words = [word for line in (*recorded.calls, *map(str.split, COMMANDS["redhat"])) if line[0] == "dnf"
             for word in line[1:]]
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    settings = {word.split("=")[1].rpartition(".")[2] for word in words if word.startswith("--setopt=")}
    assert (options - DNF5_OPTIONS, settings - DNF5_SETTINGS) == (set(), set())
    # Without a repository all excludes are lifted: by a word in dnf 4, by a pattern in dnf 5
    assert recorded.changing[-1].split()[-3:] == ["--setopt=disable_excludes=all,*", "install", "kubelet"]
    assert Dnf.audit.split()[1] in DNF5_VERBS
