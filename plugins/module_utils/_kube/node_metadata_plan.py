# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the changes of labels and taints of Nodes. Labels and taints of other owners are never changed.

This module does not import the API client: the filter undeclared_nodes uses it too, and imports it in every process of
the controller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ClassroomError
from .._core.plan import Change
from .._formats.dns_names import is_dns_subdomain
from .node import ANNOTATION

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, order=True)
class Taint:
    """A taint as it is declared."""

    key: str
    effect: str
    value: str = ""

    @property
    def identity(self) -> str:
        """The part that identifies a taint of a Node in Kubernetes."""
        return f"{self.key}:{self.effect}"

    def as_json(self) -> dict[str, str]:
        taint = {"key": self.key, "effect": self.effect}
        return dict(taint, value=self.value) if self.value else taint


@dataclass(frozen=True)
class MetadataSpec:
    """The declared labels and taints of one Node."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    @property
    def declared(self) -> Declared:
        return Declared(tuple(sorted(self.labels)), tuple(sorted(taint.identity for taint in self.taints)))


@dataclass(frozen=True)
class Declared:
    """The keys of labels and the identities of taints that this module manages."""

    labels: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.taints)

    def as_text(self) -> str:
        return json.dumps({"labels": list(self.labels), "taints": list(self.taints)}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Declared:
        """Read the annotation. An invalid one counts as empty, and is replaced."""
        try:
            found = json.loads(text or "{}")
            return cls(tuple(map(str, found.get("labels", []))), tuple(map(str, found.get("taints", []))))
        except (ValueError, AttributeError, TypeError):
            return cls()


@dataclass(frozen=True)
class Node:
    """A Node in the API server. `taints` are unchanged JSON, because they may have fields unknown to this module."""

    name: str
    version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, Any], ...] = ()
    annotation: str = ""

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Node:
        metadata = item["metadata"]
        return cls(
            name=metadata["name"],
            version=metadata.get("resourceVersion", ""),
            labels=metadata.get("labels") or {},
            taints=tuple((item.get("spec") or {}).get("taints") or ()),
            annotation=(metadata.get("annotations") or {}).get(ANNOTATION, ""),
        )


def spec_from(entry: Mapping[str, Any]) -> MetadataSpec:
    """Read one entry of the option. All values become text, as in Kubernetes."""
    return MetadataSpec(
        name=entry["name"],
        labels={str(key): _text(value) for key, value in (entry.get("labels") or {}).items()},
        taints=tuple(
            Taint(taint["key"], taint["effect"], _text(taint.get("value"))) for taint in entry.get("taints") or ()
        ),
    )


def validate(specs: Sequence[MetadataSpec]) -> None:
    """Check all specs before anything is changed. Raises ClassroomError with everything the API server would reject."""
    found = [*_doubles("the Node", [spec.name for spec in specs])]
    for spec in specs:
        found.extend(f"{spec.name}: {problem}" for problem in _problems(spec))
    if found:
        raise ClassroomError("\n".join(found))


def steps(spec: MetadataSpec, node: Node) -> list[Change]:
    """Return the planned changes of a Node, with their reasons."""
    remembered = Declared.from_text(node.annotation)
    found = [*_label_steps(spec, node, remembered), *_taint_steps(spec, node, remembered)]
    if node.annotation != _annotation(spec):
        found.append(Change(
            "annotation", f"{ANNOTATION} of {spec.name}", node.annotation, _annotation(spec),
            "the Node records what is declared, so that it can be removed later",
        ))
    return found


def patch(spec: MetadataSpec, node: Node) -> dict[str, Any]:
    """Return one JSON merge patch that performs all steps, or none.

    Taints can only be written as a whole list; the resource version makes the API server reject it if another client,
    such as the node controller, changed the Node in between.
    """
    remembered = Declared.from_text(node.annotation)
    gone = [key for key in remembered.labels if key not in spec.labels]
    labels: dict[str, str | None] = dict.fromkeys(gone)
    labels.update(spec.labels)
    return {
        "metadata": {
            "resourceVersion": node.version,
            "labels": labels,
            "annotations": {ANNOTATION: _annotation(spec) or None},
        },
        "spec": {"taints": _taints(spec, node, remembered) or None},
    }


def unregistered(spec: MetadataSpec, reason: str) -> list[Change]:
    """Return the planned changes of a Node that does not exist yet."""
    return [Change(step.action, step.target, step.before, step.after, reason) for step in steps(spec, Node(spec.name))]


def _annotation(spec: MetadataSpec) -> str:
    return spec.declared.as_text() if spec.declared else ""


def _label_steps(spec: MetadataSpec, node: Node, remembered: Declared) -> Iterator[Change]:
    for key, value in sorted(spec.labels.items()):
        if node.labels.get(key) != value:
            yield _step(spec, "label", key, node.labels.get(key), value, "declared with another value")
    for key in remembered.labels:
        if key not in spec.labels and key in node.labels:
            yield _step(spec, "label", key, node.labels[key], None, "no longer declared")


def _taint_steps(spec: MetadataSpec, node: Node, remembered: Declared) -> Iterator[Change]:
    present = {_identity(taint): str(taint.get("value") or "") for taint in node.taints}
    for taint in sorted(spec.taints):
        if present.get(taint.identity) != taint.value:
            before = present.get(taint.identity)
            yield _step(spec, "taint", taint.identity, before, taint.value, "declared with another value")
    desired = spec.declared.taints
    for identity in remembered.taints:
        if identity not in desired and identity in present:
            yield _step(spec, "taint", identity, present[identity], None, "no longer declared")


def _step(spec: MetadataSpec, kind: str, key: str, before: str | None, after: str | None, reason: str) -> Change:
    return Change(
        kind, f"{key} of {spec.name}", _shown(before), _shown(after),
        reason if before is not None else "declared and missing",
    )


def _shown(value: str | None) -> str:
    return "absent" if value is None else f'"{value}"'


def _taints(spec: MetadataSpec, node: Node, remembered: Declared) -> list[Mapping[str, Any]]:
    """Return the Node's taints in their order, with declared ones replaced and formerly declared ones removed."""
    desired = {taint.identity: taint for taint in spec.taints}
    kept: list[Mapping[str, Any]] = []
    for taint in node.taints:
        mine = desired.pop(_identity(taint), None)
        if mine is not None:
            # A taint keeps the time at which it was added: NoExecute counts tolerated seconds from it
            kept.append({**taint, "value": mine.value} if mine.value else _without_value(taint))
        elif _identity(taint) not in remembered.taints:
            kept.append(taint)
    return kept + [taint.as_json() for taint in desired.values()]


