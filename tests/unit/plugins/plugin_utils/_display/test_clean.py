# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.clean import (
    CUT,
    DEEPEST,
    LONGEST,
    MOST,
    bounded,
    clean_coloured,
    clean_text,
    cleaned,
    shortened,
)


@pytest.mark.parametrize(("text", "shown"), [
    ("one\ttwo\nthree\r\nfour", "one\ttwo\nthree\nfour"),
    ("\x1b]0;title\x07\x1b[2J", "]0;title[2J"),
    # C1, for which a terminal takes it too
    ("\x9b31mred\x85next", "31mrednext"),
    ("over\rwritten\x08\x7f\x00", "overwritten"),
    ("a\u202eb\u202ac\u2066d\u2069e\u200ef\u200fg\u061ch", "abcdefgh"),
    ("half \ud800 a letter", "half \ufffd a letter"),
    # Letters of any script, and what joins them
    ("Łukasz 王小明 नमस्ते 👩\u200d🎓", "Łukasz 王小明 नमस्ते 👩\u200d🎓"),
])
def test_control_characters_are_dropped(text: str, shown: str) -> None:
    assert clean_text(text) == shown


def test_of_all_characters_those_that_steer_a_terminal_are_dropped() -> None:
    text = clean_text("".join(map(chr, range(0x110000))))
    assert {letter for letter in text if unicodedata.category(letter) == "Cc"} == {"\n", "\t"}
    assert not {letter for letter in text if unicodedata.bidirectional(letter) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}}
    assert text.encode("utf-8")


def test_colours_stay_where_they_are_meant() -> None:
    assert clean_coloured("\x1b[0;32mok\x1b[0m\x1b[2J\x07") == "\x1b[0;32mok\x1b[0m[2J"


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = shortened("a" * 500 + "z" * 501, 20)
    assert text == "aaaaaaaaaa… (981 characters left out) …zzzzzzzzzz"
    assert shortened("a" * 20, 20) == "a" * 20


def deep(levels: int, kind: str) -> Any:
    value: Any = "end"
    for _level in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


@pytest.mark.parametrize("value", [
    "x" * 3 * LONGEST, ["x" * 1000] * 3 * MOST, [[]] * 3 * MOST, {str(key): key for key in range(3 * MOST)},
    {"x" * 3 * LONGEST: 1}, deep(100_000, "list"), deep(100_000, "dict"), [b"bytes", {1, 2}, (3,), object(), 1e309],
], ids=["text", "texts", "lists", "keys", "key", "deep lists", "deep dictionaries", "types"])
def test_a_value_of_any_size_and_type_can_be_shown(value: Any) -> None:
    copy = bounded(value)
    text = yaml.safe_dump(copy)
    assert len(text) < 20 * LONGEST
    assert yaml.safe_load(text) == copy


def test_what_is_cut_off_has_a_mark_and_what_fits_stays() -> None:
    assert CUT in str(bounded(deep(DEEPEST + 1, "list"))) and CUT not in str(bounded(deep(DEEPEST, "list")))
    assert bounded([1] * (MOST + 1))[-1] == CUT and len(bounded([1] * MOST)) == MOST
    assert CUT in bounded(dict.fromkeys(map(str, range(MOST + 1)), 1))
    value = {"a": [1, 2.5, None, True, "b"], "c": {"d": "e\x07"}}
    assert bounded(value) == {"a": [1, 2.5, None, True, "b"], "c": {"d": "e"}}


@dataclass(frozen=True)
class Pair:
    name: str
    parts: tuple[Any, ...]


def test_texts_in_dataclasses_are_cleaned() -> None:
    found = cleaned(Pair("a\x07", ("b\x1b", 1, None, Pair("c\u202e", ()), {"d\x00": ["e\x00"]})))
    assert found == Pair("a", ("b", 1, None, Pair("c", ()), {"d": ["e"]}))
