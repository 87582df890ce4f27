# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written, any YAML reader reads back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import yaml_writer

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


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_every_text_comes_back(text: str) -> None:
    for value in (text, [text], {"k": text}, {"k": [text, text]}, [[text]], [{"k": text, "l": text}], {text: 1}):
        assert yaml.safe_load(yaml_writer.dump(value)) == value


@pytest.mark.parametrize("value", [
    None, True, 0, -1, 1.5, 10**20, {}, [], {"a": {}}, {"a": []}, {"a": None}, [{}], [[]], [[], {}], [None],
    [[1, [2]], 3],
    {"a": {"b": {"c": [1, {"d": [2]}, [3, 4]]}}, "e": "f"},
    [{"a": [1], "b": {"c": 2}}, {"a": []}], [[{"a": "x\ny\n"}]], {"a": ["x\ny", {"b": "x\ny\n"}]},
], ids=repr)
def test_every_shape_comes_back(value: Any) -> None:
    assert yaml.safe_load(yaml_writer.dump(value)) == value


def test_it_reads_like_what_a_person_writes() -> None:
    manifest = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {}},
        "spec": {"replicas": 2, "containers": [{"name": "web", "image": "nginx:1.27", "args": ["-v", "yes"]}]},
        "data": {"index.html": "<h1>\n\n  hi\n"},
    }
    assert yaml_writer.dump(manifest) == """apiVersion: apps/v1
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
