# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read kubeconfig files as kubeadm and the kubelet write them: one cluster, one user."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._formats import yaml_reader


@dataclass(frozen=True)
class Kubeconfig:
    """The API's address, its CA, and the client's certificate and key: as text, or as the paths of files."""

    path: str
    server: str
    ca: str
    certificate: str = ""
    key: str = field(default="", repr=False)
    certificate_file: str = ""
    key_file: str = ""


def load(root: Root, path: str) -> Kubeconfig | None:
    """Return the kubeconfig at `path`, None when there is no such file."""
    text = read_text(root(path))
    return None if text is None else parse(text, path, root)


def parse(text: str, path: str, root: Root | None = None) -> Kubeconfig:
    """Parse a kubeconfig. Raises ClassroomError for one that is truncated, empty or of another form."""
    try:
        document = yaml_reader.load(text)
        context = _named(document, "contexts", "context", str(document.get("current-context") or ""))
        cluster = _named(document, "clusters", "cluster", str(context.get("cluster") or ""))
        user = _named(document, "users", "user", str(context.get("user") or ""))
        return Kubeconfig(
            path=path,
            server=str(cluster["server"]),
            ca=_text(cluster, "certificate-authority", root or Root()),
            certificate=_decoded(user, "client-certificate-data"),
            key=_decoded(user, "client-key-data"),
            certificate_file=str(user.get("client-certificate") or ""),
            key_file=str(user.get("client-key") or ""),
        )
    except (yaml_reader.NotPlainYaml, ValueError, LookupError, AttributeError, TypeError) as problem:
        raise ClassroomError(
            f"{path} is not a complete kubeconfig in the form in which kubeadm writes it."
        ) from problem


def discovery(server: str, ca: str) -> dict[str, Any]:
    """Return a kubeconfig with the cluster's address and CA, without any credentials."""
    encoded = base64.b64encode(ca.encode("utf-8")).decode("ascii")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        # kubeadm searches for the cluster with an empty name first, as in the ConfigMap cluster-info.
        "clusters": [{"name": "", "cluster": {"server": server, "certificate-authority-data": encoded}}],
        "contexts": [],
        "current-context": "",
        "users": [],
    }


def _named(document: dict[str, Any], group: str, kind: str, name: str) -> dict[str, Any]:
    for entry in document.get(group) or []:
        if str(entry.get("name") or "") == name:
            found = entry.get(kind)
            return dict(found) if found else {}
    return {}


def _decoded(entry: dict[str, Any], key: str) -> str:
    return base64.b64decode(str(entry.get(key) or ""), validate=True).decode("utf-8")


def _text(entry: dict[str, Any], key: str, root: Root) -> str:
    data = _decoded(entry, key + "-data")
    return data or (read_text(root(str(entry[key]))) or "")


def is_complete(text: str) -> bool:
    """Return whether the text of a kubeconfig was written to its end.

    A kubeconfig ends with its users and a line feed, because client-go writes the keys in alphabetical order.
    """
    return text.endswith("\n") and "users" in text
