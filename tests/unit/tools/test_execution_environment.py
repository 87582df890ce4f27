# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of a controller has what the project is tested with, and all that its plugins import there."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._bundle import archive, gpg, repository
from ansible_collections.classroom.kubeadm.plugins.module_utils._packages import download, package_file

ROOT = Path(__file__).resolve().parents[3]
# What runs on the controller; modules and what they import need nothing but Python on a machine
CONTROLLER = ("action", "callback", "filter", "inventory", "plugin_utils", "test")
# A module as a task's key or as an option, and a filter, test or lookup
COLLECTION = re.compile(
    r"(?:^ *(?:- )?(?:module: )?|[|'\"] *)"
    r"((?!ansible\.builtin\.|classroom\.kubeadm\.)[a-z_]+\.[a-z_]+\.[a-z_]+)(?=:? ?$|[:'\"(])", re.MULTILINE)
# The collection, Ansible, and what ansible-core itself depends on
OF_ANSIBLE = {"ansible", "ansible_collections", "yaml", "jinja2", "packaging", "cryptography"}


def described() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))
    return found


def pins(lines: list[str]) -> dict[str, str]:
    """Versions by name; what follows in the line (hashes) does not matter."""
    return dict(line.split()[0].split("==") for line in lines if "==" in line)


def requirements() -> dict[str, str]:
    return pins((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())


def imported() -> set[str]:
    """Packages that the controller's plugins import, wherever in a file."""
    files = [path for kind in CONTROLLER for path in (ROOT / "plugins" / kind).glob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)


def test_the_versions_are_those_that_are_tested() -> None:
    dependencies = described()["dependencies"]
    wanted = pins([*dependencies["python"], dependencies["ansible_core"]["package_pip"]])
    assert set(wanted) >= {"ansible-core", "rich"}
    assert wanted == {name: requirements().get(name) for name in wanted}


def test_no_other_collection_is_needed() -> None:
    """Modules, filters and lookups of roles and playbooks are of ansible-core or of this collection."""
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"] == {}
    files = [*(ROOT / "roles").glob("*/[dtvh]*/*.yml"), *(ROOT / "playbooks").glob("*.yml")]
    foreign = [f"{path.relative_to(ROOT)}: {name}" for path in files for name in COLLECTION.findall(
        re.sub(r"#.*", "", path.read_text(encoding="utf-8")))]
    assert len(files) > 50 and foreign == []


def test_what_the_plugins_import_is_there() -> None:
    assert imported() - OF_ANSIBLE <= set(pins(described()["dependencies"]["python"]))


def test_the_system_has_ssh_and_what_a_bundle_needs() -> None:
    """A bundle of upstream's packages and images; a bundle is not compiled in the image."""
    listed = [line.split()[0] for line in described()["dependencies"]["system"]]
    tools = [*package_file.TOOLS.values(), *download.TOOLS.values(), repository.APT_TOOLS, repository.RPM_TOOLS,
             gpg.TOOLS, archive.TOOLS]
    named = {package for table in tools for packages in table.values() for package in packages.split(" and ")}
    # The base image has these
    assert {"openssh-client", "skopeo", "cpio"} | named - {"apt", "dpkg"} == set(listed)


def test_facts_never_become_variables() -> None:
    assert "ENV ANSIBLE_INJECT_FACT_VARS=false" in described()["additional_build_steps"]["append_final"]


def test_it_is_no_part_of_the_collection() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert "execution-environment.yml" in galaxy["build_ignore"]


def test_a_user_of_the_collection_gets_no_development_packages() -> None:
    """ansible-builder reads these files of a collection, and a requirements.txt in their absence."""
    meta = yaml.safe_load((ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8"))
    python, system = (
        (ROOT / meta["dependencies"][kind]).read_text(encoding="utf-8").splitlines() for kind in ("python", "system"))

    named = {line.split(">=")[0] for line in python if not line.startswith("#")}
    assert imported() - OF_ANSIBLE <= named <= set(runtime())
    assert [line.split()[0] for line in system if not line.startswith("#")] == ["openssh-client", "openssh-clients"]
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    assert {"requirements.txt", "requirements-runtime.txt"} <= set(ignored)


def runtime() -> dict[str, str]:
    return pins((ROOT / "requirements-runtime.txt").read_text(encoding="utf-8").splitlines())


def test_the_playbooks_run_with_what_they_are_tested_with() -> None:
    assert {"ansible-core", "rich"} <= set(runtime())
    assert runtime().items() <= requirements().items()
    assert not {"pytest", "mypy", "molecule", "ruff"} & set(runtime())


def test_every_package_has_hashes() -> None:
    for name in ("requirements.txt", "requirements-runtime.txt"):
        packages = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        assert all("--hash=sha256:" in line for line in packages if "==" in line)
