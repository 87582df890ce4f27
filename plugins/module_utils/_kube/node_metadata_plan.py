# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between declared labels and taints and those of the Nodes, and nothing that others put there.

Without the API and what it needs: the filter undeclared_nodes plans as well, on the controller and in each of its
processes anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ClassroomError
from .._core.plan import Step
from .node import ANNOTATION

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX_PART = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, order=True)
class Taint:
    key: str
    effect: str
    value: str = ""

    @property
    def identity(self) -> str:
        """What Kubernetes tells taints of one Node apart by."""
        return f"{self.key}:{self.effect}"

    def as_json(self) -> dict[str, str]:
        taint = {"key": self.key, "effect": self.effect}
        return dict(taint, value=self.value) if self.value else taint


@dataclass(frozen=True)
class Wish:
    """What is declared for one Node."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    @property
    def declared(self) -> Declared:
        return Declared(tuple(sorted(self.labels)), tuple(sorted(taint.identity for taint in self.taints)))


@dataclass(frozen=True)
class Declared:
    """Keys of labels and identities of taints that this module answers for."""

    labels: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.taints)

    def as_text(self) -> str:
        return json.dumps({"labels": list(self.labels), "taints": list(self.taints)}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Declared:
        """Read the annotation; one that somebody broke counts as nothing remembered, and is written anew."""
        try:
            found = json.loads(text or "{}")
            return cls(tuple(map(str, found.get("labels", []))), tuple(map(str, found.get("taints", []))))
        except (ValueError, AttributeError, TypeError):
            return cls()


@dataclass(frozen=True)
class Node:
    """A Node as the API server has it. `taints` are kept as they are: they may have fields unknown to this module."""

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


def wish_from(entry: Mapping[str, Any]) -> Wish:
    """Read one entry of the option, values as Kubernetes has them: all of them text."""
    return Wish(
        name=entry["name"],
        labels={str(key): _text(value) for key, value in (entry.get("labels") or {}).items()},
        taints=tuple(
            Taint(taint["key"], taint["effect"], _text(taint.get("value"))) for taint in entry.get("taints") or ()
        ),
    )


def check(wishes: Sequence[Wish]) -> None:
    """Refuse what the API server would refuse, all of it at once and before anything is changed."""
    found = [*_doubles("the Node", [wish.name for wish in wishes])]
    for wish in wishes:
        found.extend(f"{wish.name}: {problem}" for problem in _problems(wish))
    if found:
        raise ClassroomError("\n".join(found))


def steps(wish: Wish, node: Node) -> list[Step]:
    """What has to change on the Node, and why."""
    remembered = Declared.from_text(node.annotation)
    found = [*_label_steps(wish, node, remembered), *_taint_steps(wish, node, remembered)]
    if node.annotation != _annotation(wish):
        found.append(Step(
            "annotation", f"{ANNOTATION} of {wish.name}", node.annotation, _annotation(wish),
            "what is declared is remembered on the Node, so that it can be taken back",
        ))
    return found


def patch(wish: Wish, node: Node) -> dict[str, Any]:
    """One JSON merge patch that performs all steps, or none.

    Taints can only be written as a whole list; the resource version makes the API server refuse it when somebody,
    like the node controller, changed the Node in between.
    """
    remembered = Declared.from_text(node.annotation)
    gone = [key for key in remembered.labels if key not in wish.labels]
    labels: dict[str, str | None] = dict.fromkeys(gone)
    labels.update(wish.labels)
    return {
        "metadata": {
            "resourceVersion": node.version,
            "labels": labels,
            "annotations": {ANNOTATION: _annotation(wish) or None},
        },
        "spec": {"taints": _taints(wish, node, remembered) or None},
    }


def unregistered(wish: Wish, reason: str) -> list[Step]:
    """What will have to change on a Node that is not there yet."""
    return [Step(step.action, step.target, step.before, step.after, reason) for step in steps(wish, Node(wish.name))]


def _annotation(wish: Wish) -> str:
    return wish.declared.as_text() if wish.declared else ""


def _label_steps(wish: Wish, node: Node, remembered: Declared) -> Iterator[Step]:
    for key, value in sorted(wish.labels.items()):
        if node.labels.get(key) != value:
            yield _step(wish, "label", key, node.labels.get(key), value, "declared with another value")
    for key in remembered.labels:
        if key not in wish.labels and key in node.labels:
            yield _step(wish, "label", key, node.labels[key], None, "no longer declared")


def _taint_steps(wish: Wish, node: Node, remembered: Declared) -> Iterator[Step]:
    present = {_identity(taint): str(taint.get("value") or "") for taint in node.taints}
    for taint in sorted(wish.taints):
        if present.get(taint.identity) != taint.value:
            before = present.get(taint.identity)
            yield _step(wish, "taint", taint.identity, before, taint.value, "declared with another value")
    wished = wish.declared.taints
    for identity in remembered.taints:
        if identity not in wished and identity in present:
            yield _step(wish, "taint", identity, present[identity], None, "no longer declared")


def _step(wish: Wish, kind: str, key: str, before: str | None, after: str | None, reason: str) -> Step:
    return Step(
        kind, f"{key} of {wish.name}", _shown(before), _shown(after),
        reason if before is not None else "declared and not there",
    )


def _shown(value: str | None) -> str:
    return "absent" if value is None else f'"{value}"'


def _taints(wish: Wish, node: Node, remembered: Declared) -> list[Mapping[str, Any]]:
    """The Node's taints in their order, with the declared ones replaced and the formerly declared ones left out."""
    wished = {taint.identity: taint for taint in wish.taints}
    kept: list[Mapping[str, Any]] = []
    for taint in node.taints:
        mine = wished.pop(_identity(taint), None)
        if mine is not None:
            # A taint keeps the time it was added: NoExecute counts tolerated seconds from there
            kept.append({**taint, "value": mine.value} if mine.value else _without_value(taint))
        elif _identity(taint) not in remembered.taints:
            kept.append(taint)
    return kept + [taint.as_json() for taint in wished.values()]


