# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conversion of a host's result to the declared types."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from .._display.clean import clean_text, shortened
from .returns import Value, read

# Of one text, of all texts of a result, of the entries of one list or dict
TEXT = 1 << 16
TOTAL = 1 << 22
ENTRIES = 10_000
# Messages and outputs are for people: they are cut, not rejected
MESSAGE = 1 << 14
DIFFERENCE = 1 << 20
MESSAGES = 100
DEPTH = 10
# A name that a host chooses may become part of a path or of a line
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/@+~-]{0,511}")

_WORDS = {
    bool: "a bool", int: "an int", float: "a float", str: "a str", list: "a list", dict: "a dict", type(None): "null"}
# What a report says of a host whose result does not fit
FOREIGN = "its answer is not one of this collection's"
_DIFFERENCE_KEYS = ("before", "after", "before_header", "after_header", "prepared")


class Misfit(Exception):
    """A result is not of the declared types: the message says where, and names no value of the host."""


def word(found: Any) -> str:
    """Return the type of a value in the words of the documentation."""
    return next((words for kind, words in _WORDS.items() if isinstance(found, kind)), "something else")


class _Converter:
    """One conversion, which counts the texts of a result."""

    def __init__(self) -> None:
        self._left = TOTAL

    def value(self, declared: Value, found: Any, path: str) -> Any:
        method = getattr(self, "_" + declared.type)
        converted = method(declared, found, path)
        if declared.choices and converted not in declared.choices:
            raise Misfit("expected {} to be one of {}, found another value".format(
                path, ", ".join(map(str, declared.choices))))
        return converted

    def text(self, found: Any, path: str, limit: int = TEXT) -> str:
        if not isinstance(found, str):
            raise _type(path, "str", found)
        self._left -= len(found)
        if len(found) > limit:
            raise Misfit(f"expected {path} to have at most {limit} characters, found {len(found)}")
        if self._left < 0:
            raise Misfit(f"expected at most {TOTAL} characters in the whole result, found more")
        return _plain(found)

    def _str(self, _declared: Value, found: Any, path: str) -> str:
        return self.text(found, path)

    def _bool(self, _declared: Value, found: Any, path: str) -> bool:
        if not isinstance(found, bool):
            raise _type(path, "bool", found)
        return found

    def _int(self, _declared: Value, found: Any, path: str) -> int:
        if isinstance(found, bool) or not isinstance(found, int):
            raise _type(path, "int", found)
        if abs(found) >= 1 << 63:
            raise Misfit(f"expected {path} to be an int of 64 bits, found a larger one")
        return int(found)

    def _float(self, declared: Value, found: Any, path: str) -> float:
        if not isinstance(found, float):
            if not isinstance(found, int):
                raise _type(path, "float", found)
            return float(self._int(declared, found, path))
        if not math.isfinite(found):
            raise Misfit(f"expected {path} to be a number, found one that is not finite")
        return float(found)

    def _list(self, declared: Value, found: Any, path: str) -> list[Any]:
        if not isinstance(found, (list, tuple)):
            raise _type(path, "list", found)
        _entries(path, found)
        if declared.elements is None:
            # RETURN sections are checked by a unit test: a list without elements is not declared completely
            raise Misfit(f"expected {path} to be declared with its elements")
        return [self.value(declared.elements, item, f"{path}[{index}]") for index, item in enumerate(found)]

    def _dict(self, declared: Value, found: Any, path: str) -> dict[str, Any]:
        if not isinstance(found, Mapping):
            raise _type(path, "dict", found)
        return self.fields(declared.fields, declared.any_field, found, path + ".", complete=True)

    def fields(
        self, fields: Mapping[str, Value], any_field: Value | None, found: Mapping[Any, Any], prefix: str, *,
        complete: bool,
    ) -> dict[str, Any]:
        """Convert the declared keys and drop the others. With `complete` the required ones have to be there."""
        _entries(prefix.rstrip(".") or "the result", found)
        converted: dict[str, Any] = {}
        for name, declared in fields.items():
            if found.get(name) is not None:
                converted[name] = self.value(declared, found[name], prefix + name)
            elif declared.required and complete:
                raise Misfit("expected {}{}, found {}".format(prefix, name, "null" if name in found else "none"))
            elif name in found:
                converted[name] = None
        if any_field is not None:
            for name in found:
                if name not in fields:
                    converted[self.name(name, prefix)] = self.value(any_field, found[name], prefix + "<name>")
        return converted

    def name(self, found: Any, prefix: str) -> str:
        name = self.text(found, "a name in {}".format(prefix.rstrip(".")))
        if not NAME.fullmatch(name) or ".." in name.split("/"):
            raise Misfit("expected plain names in {}, found one with other characters".format(prefix.rstrip(".")))
        return name

    def free(self, found: Any, path: str, depth: int = DEPTH) -> Any:
        """Convert a value of no declared type, which is only shown."""
        if found is None or isinstance(found, (bool, int, float)):
            return found if found is None or isinstance(found, (bool, float)) else int(found)
        if isinstance(found, str):
            return self.text(found, path)
        if depth == 0 or not isinstance(found, (list, tuple, Mapping)):
            raise Misfit(f"expected plain values in {path}, found something else")
        _entries(path, found)
        if isinstance(found, Mapping):
            return {self.text(name, path): self.free(inner, path, depth - 1) for name, inner in found.items()}
        return [self.free(inner, path, depth - 1) for inner in found]


