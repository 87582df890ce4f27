# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare the desired configuration with that of the running cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._formats import yaml_reader

# Where kubeadm stores each document once the cluster runs: the ConfigMap in kube-system and the key in it.
PLACES = {
    "ClusterConfiguration": ("kubeadm-config", "ClusterConfiguration"),
    "KubeletConfiguration": ("kubelet-config", "kubelet"),
    "KubeProxyConfiguration": ("kube-proxy", "config.conf"),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Values that Go omits from a document that it writes.
_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {}, "0s")


def sentences(desired: Mapping[str, Mapping[str, Any]], config_maps: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a message for every desired value that differs in the cluster; values that are not set do not count."""
    found: list[str] = []
    for kind, (name, key) in PLACES.items():
        text = (config_maps.get(name) or {}).get(key)
        if kind not in desired or text is None:
            continue
        try:
            actual = yaml_reader.load(text)
        except yaml_reader.NotPlainYaml:
            found.append(f"{kind}: the ConfigMap {name} cannot be read, so it was not compared.")
            continue
        found.extend(_differences(kind, desired[kind], actual))
    return found


def _differences(kind: str, desired: Mapping[str, Any], actual: Any) -> Iterator[str]:
    for path, value in _leaves(desired, ()):
        if path in (("apiVersion",), ("kind",)):
            continue
        there = _at(actual, path)
        if not _same(value, there):
            yield "{}: {} differs: expected {!r}, found {!r} in the running cluster.".format(
                kind, ".".join(path), value, there
            )


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _leaves(value[key], (*path, str(key)))
    elif path:
        yield path, value


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _same(desired: Any, actual: Any) -> bool:
    if desired == actual or (_is_nothing(desired) and _is_nothing(actual)):
        return True
    if isinstance(desired, list) and isinstance(actual, list):
        return len(desired) == len(actual) and all(_same(one, other) for one, other in zip(desired, actual))
    if isinstance(desired, Mapping) and isinstance(actual, Mapping):
        return all(_same(desired[key], actual.get(key)) for key in desired)
    return bool(_normal(desired) == _normal(actual))


def _is_nothing(value: Any) -> bool:
    return any(value == nothing and type(value) is type(nothing) for nothing in _NOTHING)


def _normal(value: Any) -> Any:
    """Return a value in a normal form: the same for 1m and 1m0s, for v1.36.3 and 1.36.3, for 5 and "5"."""
    text = str(value)
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return text[1:] if re.match(r"v\d+\.", text) else text