def _without_value(taint: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in taint.items() if key != "value"}


def _identity(taint: Mapping[str, Any]) -> str:
    return "{}:{}".format(taint.get("key"), taint.get("effect"))


def _text(value: Any) -> str:
    """YAML's true, 1 and nothing as the text that a person means with them."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _problems(wish: Wish) -> Iterator[str]:
    for key, value in sorted(wish.labels.items()):
        yield from _key_problem("label", key)
        yield from _value_problem("label", key, value)
    for taint in wish.taints:
        yield from _key_problem("taint", taint.key)
        yield from _value_problem("taint", taint.key, taint.value)
        if taint.effect not in EFFECTS:
            yield "Wanted an effect of the taint {}, found '{}'; write one of {}.".format(
                taint.key, taint.effect, ", ".join(EFFECTS)
            )
    yield from _doubles("the taint", [taint.identity for taint in wish.taints])


def _doubles(what: str, names: Sequence[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"Wanted {what} {name} once, found it {names.count(name)} times; keep one."


def _key_problem(what: str, key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    good = _NAME.fullmatch(name) and (not slash or _is_subdomain(prefix))
    if not good:
        yield (
            f"Wanted the key of a {what}, found '{key}'; write NAME or DOMAIN/NAME, NAME with at most 63 letters, "
            "digits, "
            "'-', '_' and '.', starting and ending with a letter or digit."
        )


def _is_subdomain(prefix: str) -> bool:
    return len(prefix) <= 253 and all(_PREFIX_PART.fullmatch(part) for part in prefix.split("."))


def _value_problem(what: str, key: str, value: str) -> Iterator[str]:
    if value and not _NAME.fullmatch(value):
        yield (
            f"Wanted a value of the {what} {key}, found '{value}'; write nothing, or at most 63 letters, digits, '-', "
            "'_' and "
            "'.', starting and ending with a letter or digit."
        )


@dataclass(frozen=True)
class Change:
    """A Node that differs, and its steps."""

    wish: Wish
    node: Node | None
    steps: list[Step]


def changes(wishes: Iterable[Wish], nodes: Mapping[str, Node], *, predict: bool) -> list[Change]:
    """What differs on all Nodes together; a Node that is not there is an error unless it may come by a join."""
    wishes = list(wishes)
    missing = [wish.name for wish in wishes if wish.name not in nodes]
    if missing and not predict:
        raise ClassroomError(
            "Wanted labels and taints on the Node {}, found only {}; join it first, or correct its name.".format(
                ", ".join(missing), ", ".join(sorted(nodes)) or "no Node at all"
            )
        )
    found = [
        Change(wish, nodes[wish.name], steps(wish, nodes[wish.name])) if wish.name in nodes
        else Change(wish, None, unregistered(wish, "the Node is not there yet"))
        for wish in wishes
    ]
    return [change for change in found if change.steps]
