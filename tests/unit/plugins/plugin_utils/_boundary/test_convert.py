# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary import convert as limits
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.convert import Misfit, convert
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._boundary.returns import parse

RETURN = """
state: {returned: success, type: str, choices: [there, gone]}
text: {returned: success, type: str}
count: {returned: success, type: int}
seconds: {returned: success, type: float}
fine: {returned: success, type: bool}
names: {returned: success, type: list, elements: str}
rows:
  returned: success
  type: list
  elements: dict
  contains:
    kind: {type: str}
    note: {returned: when there is one, type: str}
versions:
  returned: success
  type: dict
  contains:
    <package>: {type: str}
perhaps: {returned: when asked for, type: str}
ansible_facts:
  returned: success
  type: dict
  contains:
    classroom_thing:
      returned: success
      type: dict
      contains: {address: {type: str}}
"""
RETURNS = parse(yaml.safe_load(RETURN), "example")
FITTING: dict[str, Any] = {
    "changed": True, "state": "there", "text": "one\n\ttwo", "count": 3, "seconds": 1.5, "fine": False, "names": ["a"],
    "rows": [{"kind": "a", "note": "b"}, {"kind": "c"}], "versions": {"g++": "1", "kubernetes.io/host-name": "2"},
    "perhaps": "so", "ansible_facts": {"classroom_thing": {"address": "192.0.2.1"}},
}


def changed(**more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(FITTING), **more}


def without(name: str) -> dict[str, Any]:
    return {key: found for key, found in FITTING.items() if key != name}


class Tagged(str):
    """A string as ansible-core's own, which is more than its characters."""


def test_a_result_of_the_declared_types_stays_what_it_is() -> None:
    assert convert(RETURNS, FITTING) == FITTING


@pytest.mark.parametrize("more", [
    {"add_host": {"host_name": "localhost"}}, {"results": [1]}, {"skipped": True}, {"unreachable": True}, {"rc": 0},
    {"ansible_stats": {"data": {}}}, {"stdout": "x"}, {"exception": "x"}, {"_ansible_no_log": False}, {7: 7},
    {"reset_kubeconfig": "/home"}, {"module_stdout": "x"},
], ids=lambda more: str(next(iter(more))))
def test_what_is_not_declared_is_dropped(more: dict[Any, Any]) -> None:
    assert convert(RETURNS, {**FITTING, **more}) == FITTING


def test_facts_that_are_not_declared_are_dropped() -> None:
    facts = {"classroom_thing": {"address": "192.0.2.1", "more": 1}, "reset_kubeconfig": "/home", "ansible_user": "x"}

    assert convert(RETURNS, changed(ansible_facts=facts)) == FITTING
    assert "ansible_facts" not in convert({}, {"ansible_facts": facts})


@pytest.mark.parametrize("field", sorted(FITTING))
@pytest.mark.parametrize("wrong", [
    None, True, 3, 1.5, "x", ["x"], {"x": "y"}, [], {}, [None], [{"kind": 1}], {"a": 1}, {"classroom_thing": []},
    object(),
], ids=repr)
def test_every_other_type_is_rejected(field: str, wrong: Any) -> None:
    kinds: dict[str, Callable[[Any], bool]] = {
        "changed": lambda found: isinstance(found, bool), "state": lambda found: False,
        "text": lambda found: isinstance(found, str), "fine": lambda found: isinstance(found, bool),
        "count": lambda found: isinstance(found, int) and not isinstance(found, bool),
        "seconds": lambda found: isinstance(found, (int, float)) and not isinstance(found, bool),
        "names": lambda found: found in ([], ["x"]), "rows": lambda found: found == [],
        "versions": lambda found: found in ({}, {"x": "y"}),
        "perhaps": lambda found: found is None or isinstance(found, str), "ansible_facts": lambda found: False,
    }
    if kinds[field](wrong):
        assert convert(RETURNS, changed(**{field: wrong}))[field] == wrong
    else:
        with pytest.raises(Misfit, match=field):
            convert(RETURNS, changed(**{field: wrong}))


@pytest.mark.parametrize("field", sorted(set(FITTING) - {"changed", "perhaps"}))
def test_a_success_is_complete(field: str) -> None:
    with pytest.raises(Misfit, match=f"expected {field}, found none"):
        convert(RETURNS, without(field))
    assert field not in convert(RETURNS, {**without(field), "failed": True, "msg": "no"})


