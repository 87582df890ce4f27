# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads YAML in the plain form in which kubeadm, the kubelet and kubectl write it.

A managed machine need not have PyYAML. What Kubernetes writes (kubeconfigs, the configurations in its ConfigMaps) uses
a small part of the language: block mappings, block sequences, literal blocks and one-line scalars. Anything beyond
that is refused rather than guessed.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#&*!|>'"%@`{\[\]},?-][^:#]*?|-[^\s:][^:]*?)\s*:(?:\s+(.*))?$"""
)
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False, "{}": {}, "[]": []}
_INTEGER = re.compile(r"-?(0|[1-9]\d*)$")
_FLOAT = re.compile(r"-?\d+\.\d*(e[+-]?\d+)?$")
_NOT_PLAIN = tuple("&*!|>%@`{[,")


class NotPlainYaml(ValueError):
    """The text uses more of YAML than this reader knows."""


def load(text: str) -> Any:
    """The one document in `text`, which may be JSON too."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError as problem:
            raise NotPlainYaml("neither JSON nor plain YAML") from problem
    lines = text.splitlines()
    while lines and lines[0].strip() in ("", "---"):
        lines.pop(0)
    reader = _Reader(lines)
    value = reader.block(0)
    if reader.peek() is not None:
        raise NotPlainYaml("line {0} is not understood".format(reader.at + 1))
    return value


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(text: str) -> Any:
    if text.startswith('"'):
        try:
            return json.loads(text)
        except ValueError as problem:
            raise NotPlainYaml("a quoted text that is not understood") from problem
    if text.startswith("'"):
        if len(text) < 2 or not text.endswith("'"):
            raise NotPlainYaml("a quoted text over several lines")
        return text[1:-1].replace("''", "'")
    if text in _WORDS:
        known = _WORDS[text]
        return type(known)() if isinstance(known, (dict, list)) else known
    if text.startswith(_NOT_PLAIN):
        raise NotPlainYaml("a value that begins with {0}".format(text[0]))
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


class _Reader:
    """Walks over the lines; every method leaves `at` on the first line it did not use."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0

    def peek(self) -> str | None:
        """The next line that says something."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and not line.lstrip().startswith("#"):
                return line
            self.at += 1
        return None

    def block(self, indent: int) -> Any:
        line = self.peek()
        if line is None or _indent(line) < indent:
            return None
        indent = _indent(line)
        content = line.strip()
        if content == "-" or content.startswith("- "):
            return self.sequence(indent)
        if not _KEY.match(content):
            self.at += 1
            return _scalar(content)
        return self.mapping(indent)

    def sequence(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while True:
            line = self.peek()
            if line is None or _indent(line) != indent or not (line.strip() + " ").startswith("- "):
                return items
            rest = line.strip()[1:].strip()
            if not rest:
                self.at += 1
                items.append(self.block(indent + 1))
                continue
            # The item's first line stands behind the dash: seen from the item it is a line of its own, further in.
            self.lines[self.at] = " " * (line.index("-") + 1 + len(line.strip()[1:]) - len(rest)) + rest
            items.append(self.block(indent + 1))

    def mapping(self, indent: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while True:
            line = self.peek()
            if line is None or _indent(line) < indent:
                return result
            found = _KEY.match(line.strip())
            if _indent(line) > indent or not found:
                raise NotPlainYaml("line {0} is not understood".format(self.at + 1))
            self.at += 1
            result[str(_scalar(found.group(1)))] = self.value(indent, (found.group(2) or "").strip())

    def value(self, indent: int, text: str) -> Any:
        if text in ("|", "|-", "|+"):
            return self.literal(indent, text)
        if text:
            return _scalar(text)
        line = self.peek()
        # A sequence may stand as far left as the key it belongs to; anything else stands further right.
        if line is not None and _indent(line) == indent and (line.strip() + " ").startswith("- "):
            return self.sequence(indent)
        return self.block(indent + 1)

    def literal(self, indent: int, style: str) -> str:
        taken = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and _indent(line) <= indent:
                break
            taken.append(line)
            self.at += 1
        depth = min((_indent(line) for line in taken if line.strip()), default=0)
        text = "\n".join(line[depth:] for line in taken).rstrip("\n")
        return text if style == "|-" else text + "\n"
