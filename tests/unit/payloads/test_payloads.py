# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test that the payload of every module has what the module imports, inside functions too.

ansible-core finds the files of a payload by reading import statements. Where one is wrong, the payload is packed all
the same, and the module fails on the host, perhaps only when a certain function is called.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import interpreter

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
PLUGINS = "ansible_collections/classroom/kubeadm/plugins"
PACKAGE = PLUGINS.replace("/", ".") + ".module_utils"
# Python versions of hosts, from the oldest one that the collection supports
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
MODULES = sorted(
    path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if "def main(" in path.read_text("utf-8"))
# The import statements of a payload, at least
IMPORTS = 5

Builder = Callable[[Path], tuple[Path, Mapping[str, "str | None"]]]


@pytest.fixture(scope="module")
def python() -> str:
    """The oldest Python of this computer that hosts may have."""
    found = next(filter(None, map(interpreter, VERSIONS)), sys.executable)
    if not found.endswith(VERSIONS[0]):
        warnings.warn(f"Payloads were imported with {found}: this computer has no Python {VERSIONS[0]}.", stacklevel=1)
    return found


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """Build the payloads of a collection: call it with the directory that has `ansible_collections`."""

    def run(collections: Path) -> tuple[Path, Mapping[str, str | None]]:
        target = tmp_path_factory.mktemp("payloads")
        local = tmp_path_factory.mktemp("ansible")
        configuration = {
            "ANSIBLE_HOME": str(local), "ANSIBLE_LOCAL_TEMP": str(local), "ANSIBLE_CONFIG": str(local / "none.cfg")}
        done = subprocess.run(
            [sys.executable, str(HERE / "build_payloads.py"), str(collections), str(target)],
            cwd=local, env={**os.environ, **configuration}, capture_output=True, text=True, check=False,
            timeout=300)
        assert done.returncode == 0, done.stderr
        problems: dict[str, str | None] = json.loads(done.stdout)
        return target, problems

    return run


@pytest.fixture(scope="module")
def payloads(build: Builder) -> tuple[Path, Mapping[str, str | None]]:
    """The payloads of this checkout's modules."""
    return build(ROOT / ".collections")


def imported(python: str, archive: Path) -> dict[str, Any]:
    """Import everything in a payload with a fresh Python that has no installed packages."""
    done = subprocess.run([python, "-I", "-S", str(HERE / "payload_imports.py"), str(archive)],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_every_module_with_code_has_a_payload(payloads: tuple[Path, Mapping[str, str | None]]) -> None:
    assert payloads[1] == dict.fromkeys(MODULES)
    assert MODULES


@pytest.mark.parametrize("module", MODULES)
def test_payload_has_what_the_module_imports(
    module: str, payloads: tuple[Path, Mapping[str, str | None]], python: str
) -> None:
    result = imported(python, payloads[0] / f"{module}.zip")
    assert result["problems"] == []
    assert result["files"] and result["imports"] >= IMPORTS


def collection(place: Path, files: Mapping[str, str]) -> Path:
    """Write a collection with these files below plugins; returns the directory that has `ansible_collections`."""
    for name, text in files.items():
        path = place / PLUGINS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return place


def module(function: str) -> str:
    """A module with a main function of these lines."""
    lines = "\n".join("    " + line for line in function.split("\n"))
    return f"from ansible.module_utils.basic import AnsibleModule\n\n\ndef main():\n{lines}\n    AnsibleModule({{}})\n"


def test_wrong_imports_inside_functions_are_found(build: Builder, tmp_path: Path, python: str) -> None:
    collections = collection(tmp_path, {
        "module_utils/_bare/names.py": "THERE = 1\n\n\ndef late():\n    from .._full import other\n    return other\n",
        "module_utils/_full/__init__.py": "",
        "module_utils/_full/other.py": "from .._bare.names import THERE\n",
        "module_utils/_full/wrong.py": "def late():\n    from .other import MISSING\n    return MISSING\n",
        "module_utils/_full/newer.py": "def late():\n    import not_in_python\n    return not_in_python\n",
        "module_utils/_full/optional.py":
            "try:\n    import not_in_python\nexcept ImportError:\n    not_in_python = None\n",
        "module_utils/_full/broken.py": "VALUE = {}['missing']\n",
        "modules/good.py": module(
            "from ..module_utils._bare.names import THERE, late\nfrom ..module_utils._full import optional"),
        "modules/absolute.py": module(f"from {PACKAGE}._bare import names"),
        "modules/missing_name.py": module("from ..module_utils._bare.names import MISSING"),
        "modules/missing_deeper.py": module("from ..module_utils._full import wrong"),
        "modules/missing_library.py": module("from ..module_utils._full import newer"),
        "modules/missing_of_core.py": module("from ansible.module_utils.common.text.converters import MISSING"),
        "modules/broken.py": module("from ..module_utils._full import broken"),
        "modules/controller_only.py": module("from ..plugin_utils.report import page"),
        "modules/documentation.py": "DOCUMENTATION = ''\n",
        "plugin_utils/report.py": "page = 1\n",
    })
    target, problems = build(collections)
    assert "documentation" not in problems
    found = {name: error or " ".join(imported(python, target / f"{name}.zip")["problems"])
             for name, error in problems.items()}
    assert found.pop("good") == "" and found.pop("absolute") == ""
    for name, words in {
        "missing_name": f"modules/missing_name.py:5: import of {PACKAGE}._bare.names MISSING",
        "missing_deeper": "_full/wrong.py:2: import of",
        "missing_library": "_full/newer.py:2: import of not_in_python",
        "missing_of_core": "import of ansible.module_utils.common.text.converters MISSING",
        "broken": "KeyError: 'missing'",
        "controller_only": "plugin_utils",
    }.items():
        assert words in found.pop(name), name
    assert found == {}