@pytest.mark.parametrize("result", [
    changed(count=1 << 63), changed(count=-(1 << 63)), changed(seconds=math.nan), changed(seconds=math.inf),
    changed(seconds=1 << 70), changed(state="elsewhere"), changed(text="x" * (limits.TEXT + 1)),
    changed(names=["x"] * (limits.ENTRIES + 1)), changed(names=["x" * limits.TEXT] * 65),
    changed(versions={str(number): "" for number in range(limits.ENTRIES + 1)}),
    changed(rows=[{"note": "no kind"}]), changed(rows=[{"kind": None}]),
])
def test_limits(result: Mapping[str, Any]) -> None:
    with pytest.raises(Misfit) as caught:
        convert(RETURNS, result)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [
    "../../x", "a/../b", "..", "/etc/passwd", "", " ", "a b", "a\nb", "-e", ".hidden", "\x1b[2J", "x" * 513,
    "{{ x }}", "ä",
])
def test_a_name_from_a_host_is_plain(name: str) -> None:
    with pytest.raises(Misfit, match="names"):
        convert(RETURNS, changed(versions={name: "1"}))


@pytest.mark.parametrize(("found", "shown"), [
    ("\x1b]0;owned\x07\x1b[2J", "]0;owned[2J"), ("a\r\nb\rc\n\td", "a\nbc\n\td"),
    ("\u202egpj", "gpj"), ("\udcff", "\ufffd"), ("\x9b2J", "2J"),
    ("ä€😀", "ä€😀"),
])
def test_text_steers_nothing(found: str, shown: str) -> None:
    result = convert(RETURNS, changed(
        text=found, names=[found], msg=found, warnings=[found], deprecations=[{"msg": found}], diff={"before": found},
        invocation={"module_args": {"a": found}}))

    assert (result["text"], result["names"], result["msg"]) == (shown, [shown], shown)
    assert (result["warnings"], result["deprecations"]) == ([shown], [{"msg": shown}])
    assert (result["diff"], result["invocation"]) == ({"before": shown}, {"module_args": {"a": shown}})


def test_a_dict_in_a_difference_becomes_text() -> None:
    result = convert(RETURNS, changed(diff=[{"before": {"mode": "0644", "a": "\x1b[2J"}, "after": "x"}]))

    assert result["diff"] == [{"before": '{\n    "a": "[2J",\n    "mode": "0644"\n}\n', "after": "x"}]


def test_text_is_nothing_but_text() -> None:
    result = convert(RETURNS, changed(text=Tagged("x"), msg=Tagged("y")))

    assert (type(result["text"]), type(result["msg"])) == (str, str)


@pytest.mark.parametrize(("name", "found"), [
    ("msg", ["x"]), ("msg", {"a": 1}), ("warnings", "x"), ("warnings", [1]), ("warnings", [{"msg": 1}]), ("diff", "x"),
    ("diff", ["x"]), ("diff", {"before": [1]}), ("diff", {"after": {"a": object()}}),
    ("deprecations", {"a": 1}), ("failed", "no"), ("failed", 0),
])
def test_what_every_result_may_have_is_of_its_type(name: str, found: Any) -> None:
    with pytest.raises(Misfit, match=name):
        convert(RETURNS, changed(**{name: found}))


def test_what_people_read_is_cut() -> None:
    long = "x" * 100_000
    result = convert(RETURNS, {"failed": True, "msg": long, "module_stdout": long, "warnings": ["z"] * 1000})

    assert "(83616 characters left out)" in result["msg"] and len(result["msg"]) < 20_000
    assert len(result["module_stdout"]) < 20_000 and len(result["warnings"]) == limits.MESSAGES


@pytest.mark.parametrize("invocation", [
    object(), {"a": {"b": "x" * (limits.TEXT + 1)}}, json.loads("[" * 20 + "]" * 20),
])
def test_options_of_no_use_are_dropped(invocation: Any) -> None:
    assert "invocation" not in convert(RETURNS, changed(invocation=invocation))


@pytest.mark.parametrize(("declared", "words"), [
    ("a: {returned: success, type: list}", "type of its elements"), ("a: {returned: success, type: dict}", "keys"),
    ("a: {returned: success, type: raw}", "found raw"), ("a: {returned: success, type: list, elements: dict}", "keys"),
    ("a: {returned: success, type: dict, contains: {<b>: {type: int}, <c>: {type: int}}}", "at most one"),
])
def test_a_declaration_that_leaves_a_type_open_is_an_error(declared: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(yaml.safe_load(declared), "example")
