# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse kubeconfigs from hosts strictly, compare them with the inventory, and write them again from their values.

A kubeconfig can run commands: `exec` runs a program, `tokenFile` sends a file to the server. Therefore the text of the
host is never written, only address, certificates and key in the controller's own form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from ...module_utils._core.errors import ClassroomError
from ...module_utils._kube.api import address
from . import credentials

# The fields of client-go's Config type that kubeadm writes; all others are rejected by name.
_FIELDS: Mapping[str, frozenset[str]] = {
    "": frozenset({"apiVersion", "kind", "preferences", "clusters", "contexts", "users", "current-context"}),
    "cluster": frozenset({"server", "certificate-authority-data"}),
    "context": frozenset({"cluster", "user", "namespace"}),
    "user": frozenset({"client-certificate-data", "client-key-data"}),
}
_SERVER = re.compile(r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?")
# The first line of a file on the controller
_SEAL = "# Written by the collection classroom.kubeadm. SHA-256 of source and content: "
_DEEPEST = 12
_MOST_NAMED = 5
_LONGEST_NAMED = 60


@dataclass(frozen=True)
class Expected:
    """The values of a kubeconfig that the inventory expects: `server` as host:port, `groups` that are allowed."""

    server: str
    cluster: str
    user: str
    groups: tuple[str, ...] = ()
    namespace: str = ""


class _Loader(yaml.BaseLoader):
    """A YAML loader that reads all scalars as text, ignores tags, and rejects aliases and duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise ClassroomError("a YAML alias")
        depth = getattr(self, "depth", 0)
        if depth > _DEEPEST:
            raise ClassroomError(f"more than {_DEEPEST} levels of YAML")
        self.depth = depth + 1
        node = super().compose_node(parent, index)
        self.depth = depth
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _value in node.value]
        if None in keys:
            raise ClassroomError("a YAML key that is no text")
        twice = next((key for key in keys if keys.count(key) > 1), None) if len(keys) < 100 else "too many keys"
        if twice is not None:
            raise ClassroomError(f"the key {_shown(twice)} twice")
        return super().construct_mapping(node, deep=deep)


def rewritten(text: str, expected: Expected) -> str:
    """Return the kubeconfig as the controller writes it. Raise ClassroomError with what was found instead."""
    document = _document(text)
    cluster, context, user = (_single(document, group) for group in ("clusters", "contexts", "users"))
    _require_names(document, cluster, context, user)
    server = str(cluster["cluster"].get("server") or "")
    if not _SERVER.fullmatch(server) or address(server.rstrip("/")) != address(expected.server):
        raise ClassroomError(f"the server {_shown(server)} instead of https://{address(expected.server)}")
    ca = credentials.authorities(_decoded(cluster["cluster"], "certificate-authority-data"))
    certificate, key, name, groups = credentials.client(
        _decoded(user["user"], "client-certificate-data"), _decoded(user["user"], "client-key-data"))
    if name != expected.user:
        raise ClassroomError(f"a certificate of the user {_shown(name)} instead of {expected.user}")
    others = sorted(set(groups) - set(expected.groups))
    if others:
        raise ClassroomError("a certificate with the groups {}, which are not among {}".format(
            ", ".join(map(_shown, others[:_MOST_NAMED])), ", ".join(expected.groups) or "those expected (none)"))
    return _render(expected, ca, certificate, key)


def sealed(body: str, source_sha256: str, expected: Expected) -> str:
    """Return a kubeconfig below a line that identifies its source, the expected values and its content."""
    return f"{_SEAL}{_seal(body, source_sha256, expected)}\n{body}"


def is_current(text: str, source_sha256: str, expected: Expected) -> bool:
    """Return whether `sealed` wrote this text from a source of this SHA-256 and for the same expected values.

    A file that was edited since is not current.
    """
    line, _newline, body = text.partition("\n")
    return bool(source_sha256) and line == _SEAL + _seal(body, source_sha256, expected)


def _seal(body: str, source_sha256: str, expected: Expected) -> str:
    parts = json.dumps([body, source_sha256, asdict(expected)], sort_keys=True, default=str)
    return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()


def owner(text: str) -> tuple[str, str] | None:
    """Return cluster and user of a file that `rewritten` created, or one like it; None for another text."""
    try:
        document = _document(text)
        context = _single(document, "contexts")["context"]
    except ClassroomError:
        return None
    return str(context.get("cluster")), str(context.get("user"))


def _document(text: str) -> dict[str, Any]:
    try:
        document = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise ClassroomError("a text that is not YAML") from problem
    if not isinstance(document, dict):
        raise ClassroomError("a text that is no kubeconfig")
    strangers = _strangers(document)
    if strangers:
        raise ClassroomError(", ".join(strangers[:_MOST_NAMED]))
    if (document.get("apiVersion"), document.get("kind")) != ("v1", "Config"):
        raise ClassroomError("a text that is no kubeconfig of apiVersion v1")
    return document


def _strangers(document: Mapping[str, Any]) -> list[str]:
    """Return the paths of all fields that a kubeconfig of kubeadm does not have."""
    found = [_shown(key) for key in document if key not in _FIELDS[""]]
    if document.get("preferences") not in (None, {}, "", "null"):
        found.append("preferences with content")
    for group, kind in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
        entries = document.get(group)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict):
                found += [f"{group}[].{_shown(key)}" for key in entry if key not in ("name", kind)]
                inner = entry.get(kind)
                found += [f"{group}[].{kind}.{_shown(key)}" for key in inner
                          if key not in _FIELDS[kind]] if isinstance(inner, dict) else []
    return found


def _single(document: Mapping[str, Any], group: str) -> dict[str, Any]:
    entries, kind = document.get(group), group[:-1]
    if not isinstance(entries, list) or len(entries) != 1:
        raise ClassroomError("{} entries in {} instead of one".format(
            len(entries) if isinstance(entries, list) else "no", group))
    entry = entries[0]
    if not isinstance(entry, dict) or not isinstance(entry.get(kind), dict):
        raise ClassroomError(f"an entry in {group} without {kind}")
    if not all(isinstance(value, str) for value in (entry.get("name"), *entry[kind].values())):
        raise ClassroomError(f"an entry in {group} with something else than text")
    return entry


def _require_names(document: Mapping[str, Any], cluster: Any, context: Any, user: Any) -> None:
    pairs = ((document.get("current-context"), context["name"]), (context["context"].get("cluster"), cluster["name"]),
             (context["context"].get("user"), user["name"]))
    if any(used != named for used, named in pairs):
        raise ClassroomError("a context that does not lead to its one cluster and user")


def _decoded(entry: Mapping[str, Any], key: str) -> str:
    try:
        return base64.b64decode(entry.get(key, ""), validate=True).decode("ascii")
    except (binascii.Error, ValueError) as problem:
        raise ClassroomError(f"{key} that is not base64 of PEM") from problem


def _render(expected: Expected, ca: str, certificate: str, key: str) -> str:
    """Return the file in the form in which kubectl and kubeadm write it."""
    context = {"cluster": expected.cluster, "user": expected.user}
    if expected.namespace:
        context["namespace"] = expected.namespace
    name = f"{expected.user}@{expected.cluster}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": expected.cluster, "cluster": {
            "server": "https://" + address(expected.server), "certificate-authority-data": _encoded(ca)}}],
        "users": [{"name": expected.user, "user": {
            "client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}}],
        "contexts": [{"name": name, "context": context}],
        "current-context": name,
    }
    # The JSON round trip turns Ansible's own text types into plain ones, as safe_dump requires.
    return str(yaml.safe_dump(json.loads(json.dumps(document))))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("ascii")).decode("ascii")


def _shown(text: object) -> str:
    """Return a text from a host for a message: short, on one line, without control characters."""
    plain = ascii(str(text))
    return plain if len(plain) <= _LONGEST_NAMED else plain[:_LONGEST_NAMED] + "...'"
