# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write readable YAML without a YAML library, which a managed host need not have.

Values that came as JSON are written in block style: any YAML reader gets back exactly the same values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# A text for every version of YAML; a colon only within a word, as in the name of an image
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
# ... unless it is a word that some version of YAML does not read as text
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# Characters that must be escaped in YAML
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def dump(value: Any) -> str:
    """Return a value as one document, without document markers."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of a value that begins a new line."""
    pad = "  " * depth
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _headed(f"{pad}{_text(str(key))}:", item, depth)
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, (Mapping, list)) and item:
                first, *rest = _lines(item, depth + 1)
                yield f"{pad}- {first[len(pad) + 2:]}"
                yield from rest
            else:
                yield from _headed(pad + "-", item, depth)
    else:
        yield pad + _scalar(value)


def _headed(head: str, value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of a value after its key or dash."""
    if isinstance(value, (Mapping, list)) and value:
        yield head
        # A list may have the same indentation as its key.
        yield from _lines(value, depth if isinstance(value, list) else depth + 1)
    elif isinstance(value, str) and _fits_block(value):
        yield "{} |{}".format(head, "" if value.endswith("\n") else "-")
        for line in value[:-1].split("\n") if value.endswith("\n") else value.split("\n"):
            yield "  " * (depth + 1) + line if line else ""
    else:
        yield f"{head} {_scalar(value)}"


def _fits_block(text: str) -> bool:
    """Return whether a text of several lines can be a literal block without a change.

    It must not begin with a blank or an empty line (the first line determines the indentation of the block), nor end
    with more than one line break.
    """
    return "\n" in text.rstrip("\n") and text[0] not in " \n" and not text.endswith("\n\n") \
        and not _UNPRINTABLE.search(text)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # JSON's quotes are those of YAML, except for pairs of surrogates and for characters that JSON does not escape
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
