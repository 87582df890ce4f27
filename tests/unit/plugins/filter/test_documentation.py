# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each filter and test has documentation of its own; one without hides the documentation of all in some tools."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"


def plugins() -> dict[str, tuple[Path, Callable[..., Any]]]:
    """The file and the function of each filter and test, by its kind and name."""
    found = {}
    for kind, attribute in (("filter", "FilterModule"), ("test", "TestModule")):
        for path in sorted((PLUGINS / kind).glob("*.py")):
            module = importlib.import_module(f"ansible_collections.classroom.kubeadm.plugins.{kind}.{path.stem}")
            for name, function in getattr(getattr(module, attribute)(), f"{kind}s")().items():
                found[f"{kind} {name}"] = (path, function)
    return found


def documentation(path: Path, name: str) -> dict[str, Any]:
    """From the file beside it that has the plugin's name, else from the Python file of the same name."""
    text = path.with_name(name + ".yml")
    if text.exists():
        found: dict[str, Any] = yaml.safe_load(text.read_text(encoding="utf-8"))
        return found
    if path.stem != name:
        return {}
    module = importlib.import_module(f"ansible_collections.classroom.kubeadm.plugins.{path.parent.name}.{path.stem}")
    return {key: yaml.safe_load(getattr(module, key)) for key in ("DOCUMENTATION", "EXAMPLES", "RETURN")}


@pytest.mark.parametrize("plugin", plugins())
def test_documentation_names_the_plugin_and_its_parameters(plugin: str) -> None:
    path, function = plugins()[plugin]
    name = plugin.split()[1]

    text = documentation(path, name)

    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= set(text)
    assert text["DOCUMENTATION"]["name"] == name
    given = list(inspect.signature(function).parameters)[1:]
    options = text["DOCUMENTATION"]["options"]
    assert [option for option in options if option != "_input"] == given
    positional = text["DOCUMENTATION"].get("positional", "")
    assert [word.strip() for word in positional.split(",") if word] == given
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        assert bool(options[parameter.name].get("required")) == (parameter.default is parameter.empty)
