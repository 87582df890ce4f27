# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert the objects that a host reports, one as JSON in each line, to manifests in YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from ...module_utils._core.errors import ClassroomError

# etcd stores objects of up to 1.5 MiB, and JSON escapes some characters.
LONGEST = 8 << 20
# PyYAML needs some 700 bytes and 10 microseconds for each value, so the values of an object and of a harvest are
# limited: a host may report 64 MiB of empty lists.
MOST_VALUES_OF_OBJECT = 100_000
MOST_VALUES = 2_000_000
# Longer than each line: a text is never folded
_WIDTH = 1 << 30
# A text for every version of YAML, also for the parser of kubectl; a colon only within a word, as in an image's name
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
# ... unless it is a word that some version of YAML does not read as text
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# These separate lines for some versions of YAML only.
_SEPARATORS = re.compile("[\x85\u2028\u2029]")

# libyaml is several times as fast, but not part of every installation of PyYAML.
DUMPER: Any = type("Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})


def represent_text(dumper: Any, text: str) -> Any:
    """Return the YAML node of a text, in the style that the most parsers read as a text."""
    style = '"'
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = ""
    elif "\n" in text.rstrip("\n") and not _SEPARATORS.search(text):
        # The emitter uses quotes instead for a text that this style cannot represent.
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


DUMPER.add_representer(str, represent_text)


class Manifests:
    """The conversion of one harvest to at most `limit` bytes: indentation makes YAML larger than JSON."""

    def __init__(self, limit: int) -> None:
        self._values_left = MOST_VALUES
        self._bytes_left = limit

    def documents(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the YAML documents of a file with one object as JSON in each line, with `---` between them.

        Raise ClassroomError for a line that is not a JSON object, and beyond the limits.
        """
        separator = b""
        for line in _lines(pieces):
            yield separator + self._document(line)
            separator = b"---\n"

    def _document(self, line: bytes) -> bytes:
        try:
            found = json.loads(line)
            if not isinstance(found, dict):
                raise ClassroomError("an object that is not a JSON object")
            self._values_left -= _count(found, min(self._values_left, MOST_VALUES_OF_OBJECT))
            content = as_yaml(found).encode("utf-8")
        # The nesting of a hostile object may be deeper than Python's stack.
        except (ValueError, RecursionError) as problem:
            raise ClassroomError("an object that cannot be read as JSON") from problem
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise ClassroomError("objects whose manifests are too large")
        return content


def as_yaml(value: Any) -> str:
    """Return a value that came as JSON as one document, without document markers."""
    return str(yaml.dump(
        value, Dumper=DUMPER, allow_unicode=True, default_flow_style=False, sort_keys=False, width=_WIDTH))


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > LONGEST:
            break
    if len(rest) > LONGEST:
        raise ClassroomError(f"an object of more than {LONGEST >> 20} MiB")
    if rest:
        yield rest


def _count(value: Any, most: int) -> int:
    """Return the number of values in a value, itself included. Raise ClassroomError if there are more than `most`."""
    count, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        if count + len(waiting) > most:
            raise ClassroomError("objects of too many values")
    return count
