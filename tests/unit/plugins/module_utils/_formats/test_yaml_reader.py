# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reader of plain YAML beside PyYAML: both agree, or this one rejects the text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ansible_collections.classroom.kubeadm.plugins.module_utils._formats import yaml_reader
from tests.unit.support.kubeadm_lab import CONFIGURATION, kubeconfig_text, kubelet_conf


def test_what_kubernetes_writes_is_read() -> None:
    found = yaml_reader.load("---\n" + CONFIGURATION)
    assert found["controllerManager"]["extraArgs"] == [
        {"name": "bind-address", "value": "0.0.0.0"}, {"name": "v", "value": "2"}
    ]
    assert found["featureGates"] == {"KubeletInUserNamespace": True}
    assert found["nodePortAddresses"] is None and found["taints"] == [] and found["dns"] == {}
    assert (found["weight"], found["count"], found["quoted key"]) == (1.5, -3, "it's")
    assert found["text"] == "first: line\n\n  indented\n" and found["last"] == "x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2]}', {"a": [1, 2]}),
        ("", None),
        ("word", "word"),
        ("- a\n- b: 1\n  c: 2\n-\n  d: 3\n", ["a", {"b": 1, "c": 2}, {"d": 3}]),
        ("a:\n  - - x\n    - y\n", {"a": [["x", "y"]]}),
        ("server: https://10.0.0.1:6443\n", {"server": "https://10.0.0.1:6443"}),
    ],
)
def test_small_documents(text: str, expected: Any) -> None:
    assert yaml_reader.load(text) == expected


@pytest.mark.parametrize("text", ["a: &x 1", "a: *x", "a: [1, 2]", "a: b\n  c: d\n", "{", "a: 'x\n  y'", "a: >\n  x\n"])
def test_more_than_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(yaml_reader.NotPlainYaml):
        yaml_reader.load(text)


# As kubeadm and client-go write them, and with what people add by hand
KUBELET = """apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
- fd00:10:96::a
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
evictionHard:
  nodefs.available: 1Gi
  nodefs.inodesFree: 1%
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
  verbosity: 0
resolvConf: /run/systemd/resolve/resolv.conf
syncFrequency: 0s
"""
PROXY = """apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clusterCIDR: 10.244.0.0/16,fd00:10:244::/56
conntrack:
  maxPerCore: null
  min: null
mode: ""
nodePortAddresses: null
winkernel:
  rootHnsEndpointName: ""
"""
PEOPLES = """# kubectl config
apiVersion: v1
kind: Config   # by hand
clusters:
    - name: "lab"     # the class
      cluster:
          server: https://10.0.0.1:6443
          certificate-authority-data: aGVsbG8=
contexts: []
preferences: {}
users:
    - name: 'it''s # me'
      user:
        token: abc#def
        port: 6443 # api
"""
WRITTEN = {
    "kubeadm": CONFIGURATION,
    "kubelet": KUBELET,
    "kube-proxy": PROXY,
    "people": PEOPLES,
    "windows": PEOPLES.replace("\n", "\r\n"),
    "admin.conf": kubeconfig_text("https://10.0.0.1:6443", "CA", "CRT", "KEY"),
    "kubelet.conf": kubelet_conf("https://10.0.0.1:6443", "CA"),
    "json": json.dumps(yaml.safe_load(PEOPLES), indent=2),
}
# What a value may look like; many of them mean something else than the eye believes
WORDS = (
    "", "a", "a b", "6443", "6443 # api", "6443#api", "# api", "-1", "+1", "0", "00", "07", "0777", "08", "0x1f",
    "0o17", "0b101", "1_000", "1.5", "1.", ".5", "-.5", "1.5e3", "1.5e+3", "1e3", "1e+3", "12:30", "1:2:3", "1:99",
    "12:30:45.5", "true", "True", "TRUE", "yes", "No", "on", "OFF", "y", "n", "null", "Null", "NULL", "~", "~a", "<<",
    "=", ".inf", "-.INF", ".nan", "2026-11-30", "2026-1-1", "2026-11-30T10:00:00Z", "2026-11-30 10:00:00", "10.0.0.1",
    "10.0.0.0/16", "::1", "fd00::1", "2001:db8::/32", "1e", "0x", "0xg", "12ab", "https://10.0.0.1:6443", "a: b",
    "a:b", "a:", ":a", ": a", "-", "-a", "- a", "?", "?a", "? a", "a?", "[]", "{}", "[a]", "{a: 1}", "[ ]", "a]",
    "a, b", "*a", "&a", "&a b", "!a", "!!str 1", "@a", "`a", "%a", "|", "|-", "|+", "|2", ">", ">-", "| # c", "'a'",
    "'a' # c", "'a'#c", "'a' b", "'it''s'", "'it's'", "'", "''", '"a"', '"a" # c', '"a" b', '"a\\n"', '"\\x41"',
    '"\\/"', '"\\u00fc"', '"\\ud83d\\ude00"', '"\\q"', '"', '""', "ü", "\u00a0a", "a\u00a0", "\u3000", "a\u2028b",
    "\ufeffa", "a\x07b", "a\x7fb", "a\tb", "\ta", "---", "...", "--- a", "1" * 30, "9" * 5000, "1m0s", "8760h0m0s",
    "100%", "1Gi", "a #b", "a  # b", "v1.36.3", "1.36.3", "0.0.0.0",
)
KEYS = ("a", "b", "a b", "a.b/c", "'a'", '"b"', "1", "1.5", "true", "null", "~", "<<", "-a", "?a", ":a", "a:b", "a#b",
        "ü", "", "=", "2026-11-30", "on", "a\u00a0", '"a\\u0062"', "x" * 999, "x" * 1030)