def convert(returns: Mapping[str, Value], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a module in its declared types, with the values that every module of Ansible may have.

    Everything else is dropped: whatever a module does not declare, facts included. A failed result may lack declared
    values, a successful one only those that are returned under a condition. Raises Misfit.
    """
    converter = _Converter()
    converted: dict[str, Any] = {}
    for name in ("changed", "failed"):
        if name in result:
            converted[name] = converter.value(Value("bool"), result[name], name)
    failed = bool(converted.get("failed"))
    returned = {name: declared for name, declared in returns.items() if name not in converted}
    converted.update(converter.fields(returned, None, result, "", complete=not failed))
    converted.update(_messages(result, failed))
    if "diff" in result:
        converted["diff"] = _difference(result["diff"])
    if "invocation" in result:
        # Only shown, and only at a high verbosity
        with contextlib.suppress(Misfit):
            converted["invocation"] = _Converter().free(result["invocation"], "invocation")
    if isinstance(result.get("_ansible_parsed"), bool):
        converted["_ansible_parsed"] = result["_ansible_parsed"]
    return converted


def fits(module: str, result: Mapping[str, Any]) -> bool:
    """Whether all values of a registered result, as many as there are, have the types that the module declares."""
    try:
        convert(read(module), {**result, "failed": True})
    except Misfit:
        return False
    return True


def _messages(result: Mapping[str, Any], failed: bool) -> dict[str, Any]:
    """What a person reads of a result: cut where it is too long, and of the host only as text."""
    found: dict[str, Any] = {}
    for name in ("msg", *(("module_stdout", "module_stderr") if failed else ())):
        if result.get(name) is not None:
            if not isinstance(result[name], str):
                raise _type(name, "str", result[name])
            found[name] = _cut(result[name], MESSAGE)
    if failed and isinstance(result.get("rc"), int):
        found["rc"] = int(result["rc"])
    for name in ("warnings", "deprecations"):
        if result.get(name):
            found[name] = [_warning(item, name) for item in _listed(result[name], name)]
    if "deprecations" in found:
        found["deprecations"] = [{"msg": text} for text in found["deprecations"]]
    if failed and result.get("exception") is not None:
        exception = _exception(result["exception"])
        if exception is not None:
            found["exception"] = exception
    return found


def _listed(found: Any, path: str) -> list[Any]:
    if not isinstance(found, (list, tuple)):
        raise _type(path, "list", found)
    return list(found[:MESSAGES])


def _warning(found: Any, path: str) -> str:
    """Return the text of a warning: a string, a dict with `msg`, or ansible-core's own WarningSummary."""
    text = found.get("msg") if isinstance(found, Mapping) else getattr(getattr(found, "event", None), "msg", found)
    if not isinstance(text, str):
        raise _type(path + "[]", "str", text)
    return _cut(text, MESSAGE)


def _exception(found: Any) -> Any:
    """Return ansible-core's summary of an error with clean texts and without its chain.

    Return nothing where there is no such thing: ansible-core then makes one of `msg`.
    """
    event = getattr(found, "event", None)
    if not (dataclasses.is_dataclass(found) and dataclasses.is_dataclass(event)) or isinstance(found, type):
        return _cut(found, MESSAGE) if isinstance(found, str) else None
    message, trace = getattr(event, "msg", None), getattr(event, "formatted_traceback", None)
    plain: Any = type(event)
    return dataclasses.replace(found, event=plain(
        msg=_cut(message, MESSAGE) if isinstance(message, str) else "",
        formatted_traceback=_cut(trace, MESSAGE) if isinstance(trace, str) else None))


def _difference(found: Any) -> Any:
    """Return texts to compare, without anything else that a result may say of a difference."""
    if isinstance(found, Mapping):
        return {name: _cut(_difference_text(found[name], "diff." + name), DIFFERENCE)
                for name in _DIFFERENCE_KEYS if found.get(name) is not None}
    listed = _listed(found, "diff")
    for item in listed:
        if not isinstance(item, Mapping):
            raise _type("diff[]", "dict", item)
    return [_difference(item) for item in listed]


def _difference_text(found: Any, path: str) -> str:
    """Return one side of a difference as text: a dict, as some modules of ansible-core return it, as JSON."""
    if isinstance(found, Mapping):
        return json.dumps(_Converter().free(found, path), sort_keys=True, indent=4) + "\n"
    if not isinstance(found, str):
        raise _type(path, "str", found)
    return found


def _plain(text: str) -> str:
    """Return an exact `str`, also of a subclass such as ansible-core's tagged strings."""
    return clean_text(str.__str__(text))


def _cut(text: str, most: int) -> str:
    return _plain(shortened(str.__str__(text), most))


def _entries(path: str, found: Any) -> None:
    if len(found) > ENTRIES:
        raise Misfit(f"expected {path} to have at most {ENTRIES} entries, found {len(found)}")


def _type(path: str, kind: str, found: Any) -> Misfit:
    article = "an" if kind == "int" else "a"
    return Misfit(f"expected {path} to be {article} {kind}, found {word(found)}")