def _without_value(taint: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in taint.items() if key != "value"}


def _identity(taint: Mapping[str, Any]) -> str:
    return "{}:{}".format(taint.get("key"), taint.get("effect"))


def _text(value: Any) -> str:
    """Return YAML's true, 1 and null as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _problems(spec: MetadataSpec) -> Iterator[str]:
    for key, value in sorted(spec.labels.items()):
        yield from _key_problem("label", key)
        yield from _value_problem("label", key, value)
    for taint in spec.taints:
        yield from _key_problem("taint", taint.key)
        yield from _value_problem("taint", taint.key, taint.value)
        if taint.effect not in EFFECTS:
            yield "The effect of the taint {} is invalid: expected one of {}, found '{}'. Correct it.".format(
                taint.key, ", ".join(EFFECTS), taint.effect
            )
    yield from _doubles("the taint", [taint.identity for taint in spec.taints])


def _doubles(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"The list is not unique: expected {what} {name} once, found it {names.count(name)} times. Keep one."


def _key_problem(what: str, key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    good = _NAME.fullmatch(name) and (not slash or is_dns_subdomain(prefix))
    if not good:
        yield (
            f"The key of a {what} is invalid: expected NAME or DOMAIN/NAME, NAME with at most 63 letters, digits, "
            f"'-', '_' and '.', starting and ending with a letter or digit, found '{key}'. Correct it."
        )


def _value_problem(what: str, key: str, value: str) -> Iterator[str]:
    if value and not _NAME.fullmatch(value):
        yield (
            f"The value of the {what} {key} is invalid: expected nothing, or at most 63 letters, digits, '-', '_' and "
            f"'.', starting and ending with a letter or digit, found '{value}'. Correct it."
        )


@dataclass(frozen=True)
class NodeChange:
    """A Node that differs (None: it does not exist yet), and its planned changes."""

    spec: MetadataSpec
    node: Node | None
    steps: list[Change]


def changes(specs: Iterable[MetadataSpec], nodes: Mapping[str, Node], *, predict: bool) -> list[NodeChange]:
    """Return the Nodes that differ. A missing Node is an error unless `predict` is set: it may join in the real run."""
    specs = list(specs)
    missing = [spec.name for spec in specs if spec.name not in nodes]
    if missing and not predict:
        raise ClassroomError(
            "A Node is missing: expected {} in the cluster, found only {}. Join it first, or correct its name.".format(
                ", ".join(missing), ", ".join(sorted(nodes)) or "no Node at all"
            )
        )
    found = [
        NodeChange(spec, nodes[spec.name], steps(spec, nodes[spec.name])) if spec.name in nodes
        else NodeChange(spec, None, unregistered(spec, "the Node does not exist yet"))
        for spec in specs
    ]
    return [change for change in found if change.steps]