def agreed(text: str) -> bool:
    """Whether the text was read, and as PyYAML reads it; False when it was rejected."""
    try:
        found = yaml_reader.load(text)
    except yaml_reader.NotPlainYaml:
        return False
    try:
        expected = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise AssertionError(f"PyYAML rejects {text!r}, found {found!r}: {error}") from error
    # repr, because 1 == True == 1.0
    assert repr(found) == repr(expected), text
    return True


@pytest.mark.parametrize("name", WRITTEN)
def test_what_kubernetes_and_people_write_is_read_as_pyyaml_does(name: str) -> None:
    assert agreed(WRITTEN[name])


@pytest.mark.parametrize("place", ["{}\n", "k: {}\n", "k: {}", "- {}\n", "k:\n  {}\n", "k:\n- {}\n- a\n",
                                   "k:\n  - k: {}\n    l: 1\n", "k: {}\n  more\n", "k: {}\nl: 1\n", "- - {}\n",
                                   "k:   {}   \n", "---\nk: {}\n", "k: {}\n---\n"])
def test_every_word_in_every_place(place: str) -> None:
    read = [word for word in WORDS if agreed(place.replace("{}", word))]

    if "more" not in place and not place.endswith("---\n"):
        assert {"6443 # api", "10.0.0.1", "'it''s'", '"a" # c', "1.5e+3", "true", "[]"} <= set(read)


@pytest.mark.parametrize("place", ["{}: 1\n", "{} : 1\n", "k:\n  {}: 1\n", "- {}: 1\n  k: 2\n", "{}:\n",
                                   "{}: 1\na: 2\n", "{}:1\n"])
def test_every_key_in_every_place(place: str) -> None:
    for key in KEYS:
        agreed(place.replace("{}", key))


@pytest.mark.parametrize("lines", [
    "|\n  a\n  b\n", "|\n  a\n\n\n", "|+\n  a\n\n\n", "|-\n  a\n\n", "|\n\n  a\n", "|\n    \n  a\n",
    "|\n  a\n    b\n  c\n", "|\n    a\n  b\n", "|\n", "|-\n", "|+\n\n\n", "|\n  a", "|+\n  a", "|\n  a\n   \n  b\n",
    "|\n  a\n \n", "|\n  # a\n", "|\n  a\n# b\n", "|\n   a\n  # b\n", "|\n \ta\n", "|\n  a\tb\n", "|\n  a\n   \n",
    "|-\n  a\n    \n", "|\n  \u2028a\n", "|\n a: b\n - c\n",
])
@pytest.mark.parametrize("place", ["k: {}", "k: {}l: 1\n", "k:\n  l: {}", "- k: {}", "k: 1\nl: {}"])
def test_literal_blocks(place: str, lines: str) -> None:
    agreed(place.replace("{}", lines))


def generated(chance: random.Random, depth: int, indent: int) -> str:
    """A block of YAML, or of what looks like it, at this depth in columns."""
    margin = " " * indent
    kind = chance.random()
    count = chance.randint(1, 3)
    if depth == 0 or kind < 0.2:
        return margin + chance.choice(WORDS) + "\n"
    texts = []
    for _number in range(count):
        deeper = indent + chance.choice((0, 1, 2, 2, 2, 4))
        start = margin + ("- " if kind < 0.5 else chance.choice(KEYS) + chance.choice((":", ":", ": ", " : ")))
        if chance.random() < 0.5:
            texts.append(start + chance.choice((" ", "", "  ")) + chance.choice(WORDS) + "\n")
        else:
            block = generated(chance, depth - 1, deeper)
            texts.append(start.rstrip() + "\n" + block if chance.random() < 0.7 else start + block.lstrip(" "))
        if chance.random() < 0.1:
            texts.append(chance.choice(("\n", "# c\n", "  # c\n", "   \n", "---\n", "...\n", "\t\n")))
    return "".join(texts)


@pytest.mark.parametrize("seed", range(20))
def test_generated_documents(seed: int) -> None:
    chance = random.Random(seed)

    read = [agreed(generated(chance, chance.randint(0, 3), 0)) for _number in range(400)]

    assert sum(read) > 20


def _value(chance: random.Random, depth: int) -> Any:
    if depth and chance.random() < 0.7:
        items = [_value(chance, depth - 1) for _number in range(chance.randint(0, 3))]
        return items if chance.random() < 0.4 else {
            chance.choice(("a", "b", "c d", "e/f", "yes", "1")): item for item in items}
    return chance.choice((None, True, False, 0, -3, 6443, 1.5, 1e30, *WORDS))


@pytest.mark.parametrize("write", [
    json.dumps, lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    lambda value: yaml.safe_dump(value, width=10**6), lambda value: yaml.safe_dump(value, default_flow_style=False)])
def test_generated_values(write: Callable[[Any], str]) -> None:
    chance = random.Random(1)

    read = [agreed(write(_value(chance, 3))) for _number in range(400)]

    assert sum(read) > 50


@pytest.mark.parametrize("text", ["- " * 5000 + "a", "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 500)),
                                  "[" * 100000])
def test_depth_is_limited(text: str) -> None:
    with pytest.raises(yaml_reader.NotPlainYaml):
        yaml_reader.load(text)


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: 1\n'a': 2\n", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e3}'])
def test_keys_twice_and_numbers_that_are_none_are_rejected(text: str) -> None:
    with pytest.raises(yaml_reader.NotPlainYaml):
        yaml_reader.load(text)
