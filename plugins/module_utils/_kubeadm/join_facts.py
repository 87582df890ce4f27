# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read whether a host is a member of a cluster, and of which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._formats import x509
from .._formats.yaml_reader import NotPlainYaml
from .._formats.yaml_reader import load as load_yaml
from .._kube.api import AccessDenied, ApiError, NotFound, Unreachable, Untrusted, segment
from .._kube.context import NodeContext
from .._kube.kubeconfig import Kubeconfig, is_complete
from .._kube.kubeconfig import load as load_kubeconfig
from .._kube.kubeconfig import parse as parse_kubeconfig
from .._kube.node import is_control_plane, own_name
from .._kube.node_paths import BOOTSTRAP_CONF, CA, KUBELET_CONF, KUBELET_CONFIG
from .command import missing_programs
from .config import validate_documents
from .pod_network import left_pod_network

_NODE_PREFIX = "system:node:"


@dataclass(frozen=True)
class JoinSpec:
    """The desired membership of a host. `timeout` is in seconds."""

    endpoint: str
    node_name: str = ""
    node_address: str = ""
    config: Mapping[str, Any] | None = None
    ca_hash: str = ""
    allow_reset: bool = False
    ignored: tuple[str, ...] = ()
    timeout: float = 300

    @property
    def document(self) -> dict[str, Any]:
        return dict(self.config or {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration"})

    @property
    def registration(self) -> dict[str, Any]:
        """The nodeRegistration with the Node's name and address."""
        found = dict(self.document.get("nodeRegistration") or {})
        found["name"] = self.node
        arguments = list(found.get("kubeletExtraArgs") or [])
        if self.node_address and not any(argument.get("name") == "node-ip" for argument in arguments):
            arguments.append({"name": "node-ip", "value": self.node_address})
        return dict(found, kubeletExtraArgs=arguments)

    @property
    def node(self) -> str:
        named = (self.document.get("nodeRegistration") or {}).get("name")
        return str(self.node_name or named or own_name())

    @property
    def cri_socket(self) -> str:
        return str((self.document.get("nodeRegistration") or {}).get("criSocket") or "")


def validate(spec: JoinSpec) -> None:
    """Raise ClassroomError for a configuration that kubeadm join could not use."""
    document = validate_documents([spec.document], {"JoinConfiguration"}, {"JoinConfiguration"})["JoinConfiguration"]
    for key, instead in (("discovery", "the option discovery"), ("controlPlane", "kubeadm itself for that")):
        if key in document:
            raise ClassroomError(f"The JoinConfiguration must not contain '{key}'. Remove it and use {instead}.")


@dataclass(frozen=True)
class JoinState:
    """The current state of the host and of its membership.

    `membership` is `none` (no identity to query with), `member`, `deleted`, `foreign` (the API belongs to another CA),
    `denied`, `other name`, `unreachable` or `unclear`.
    """

    absent_programs: tuple[str, ...] = ()
    control_plane: bool = False
    identity: bool = False
    identity_problem: str = ""
    unreadable: bool = False
    server: str = ""
    ca_hash: str = ""
    name: str = ""
    left: tuple[str, ...] = ()
    pod_network: tuple[str, ...] = ()
    bootstrapping: bool = False
    kubelet_healthy: bool = False
    membership: str = "none"
    detail: str = ""
    node: Mapping[str, Any] | None = None


class _MembershipStatus(NamedTuple):
    """The membership of this host according to the cluster, and its Node if it has one."""

    membership: str
    detail: str = ""
    node: Mapping[str, Any] | None = None


def read_facts(spec: JoinSpec, machine: NodeContext) -> JoinState:
    """Read the current state of the host and query the cluster for its membership."""
    root = machine.root
    identity, problem = _identity(root)
    ca = identity.ca if identity else (read_text(root(CA)) or "")
    certificate, date_problem = _certificate(identity, root, machine.now())
    told = _ask(spec, machine, identity, certificate) if identity else _MembershipStatus("none")
    healthy = machine.kubelet_answers(*_health_address(root))
    return JoinState(
        absent_programs=missing_programs(machine),
        control_plane=is_control_plane(root),
        identity=identity is not None,
        identity_problem=problem or date_problem,
        unreadable=_is_unreadable(root),
        server=identity.server if identity else "",
        ca_hash=_hash(ca),
        name=certificate.common_name[len(_NODE_PREFIX) :] if certificate else "",
        left=tuple(path for path in (CA, BOOTSTRAP_CONF, KUBELET_CONFIG, KUBELET_CONF) if os.path.exists(root(path))),
        pod_network=left_pod_network(root),
        bootstrapping=identity is None and healthy and os.path.exists(root(BOOTSTRAP_CONF)),
        kubelet_healthy=healthy,
        membership=told.membership,
        detail=told.detail,
        node=told.node,
    )


def _identity(root: Root) -> tuple[Kubeconfig | None, str]:
    """Return kubelet.conf and what is wrong with it; None if it is not complete or its certificate is missing."""
    try:
        found = load_kubeconfig(root, KUBELET_CONF)
    except ClassroomError as problem:
        return None, str(problem)
    if found is None or found.certificate:
        return found, ""
    if not os.path.exists(root(found.certificate_file or "/nowhere")):
        return None, f"{KUBELET_CONF} names the certificate {found.certificate_file}, which does not exist"
    return found, ""


def _is_unreadable(root: Root) -> bool:
    """Return whether kubelet.conf is complete but has another form than kubeadm's."""
    text = read_text(root(KUBELET_CONF)) or ""
    try:
        parse_kubeconfig(text, KUBELET_CONF, root)
    except ClassroomError:
        return is_complete(text)
    return False


def _certificate(identity: Kubeconfig | None, root: Root, now: float) -> tuple[x509.Certificate | None, str]:
    if identity is None:
        return None, ""
    text = identity.certificate or read_text(root(identity.certificate_file)) or ""
    try:
        found = x509.read(text)
    except ClassroomError as problem:
        return None, f"the kubelet's certificate: {problem}"
    dates = found.date_problem(now)
    return found, f"the kubelet's certificate {dates}" if dates else ""


def _hash(ca: str) -> str:
    try:
        return x509.discovery_hash(ca)
    except ClassroomError:
        return ""


def _health_address(root: Root) -> tuple[str, int]:
    """Return address and port of the health check from the kubelet's configuration, which came from the cluster."""
    try:
        content = load_yaml(read_text(root(KUBELET_CONFIG)) or "") or {}
        return str(content.get("healthzBindAddress") or "127.0.0.1"), int(content.get("healthzPort") or 10248)
    except (NotPlainYaml, AttributeError, ValueError):
        return "127.0.0.1", 10248


def _ask(
    spec: JoinSpec, machine: NodeContext, identity: Kubeconfig, certificate: x509.Certificate | None
) -> _MembershipStatus:
    """Query the requested cluster for the Node of this host, with the identity of the host."""
    if certificate is None:
        return _MembershipStatus("denied", "the kubelet has no certificate that can be read")
    if certificate.common_name != _NODE_PREFIX + spec.node:
        return _MembershipStatus("other name", f"its certificate is that of {certificate.common_name}")
    try:
        node = machine.connect(spec.endpoint, identity.ca, _located(identity, machine.root)).get(
            "/api/v1/nodes/" + segment(spec.node))
        return _MembershipStatus("member", node=node)
    except NotFound:
        return _MembershipStatus("deleted")
    except Untrusted as problem:
        return _MembershipStatus("foreign" if problem.why == "ca" else "unclear", str(problem))
    except AccessDenied as problem:
        return _MembershipStatus("denied" if problem.status == 401 else "unclear", str(problem))
    except Unreachable as problem:
        return _MembershipStatus("unreachable", str(problem))
    except ApiError as problem:
        return _MembershipStatus("unclear", str(problem))


def _located(identity: Kubeconfig, root: Root) -> Kubeconfig:
    if not identity.certificate_file:
        return identity
    return Kubeconfig(identity.path, identity.server, identity.ca, certificate_file=root(identity.certificate_file),
                      key_file=root(identity.key_file or identity.certificate_file))
