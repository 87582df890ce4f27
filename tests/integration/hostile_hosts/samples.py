# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an honest host answers: the samples of RETURN, and for Ansible's own modules what the roles read of them."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "plugins" / "modules"
EMPTY: Mapping[str, Any] = {"str": "", "int": 0, "float": 0.0, "bool": False, "list": [], "dict": {}, "raw": ""}
# For each type a value that Ansible's own conversion does not take for one
WRONG: Mapping[str, Any] = {
    "str": {"a": ["dictionary"]}, "int": "many", "float": [1.5], "bool": {"yes": 1}, "list": {"not": "a list"},
    "dict": ["not", "a", "dictionary"],
}
# Where the sample would end the role early
CHANGED: Mapping[str, Mapping[str, Any]] = {
    "host_preflight": {"failures": []},
    "harvest_objects": {"reason": ""},
    "kubeadm_init": {"drift": []},
    "residue_info": {"residue": [], "hygiene": []},
    "host_settings": {"findings": []},
    "bundle_load": {"served": False},
    "package_service": {"changed_files": ["/etc/containers/certs.d/10.20.0.2:5000/ca.crt"]},
}
# The same, deep in the sample
CHANGED_BELOW: Mapping[str, Mapping[str, Any]] = {
    "host_preflight": {"ansible_facts.classroom_machine.firewalld": True,
                       "ansible_facts.classroom_machine.network_manager": True},
    "bundle_load": {"certificate.problem": "it is missing"},
}
BUILTIN: Mapping[str, Mapping[str, Any]] = {
    "command": {"rc": 0, "stdout": "", "stderr": "", "cmd": []},
    "copy": {"dest": "/etc/file", "checksum": ""},
    "file": {"path": "/etc/file", "state": "absent"},
    "find": {"files": [], "matched": 0, "examined": 1},
    "slurp": {"content": "", "encoding": "base64"},
    "stat": {"stat": {"exists": False}},
    "tempfile": {"path": "/var/tmp/classroom-harvest.abc", "state": "directory"},
    "uri": {"status": 200, "url": ""},
    "lineinfile": {"msg": "line added", "backup": ""},
}
# Keys of the answer that repeat a parameter of the call
REPEATED: Mapping[str, Mapping[str, str]] = {
    "kubeconfig_user": {"path": "path"},
    "kubeadm_join": {"node_name": "node_name"},
    "kubeadm_reset": {"level": "level"},
}
# Lists in the answer with an entry for each entry of a parameter, and the keys of both by which they belong together
REPEATED_LISTS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "kubeadm_token": {"tokens": ("nodes", "node_name", "name")},
}


@functools.cache
def returned(module: str) -> Mapping[str, Any]:
    """The RETURN section of a module of this collection."""
    tree = ast.parse((MODULES / f"{module}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RETURN":
            assert isinstance(node.value, ast.Constant)
            section: Mapping[str, Any] = yaml.safe_load(str(node.value.value)) or {}
            return section
    return {}


def sample(options: Mapping[str, Any]) -> dict[str, Any]:
    """An answer with the samples of these keys, and empty values of the right type where there is none."""
    found = {}
    for name, option in options.items():
        if "sample" in option:
            found[name] = option["sample"]
        elif option.get("contains") and option["type"] == "dict":
            found[name] = sample(option["contains"])
        else:
            found[name] = EMPTY[option["type"]]
    return found


def own_modules() -> list[str]:
    """The modules of this collection."""
    return sorted(path.stem for path in MODULES.glob("*.py"))


def samples() -> dict[str, dict[str, Any]]:
    """The honest answer of each module."""
    own = {
        name: {"changed": True, **copy.deepcopy(sample(returned(name))), **CHANGED.get(name, {})}
        for name in own_modules()
    }
    for name, changes in CHANGED_BELOW.items():
        for path, value in changes.items():
            *way, last = path.split(".")
            functools.reduce(lambda found, key: found[key], way, own[name])[last] = value
    return {**own, **{name: {"changed": False, **answer} for name, answer in BUILTIN.items()}}


def fields(module: str) -> Iterator[tuple[str, str]]:
    """Path and type of each key that RETURN declares, or the roles for a module of others, the deep ones included."""
    others = read_by_roles()
    yield from _fields(others[module] if module in others else returned(module), "")


@functools.cache
def read_by_roles() -> Mapping[str, Mapping[str, Any]]:
    """What tasks of `guarded` declare of the modules of other collections, by their names without the collection."""
    found: dict[str, dict[str, Any]] = {}
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            given = task.get("classroom.kubeadm.guarded")
            if given:
                found.setdefault(given["module"].rpartition(".")[2], {}).update(given.get("returns", {}))
    return found


def _tasks(entries: Any) -> Iterator[Mapping[str, Any]]:
    for entry in entries or ():
        yield entry
        for section in ("block", "rescue", "always"):
            yield from _tasks(entry.get(section))


def _fields(options: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, option in options.items():
        yield prefix + name, option["type"]
        yield from _fields(option.get("contains") or {}, f"{prefix}{name}.")
