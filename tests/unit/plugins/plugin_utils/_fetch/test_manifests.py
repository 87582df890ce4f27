# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests in YAML that any parser reads back, and objects that a hostile host reports."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._fetch import manifests

TEXTS = [
    "", " ", "plain", "two words", "a: b", "a:", "a #b", "- a", "-", "yes", "No", "on", "null", "~", "1", "08",
    "1e3", "0x1f",
    "1_000", "12:30:45", "2026-11-21", ".5", ".inf", "=", "<<", "*", "&a", "!x", "%a", "@a", "`a", "{}", "[]",
    "{a", "'", '"',
    "a'b", 'a"b', "\\", "a\\n", "a\tb", "\ta", "trailing ", "ä", "\u2028", "\x07", "\ufeffa", "😀", "nginx:1.27",
    "r.io/a/b:v1",
    "a:b:c", "true", "Y", "\n", "\n\n", "a\n", "a\nb", "a\nb\n", "a\nb\n\n", "\na", " a\nb", "a\n b\n  c\n",
    "a\n\nb", "a\r\nb",
    "a\x00b\nc", "a\n\tb", "#a\nb", "---\na", "a\n...\nb", "key: |\n  x\n", "<h1>hi</h1>\nline\n", "a\u0085b\nc",
    "a\n\u2028", "😀\na",
]


# libyaml's emitter and PyYAML's own
DUMPERS = [name for name in ("CSafeDumper", "SafeDumper") if hasattr(yaml, name)]


@pytest.fixture(params=DUMPERS)
def dumper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = type("Dumper", (getattr(yaml, request.param),), {})
    found.add_representer(str, manifests.represent_text)
    monkeypatch.setattr(manifests, "DUMPER", found)


@pytest.mark.parametrize("text", TEXTS, ids=repr)
@pytest.mark.usefixtures("dumper")
def test_every_text_comes_back(text: str) -> None:
    for value in (text, [text], {"k": text}, {"k": [text, text]}, [[text]], [{"k": text, "l": text}], {text: 1}):
        assert yaml.safe_load(manifests.as_yaml(value)) == value


@pytest.mark.parametrize("value", [
    None, True, 0, -1, 1.5, 10**20, {}, [], {"a": {}}, {"a": []}, {"a": None}, [{}], [[]], [[], {}], [None],
    [[1, [2]], 3],
    {"a": {"b": {"c": [1, {"d": [2]}, [3, 4]]}}, "e": "f"},
    [{"a": [1], "b": {"c": 2}}, {"a": []}], [[{"a": "x\ny\n"}]], {"a": ["x\ny", {"b": "x\ny\n"}]},
], ids=repr)
@pytest.mark.usefixtures("dumper")
def test_every_shape_comes_back(value: Any) -> None:
    assert yaml.safe_load(manifests.as_yaml(value)) == value


@pytest.mark.usefixtures("dumper")
def test_it_is_readable() -> None:
    manifest = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {}},
        "spec": {"replicas": 2, "containers": [{"name": "web", "image": "nginx:1.27", "args": ["-v", "yes"]}]},
        "data": {"index.html": "<h1>\n\n  hi\n"},
    }
    assert manifests.as_yaml(manifest) == """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {}
spec:
  replicas: 2
  containers:
  - name: web
    image: nginx:1.27
    args:
    - "-v"
    - "yes"
data:
  index.html: |
    <h1>

      hi
"""


def converted(*pieces: bytes, limit: int = 1 << 20) -> bytes:
    return b"".join(manifests.Manifests(limit).documents(iter(pieces)))


def test_lines_become_documents() -> None:
    assert converted(b'{"kind": "Nam', b'espace"}\n{"kind"', b': "Pod"}', b"\n") == b"kind: Namespace\n---\nkind: Pod\n"
    assert converted() == b""
    assert converted(b'{"a": 1}') == b"a: 1\n"


def test_an_object_may_be_as_large_as_etcd_stores_it() -> None:
    text = "line\n" * 300_000
    assert yaml.safe_load(converted(json.dumps({"data": text}).encode(), limit=1 << 22)) == {"data": text}


@pytest.mark.parametrize(("content", "reason"), [
    (b"kind: Pod\n", "cannot be read as JSON"),
    (b"\n", "cannot be read as JSON"),
    (b'{"a": "\xff"}\n', "cannot be read as JSON"),
    (b'{"a": "\\ud800"}\n', "cannot be read as JSON"),
    (b"[]\n", "not a JSON object"),
    (b'"text"\n', "not a JSON object"),
    (b'{"a":' * 100_000, "cannot be read as JSON"),
    (b'{"a":' * 900 + b"1" + b"}" * 900, "cannot be read as JSON"),
    (b'{"a": ' + b"1" * 5000 + b"}", "cannot be read as JSON"),
    (b'{"a": [' + b"0," * 100_000 + b"0]}", "too many values"),
    (b'{"a": [' + b"{}," * 100_000 + b"0]}", "too many values"),
    ((b'{"a": [' + b"0," * 90_000 + b"0]}\n") * 23, "too many values"),
    (b'{"a": "' + b"x" * (9 << 20), "more than 8 MiB"),
    (b'{"a": "' + b"x" * (2 << 20) + b'"}', "too large"),
    (b'{"a":' * 99 + b'{"a": [' + b"0," * 50_000 + b"0]}" + b"}" * 99, "too large"),
], ids=["YAML", "empty line", "not UTF-8", "surrogate", "list", "text", "nesting", "nesting of YAML", "digits",
        "numbers", "objects", "values of all", "line", "size", "indentation"])
def test_objects_of_a_hostile_host_are_rejected(
    content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "too many values":
        # The limits are about what it costs to write them, which this test need not spend
        monkeypatch.setattr(manifests, "as_yaml", lambda _value: "")
    with pytest.raises(ClassroomError, match=reason):
        converted(content)
