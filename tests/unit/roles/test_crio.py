# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of CRI-O, as the role's own variables make them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.classroom.kubeadm.plugins.module_utils._runtime.runtimes import RUNTIMES

ROLES = Path(__file__).resolve().parents[3] / "roles"
FILES = [f"{role}/{kind}" for role in ("cluster", "crio") for kind in ("defaults", "vars")]


def value(words: str, **given: Any) -> Any:
    loader = DataLoader()
    variables: dict[str, Any] = {"ansible_facts": {"classroom_machine": {"os_family": "debian"}}, "groups": {}, **given}
    for name in FILES:
        known = loader.load_from_file(str(ROLES / name / "main.yml"), trusted_as_template=True)
        variables.update({key: text for key, text in known.items() if key not in variables})
    return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {words} }}}}"))


def drop_ins(**given: Any) -> dict[str, Any]:
    """All of them, as CRI-O reads them: a later one adds to a section."""
    found: dict[str, Any] = {}
    for file in value("_crio_files", **given):
        for section, settings in tomllib.loads(file["content"])["crio"].items():
            found.setdefault(section, {}).update(settings)
    return found


def test_without_a_word() -> None:
    assert drop_ins() == {
        "runtime": {"cgroup_manager": "systemd", "default_runtime": "crun"},
        "network": {"network_dir": "/etc/cni/net.d", "plugin_dirs": ["/opt/cni/bin"]},
        "image": {"pause_image": "registry.k8s.io/pause:3.10.2"},
    }


def test_the_key_of_the_repository_is_pinned() -> None:
    repository = value(
        "_crio_repository", cluster_packages_from="upstream", _cluster_crio_repository={"debian": {"name": "cri-o"}})
    assert repository == {"name": "cri-o", "fingerprints": ["85B67D5C50100B1AC8CEFE49CBA9C85640A2B579"]}


def test_what_is_chosen() -> None:
    found = drop_ins(
        cluster_cgroup_driver="cgroupfs", crio_oci_runtime="runc", cluster_pause_image="own/pause:1",
        crio_settings={"runtime": {"pids_limit": 4096, "log_level": 'a "word"'}, "metrics": {"enable_metrics": True}})
    assert found["runtime"] == {
        "cgroup_manager": "cgroupfs", "default_runtime": "runc", "conmon_cgroup": "pod", "pids_limit": 4096,
        "log_level": 'a "word"'}
    assert found["metrics"] == {"enable_metrics": True}
    assert found["image"] == {"pause_image": "own/pause:1"}


FURTHER = {
    "kata": {"runtime_path": "/usr/bin/kata", "runtime_type": "vm"},
    "gvisor": {"runtime_path": "/usr/bin/runsc"},
}


@pytest.mark.parametrize("there", [[], ["kata"], ["kata", "gvisor"]])
def test_a_handler_needs_its_program(there: list[str]) -> None:
    found = drop_ins(crio_runtimes=FURTHER, _crio_runtimes_found=there)
    assert found["runtime"].get("runtimes", {}) == {name: FURTHER[name] for name in there}


def test_a_class_for_what_any_host_has() -> None:
    found = {"a": ["kata"], "c": ["kata", "gvisor", "crun"]}
    machines = {**{name: {"_crio_runtimes_found": names} for name, names in found.items()}, "b": {}}
    text = value("_crio_runtime_classes", cluster_machines=list(machines), hostvars=machines)
    documents = [document for document in yaml.safe_load_all(text) if document]
    assert [(one["kind"], one["metadata"]["name"], one["handler"]) for one in documents] == [
        ("RuntimeClass", "gvisor", "gvisor"), ("RuntimeClass", "kata", "kata")]


@pytest.mark.parametrize(("settings", "expected"), [
    ({}, ("absent", "")), ({"KillMode": "process"}, ("present", "[Service]\nKillMode=process\n")),
])
def test_a_drop_in_of_the_unit_where_there_is_something_in_it(
    settings: dict[str, str], expected: tuple[str, str],
) -> None:
    found = value("_crio_unit", crio_service_settings=settings)
    assert (found["state"], found["content"].partition("\n")[2] if settings else "") == expected


def test_the_table_of_runtimes_is_that_of_the_modules() -> None:
    found = {name: value("cluster_cri_socket", cluster_runtime=name) for name in value("_cluster_runtimes")}
    assert found == {name: runtime.uri for name, runtime in RUNTIMES.items()}


@pytest.mark.parametrize(("given", "expected"), [
    ({}, "1.36"), ({"cluster_version": "1.37.0"}, "1.37"), ({"crio_version": "1.36.2"}, "1.36.2"),
])
def test_the_release_follows_kubernetes(given: dict[str, str], expected: str) -> None:
    assert value("crio_version | default(_crio_minor, true)", **given) == expected
