# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The RETURN section of a module as a type to which results are converted."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MODULES = Path(__file__).resolve().parents[2] / "modules"
# Without parsing the Python file, which would take ten times as long
_RETURN = re.compile(r'^RETURN = r"""\n(.*?)^"""$', re.MULTILINE | re.DOTALL)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Values with these words are in every result of a success; others have a condition, and may be missing or null
_ALWAYS = ("success", "always")


@dataclass(frozen=True)
class Value:
    """The declared type of a returned value.

    `fields` are the keys of a dict by name. `any_field` is the type of all other keys of a dict, declared as a name in
    angle brackets; without it other keys are dropped.
    """

    type: str
    required: bool = True
    choices: tuple[Any, ...] = ()
    elements: Value | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)
    any_field: Value | None = None


def value(declared: Mapping[str, Any], path: str) -> Value:
    """Return the type of one documented value. Raises ValueError where the documentation leaves a type open."""
    kind = declared["type"]
    required = declared.get("returned", "success") in _ALWAYS
    choices = tuple(declared.get("choices") or ())
    if kind == "list":
        elements = declared.get("elements")
        if elements is None:
            raise ValueError(f"{path}: expected the type of its elements, found none.")
        inner = value({**declared, "type": elements, "elements": None, "returned": "success"}, path + "[]")
        return Value(kind, required, elements=inner)
    if kind == "dict":
        return Value(kind, required, **_fields(declared.get("contains") or {}, path))
    if kind not in ("bool", "int", "float", "str"):
        raise ValueError(f"{path}: expected a type that can be checked, found {kind}.")
    return Value(kind, required, choices)


def _fields(contains: Mapping[str, Any], path: str) -> dict[str, Any]:
    if not contains:
        raise ValueError(f"{path}: expected the keys of the dict in 'contains', found none.")
    fields = {name: value(inner, f"{path}.{name}") for name, inner in contains.items()}
    open_names = [name for name in fields if name.startswith("<") and name.endswith(">")]
    if len(open_names) > 1:
        raise ValueError(f"{path}: expected at most one name in angle brackets, found {len(open_names)}.")
    any_field = fields.pop(open_names[0]) if open_names else None
    return {"fields": fields, "any_field": any_field}


def parse(documentation: Mapping[str, Any], name: str) -> Mapping[str, Value]:
    """Return the types of all values that the RETURN section of a module declares, by name."""
    return {key: value(declared, f"{name}: {key}") for key, declared in documentation.items()}


@functools.cache
def read(name: str) -> Mapping[str, Value]:
    """Return the types of the values of a module of this collection.

    Raises ValueError if they are not declared completely.
    """
    text = (MODULES / (name + ".py")).read_text(encoding="utf-8")
    found = _RETURN.search(text)
    if found is None:
        raise ValueError(f'{name}: expected a section RETURN = r""", found none.')
    return parse(yaml.load(found[1], Loader=_LOADER) or {}, name)
