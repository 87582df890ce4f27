# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text and values from hosts, made safe to show: no control characters, limited in size and in depth."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Set
from typing import Any

# C0 and C1 except newline and tab, and what changes the direction of a line: marks, embeddings, overrides, isolates
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Half of a character: JSON can carry one, no encoding can write it
_SURROGATES = re.compile("[\ud800-\udfff]")
# Ansible's own colours
_COLOURS = re.compile("(\x1b\\[[0-9;]*m)")

# Of one text, in characters: more than a person reads, less than what stops a terminal
LONGEST = 100_000
# Of one value: lists and dictionaries in each other, and entries in all of them together
DEEPEST = 20
MOST = 10_000
CUT = "…"


def clean_text(text: str) -> str:
    """Return `text` without control characters; newlines and tabs stay."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text.replace("\r\n", "\n")))


def clean_coloured(text: str) -> str:
    """Return `text` cleaned, with the colour sequences that are in it."""
    return "".join(part if index % 2 else clean_text(part) for index, part in enumerate(_COLOURS.split(text)))


def shortened(text: str, most: int = LONGEST) -> str:
    """Return at most about `most` characters: the beginning and the end, and how many were left out between them."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}{CUT} ({len(text) - 2 * half} characters left out) {CUT}{text[len(text) - half:]}"


def bounded(value: Any) -> Any:
    """Return a copy of `value` for the screen: cleaned, of plain types, with what is too large or too deep cut off."""
    return _Bounded().copy(value, DEEPEST)


class _Bounded:
    """One copy, with the numbers of entries and of characters that are still allowed in it."""

    def __init__(self) -> None:
        self._left = MOST
        self._characters = LONGEST

    def copy(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if not isinstance(value, (Mapping, list, tuple, Set)):
            return self._text(repr(value))
        if depth == 0:
            return CUT
        entries = list(itertools.islice(value, self._left))
        self._left -= len(entries)
        cut = len(entries) < len(value)
        if isinstance(value, Mapping):
            found = {self._text(str(key)): self.copy(value[key], depth - 1) for key in entries}
            return {**found, CUT: CUT} if cut else found
        return [*(self.copy(each, depth - 1) for each in entries), *([CUT] if cut else [])]

    def _text(self, text: str) -> str:
        found = clean_text(shortened(str(text), self._characters))
        self._characters = max(self._characters - len(found), 0)
        return found


def cleaned(value: Any) -> Any:
    """Return a copy of `value`, a dataclass, tuple, list, dictionary or text, with every text in it cleaned.

    Meant for values of known types; what hosts return has to be bounded first.
    """
    if isinstance(value, str):
        return clean_text(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{field.name: cleaned(getattr(value, field.name)) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {cleaned(key): cleaned(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(cleaned(each) for each in value)
    return value
