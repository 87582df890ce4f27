# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's repository has the packages of its distribution where the controller's bundle has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle.contents import Contents
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.distribution import read_distribution
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.files import Root
from ansible_collections.classroom.kubeadm.plugins.module_utils._operations import package_service
from tests.unit.support.made_up_keys import made_up_key

ROLES = Path(__file__).resolve().parents[3] / "roles"
LOCK = Contents("0" * 64, "amd64", distributions={"debian-13": {"runc": "1.1"}, "ubuntu-24.04": {"runc": "1.2"}}).text()
OLD = "schema: 1\ndebian:\n  suite: trixie\nfiles: {}\n"


@pytest.fixture
def template(plugin_loader: None, tmp_path: Path) -> Any:
    loader = DataLoader()
    variables: dict[str, Any] = {
        "cluster_bundle": str(tmp_path), "utility_bundle": "/srv/bundle", "_cluster_utility_address": "192.168.90.10",
        "cluster_utility_packages_port": 8080, "cluster_packages_from": "utility",
        "cluster_bundle_signed_by": [],
    }
    for role in ("cluster", "utility", "preflight"):
        path = str(ROLES / role / "vars/main.yml")
        variables = {**loader.load_from_file(path, trusted_as_template=True), **variables}
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt/classroom-kubeadm.asc").write_text("KEY", encoding="utf-8")
    (tmp_path / "os/debian-13").mkdir(parents=True)
    (tmp_path / "os/debian-13/classroom-kubeadm.asc").write_text("KEY", encoding="utf-8")

    def render(name: str, distribution: str, version: str, **given: Any) -> Any:
        facts = {"classroom_machine": {"distribution": distribution, "version": version}}
        templar = Templar(loader=loader, variables={**variables, "ansible_facts": facts, **given})
        return templar.template(trust_as_template(f"{{{{ {name} }}}}"))

    return render


@pytest.mark.parametrize(("version", "further"), [("13", True), ("12", False)])
def test_packages_of_the_distribution(template: Any, tmp_path: Path, version: str, further: bool) -> None:
    (tmp_path / "bundle.lock.yml").write_text(LOCK, encoding="utf-8")
    found = template("_cluster_utility_repository", "debian", version)
    own = template("_utility_repository", "debian", version)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(f"ID=debian\nVERSION_ID={version}\n", encoding="utf-8")
    chosen = [
        package_service.repository_of(
            {**checked.validated_parameters["repository"], "signed_by": made_up_key("bundle")},
            read_distribution(Root(str(tmp_path))))
        for repository in (found, own)
        for checked in [ArgumentSpecValidator({
            "repository": {"type": "dict", "options": package_service.REPOSITORY_OPTIONS}}).validate(
                {"repository": repository})]]
    assert [one.uri for one in chosen] == ["http://192.168.90.10:8080/apt", "file:///srv/bundle/apt"]
    assert [one.further_uris for one in chosen] == ([
        ("http://192.168.90.10:8080/os/debian-13",), ("file:///srv/bundle/os/debian-13",)] if further else [(), ()])


@pytest.mark.parametrize(("lock", "expected"), [
    (LOCK, ["debian-13", "ubuntu-24.04"]), (LOCK.replace("debian-13:\n    runc: '1.1'\n  ", ""), ["ubuntu-24.04"]),
    (Contents("0" * 64, "amd64").text(), []), (OLD, []), (None, []),
], ids=["two", "one", "none", "of a former release", "no lock"])
def test_the_distributions_of_a_lock(template: Any, tmp_path: Path, lock: str | None, expected: list[str]) -> None:
    if lock is not None:
        (tmp_path / "bundle.lock.yml").write_text(lock, encoding="utf-8")
    assert template("_cluster_bundle_distributions", "debian", "13") == expected


@pytest.mark.parametrize(("groups", "source", "lock", "expected"), [
    (["workers"], "utility", LOCK, ["iptables"]),
    (["utility"], "utility", LOCK + "packages:\n- name: classroom-registry\n", ["nginx"]),
    # The registry is that of the distribution, too
    (["utility"], "utility", LOCK, ["nginx", "docker-registry"]),
    (["workers"], "upstream", LOCK, []), (["workers"], "utility", "", []),
])
def test_what_must_come_from_somewhere(
    template: Any, tmp_path: Path, groups: list[str], source: str, lock: str, expected: list[str],
) -> None:
    if lock:
        (tmp_path / "bundle.lock.yml").write_text(lock, encoding="utf-8")
    given = {"group_names": groups, "cluster_packages_from": source}
    assert template("_preflight_required_packages", "debian", "13", **given) == expected
