# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read YAML in the plain form that kubeadm, the kubelet and kubectl write.

A managed host need not have PyYAML. What Kubernetes writes (kubeconfigs, the configurations in its ConfigMaps) uses
a small part of the language: block mappings, block sequences, literal blocks and one-line scalars. The result is that
of PyYAML's safe loader. Everything beyond this part of the language is rejected, including values that YAML 1.1 and 1.2
read differently (`yes`, `0777`, `1e3`, `12:30`) and keys that occur twice.
"""

from __future__ import annotations

import json
import re
from typing import Any

_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
_KEY = re.compile(rf"({_QUOTED}|[^ #&*!|>'\"%@`{{\[\]}},?:-][^:#]*?|-[^ :][^:#]*?) *:(?: +(.*))?$")
_QUOTED_VALUE = re.compile(rf"({_QUOTED})(?: +#.*)?$")
_COMMENT = re.compile(r"(?:^| +)#.*$")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False, "{}": {}, "[]": []}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]*(e[+-][0-9]+)?$")
# Values that some version of YAML does not read as text (the types of YAML 1.1, yaml.org/type, and of YAML 1.2)
_AMBIGUOUS = re.compile(
    r"yes$|no$|on$|off$|true$|false$|null$|<<$|=$|[-+]?\.inf$|\.nan$"
    r"|[-+]?0[xob][0-9a-f_]+$"
    r"|[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)(e[-+]?[0-9]*)?$"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t ].*)?$", re.IGNORECASE)
_NOT_PLAIN = tuple("&*!|>%@`{}[],#\"'")
# Line breaks of YAML 1.1 other than a line feed, a byte order mark, and characters that are not printable for YAML
_FORBIDDEN = re.compile("[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# YAML's limit for a key before its colon is 1024 characters
_LONGEST_KEY = 1000
_DEEPEST = 60


class NotPlainYaml(ValueError):
    """A text that uses more of YAML than this reader knows."""


def load(text: str) -> Any:
    """Return the single document in `text`, which may be JSON, too; raise NotPlainYaml for everything else."""
    text = text.replace("\r\n", "\n")
    if _FORBIDDEN.search(text):
        raise NotPlainYaml("a control character or a line break that is no line feed")
    if text.lstrip(" \n")[:1] in ("{", "["):
        return _json(text)
    lines = text.split("\n")
    whole = lines[-1] == ""
    if whole:
        lines.pop()
    while lines and not lines[0].strip(" "):
        lines.pop(0)
    if lines and lines[0].rstrip(" ") == "---":
        lines.pop(0)
    reader = _Reader(lines, whole)
    value = reader.block(0)
    if reader.peek() is not None:
        raise NotPlainYaml(f"line {reader.at + 1} is not understood")
    return value


def _json(text: str) -> Any:
    if "\t" in text or _SURROGATE.search(text):
        raise NotPlainYaml("JSON with a tab or with half a character")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_float)
    except NotPlainYaml:
        raise
    except (ValueError, RecursionError) as problem:
        raise NotPlainYaml("neither JSON nor plain YAML") from problem


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs) or any(len(key) > _LONGEST_KEY for key in found):
        raise NotPlainYaml("a key that occurs twice or is too long")
    return found


def _float(text: str) -> float:
    if not _FLOAT.match(text):
        raise NotPlainYaml("a number with an exponent, or none at all")
    return float(text)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(text: str) -> Any:
    if text.startswith(('"', "'")):
        return _quoted(text)
    text = _COMMENT.sub("", text)
    if text in _WORDS:
        known = _WORDS[text]
        return type(known)() if isinstance(known, (dict, list)) else known
    if text.startswith(_NOT_PLAIN):
        raise NotPlainYaml(f"a value that begins with {text[0]}")
    if ": " in text or text.endswith(":") or (text + " ").startswith(("- ", "? ", ": ", "--- ", "... ")):
        raise NotPlainYaml("a value with a sign of YAML in it")
    if _FLOAT.match(text):
        return float(text)
    if _INTEGER.match(text) and len(text) < _LONGEST_KEY:
        return int(text)
    if _AMBIGUOUS.match(text):
        raise NotPlainYaml("a value that may be a text or not; it needs quotes")
    return text


def _quoted(text: str) -> str:
    found = _QUOTED_VALUE.match(text)
    if not found:
        raise NotPlainYaml("a quoted text that is not understood, or over several lines")
    quoted = found.group(1)
    if quoted.startswith("'"):
        return quoted[1:-1].replace("''", "'")
    try:
        if _SURROGATE.search(quoted):
            raise ValueError("half a character")
        value: str = json.loads(quoted)
    except ValueError as problem:
        raise NotPlainYaml("a quoted text that is not understood") from problem
    return value


class _Reader:
    """A position in the lines; every method leaves `at` on the first line that it did not use."""

    def __init__(self, lines: list[str], whole: bool) -> None:
        self.lines = lines
        # Whether the last line ends with a line feed
        self.whole = whole
        self.at = 0
        self.depth = 0

    def peek(self) -> str | None:
        """Return the next line that is neither empty nor a comment, None at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if "\t" in line:
                raise NotPlainYaml(f"line {self.at + 1} has a tab")
            if line.strip(" ") and not line.lstrip(" ").startswith("#"):
                return line
            self.at += 1
        return None

    def block(self, indent: int) -> Any:
        line = self.peek()
        if line is None or _indent(line) < indent:
            return None
        indent = _indent(line)
        content = line.strip(" ")
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotPlainYaml(f"more than {_DEEPEST} levels")
        value: Any
        if content == "-" or content.startswith("- "):
            value = self.sequence(indent)
        elif _KEY.match(content):
            value = self.mapping(indent)
        else:
            self.at += 1
            value = _scalar(content)
        self.depth -= 1
        return value

    def sequence(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while True:
            line = self.peek()
            if line is None or _indent(line) != indent or not (line.strip(" ") + " ").startswith("- "):
                return items
            rest = line.strip(" ")[1:].strip(" ")
            if not rest:
                self.at += 1
                items.append(self.block(indent + 1))
                continue
            # The first line of the item follows the dash: for the item it is a separate line with more indentation.
            self.lines[self.at] = " " * (line.index("-") + 1 + len(line.strip(" ")[1:]) - len(rest)) + rest
            items.append(self.block(indent + 1))

    def mapping(self, indent: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while True:
            line = self.peek()
            if line is None or _indent(line) < indent:
                return result
            found = _KEY.match(line.strip(" "))
            if _indent(line) > indent or not found:
                raise NotPlainYaml(f"line {self.at + 1} is not understood")
            key = _scalar(found.group(1))
            if not isinstance(key, str) or key in result or len(found.group(1)) > _LONGEST_KEY:
                raise NotPlainYaml(f"line {self.at + 1} has a key that is no text, too long, or there twice")
            self.at += 1
            result[key] = self.value(indent, (found.group(2) or "").strip(" "))

    def value(self, indent: int, text: str) -> Any:
        if text in ("|", "|-", "|+"):
            return self.literal(indent, text)
        if text and not text.startswith("#"):
            return _scalar(text)
        line = self.peek()
        # A sequence may have the same indentation as its key; anything else has more.
        if line is not None and _indent(line) == indent and (line.strip(" ") + " ").startswith("- "):
            return self.sequence(indent)
        return self.block(indent + 1)

    def literal(self, indent: int, style: str) -> str:
        taken = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip(" ") and _indent(line) <= indent:
                break
            taken.append(line)
            self.at += 1
        depth = next((_indent(line) for line in taken if line.strip(" ")), 0)
        text = [line[depth:] for line in taken]
        leading = next((number for number, line in enumerate(text) if line.strip(" ")), len(text))
        if not any(text) or any(text[:leading]) or any(
                line.strip(" ") and _indent(line) < depth for line in taken):
            raise NotPlainYaml(f"line {self.at} ends a text whose depth cannot be determined")
        if self.at == len(self.lines) and not self.whole:
            raise NotPlainYaml("the last line has no end")
        value = "\n".join(text) + "\n"
        return value if style == "|+" else value.rstrip("\n") + ("" if style == "|-" else "\n")
