# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the current state of a host that is, or is to become, a control plane."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.errors import ClassroomError
from .._core.files import Root, read_text, remove, write_text
from .._core.paths import STATE
from .._formats import x509
from .._kube.api import AccessDenied, Api, ApiError, NotFound, Unreachable, Untrusted, segment
from .._kube.context import NodeContext
from .._kube.kubeconfig import Kubeconfig
from .._kube.kubeconfig import load as load_kubeconfig
from .._kube.node import own_name
from .._kube.node_paths import ADMIN_CONF, ETC, KUBELET_CERTIFICATE, KUBELET_CONF, KUBELET_CONFIG, MANIFESTS, PKI
from . import bootstrap_token
from . import drift as kubeadm_drift
from .command import missing_programs
from .config import validate_documents
from .kubelet import kubelet_health_address
from .pod_network import left_pod_network
from .running import running_kubeadm
from .runtime_socket import socket_message

MARKER = STATE + "/init.json"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
# The kubeconfig files without which the control plane does not work. super-admin.conf is not among them:
# administrators are advised to move it away.
KUBECONFIGS = {
    "admin": ADMIN_CONF,
    "kubelet": KUBELET_CONF,
    "controller-manager": ETC + "/controller-manager.conf",
    "scheduler": ETC + "/scheduler.conf",
}
_SYSTEM = "/api/v1/namespaces/kube-system"
_RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"
# The phases of `kubeadm init` after the start of the control plane, in kubeadm's order, each with the objects that it
# creates last: if they exist, the phase completed.
PHASES: dict[str, tuple[str, ...]] = {
    "upload-config kubeadm": (
        _SYSTEM + "/configmaps/kubeadm-config",
        _RBAC + "/kube-system/rolebindings/kubeadm:nodes-kubeadm-config",
    ),
    "upload-config kubelet": (
        _SYSTEM + "/configmaps/kubelet-config",
        _RBAC + "/kube-system/rolebindings/kubeadm:kubelet-config",
    ),
    "mark-control-plane": (),
    "bootstrap-token": (
        "/api/v1/namespaces/kube-public/configmaps/cluster-info",
        _RBAC + "/kube-public/rolebindings/kubeadm:bootstrap-signer-clusterinfo",
    ),
    "kubelet-finalize all": (),
    "addon coredns": (
        "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
        _SYSTEM + "/services/kube-dns",
    ),
    "addon kube-proxy": (
        "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy",
        _SYSTEM + "/configmaps/kube-proxy",
        _RBAC + "/kube-system/rolebindings/kube-proxy",
    ),
}
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True)
class InitSpec:
    """The desired control plane. `documents` are kubeadm's configuration by kind, `timeout` is in seconds."""

    documents: Mapping[str, Mapping[str, Any]]
    ignored: tuple[str, ...] = ()
    timeout: float = 300
    kubeconfig: str = ADMIN_CONF

    @property
    def node(self) -> str:
        return str(self._registration.get("name") or own_name())

    @property
    def cri_socket(self) -> str:
        return str(self._registration.get("criSocket") or "")

    @property
    def _registration(self) -> Mapping[str, Any]:
        return self.documents["InitConfiguration"].get("nodeRegistration") or {}

    @property
    def _cluster(self) -> Mapping[str, Any]:
        return self.documents.get("ClusterConfiguration") or {}

    @property
    def server(self) -> str:
        """The URL of the API server on this host, empty when the configuration leaves its address to kubeadm."""
        endpoint = self.documents["InitConfiguration"].get("localAPIEndpoint") or {}
        host = str(endpoint.get("advertiseAddress") or "")
        form = "https://[{0}]:{1}" if ":" in host else "https://{0}:{1}"
        return form.format(host, endpoint.get("bindPort") or 6443) if host else ""

    @property
    def pki(self) -> str:
        return str(self._cluster.get("certificatesDir") or PKI)

    @property
    def external_etcd(self) -> bool:
        return bool((self._cluster.get("etcd") or {}).get("external"))

    @property
    def etcd_directory(self) -> str:
        local = (self._cluster.get("etcd") or {}).get("local") or {}
        return str(local.get("dataDir") or "/var/lib/etcd")

    @property
    def manifests(self) -> frozenset[str]:
        return frozenset(COMPONENTS if self.external_etcd else (*COMPONENTS, "etcd"))

    @property
    def health_address(self) -> tuple[str, int]:
        return kubelet_health_address(self.documents.get("KubeletConfiguration") or {})

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases after the start of the control plane that this configuration asks for."""
        skipped = {str(name).replace("/", " ") for name in self.documents["InitConfiguration"].get("skipPhases") or ()}
        for phase, switch in (("addon coredns", "dns"), ("addon kube-proxy", "proxy")):
            if (self._cluster.get(switch) or {}).get("disabled"):
                skipped.add(phase)
        return tuple(name for name in PHASES if name not in skipped and name.split()[0] not in skipped)

    @property
    def digest(self) -> str:
        text = json.dumps({kind: self.documents[kind] for kind in sorted(self.documents)}, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def spec_of(
    config: Sequence[Mapping[str, Any]], ignored: Sequence[str], timeout: float, kubeconfig: str = ADMIN_CONF
) -> InitSpec:
    """Return the desired control plane. Raise ClassroomError for an invalid configuration."""
    allowed = {"InitConfiguration", "ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration"}
    documents = validate_documents(config, allowed, {"InitConfiguration", "ClusterConfiguration"})
    return InitSpec(documents, tuple(ignored), timeout, kubeconfig)


def secrets_of(value: Any) -> set[str]:
    """Return the bootstrap tokens and keys in a configuration, which must not be shown anywhere."""
    if isinstance(value, Mapping):
        found = {str(value[key]) for key in ("token", "certificateKey") if isinstance(value.get(key), str)}
        return found.union(*(secrets_of(each) for each in value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*(secrets_of(each) for each in value))
    return set()


@dataclass(frozen=True)
class Marker:
    """The mark of an unfinished `kubeadm init`: what was created since `started` may be discarded.

    It is written before `kubeadm init` starts and removed once the control plane is complete. `started` is in seconds
    since the epoch, `timeout` in seconds; `pki_before` are the files that were there before.
    """

    started: float
    timeout: float
    digest: str
    pki_before: frozenset[str]


def read_marker(root: Root) -> Marker | None:
    """Return the marker of an unfinished init, or None if there is no usable one."""
    text = read_text(root(MARKER))
    try:
        content = json.loads(text or "null")
        return content and Marker(
            float(content["started"]), float(content["timeout"]), str(content["config"]),
            frozenset(content["pki_before"]),
        )
    except (ValueError, LookupError, TypeError):
        # Safe, because without a marker less is discarded.
        return None


def write_marker(root: Root, marker: Marker) -> None:
    content = {
        "started": marker.started, "timeout": marker.timeout, "config": marker.digest,
        "pki_before": sorted(marker.pki_before),
    }
    write_text(root(MARKER), json.dumps(content, indent=2) + "\n", mode=0o600)


def remove_marker(root: Root) -> None:
    remove(root(MARKER))


@dataclass(frozen=True)
class ApiStatus:
    """The state of the API server on this host.

    `state` is `none` (there is no admin.conf to query it with), `ready`, `unreachable`, `denied` or `untrusted`.
    """

    state: str = "none"
    detail: str = ""
    version: str = ""
    node: bool = False
    missing: tuple[str, ...] = ()
    uploaded: bool = False
    drift: tuple[str, ...] = ()
    used_tokens: tuple[str, ...] = ()
    node_object: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class InitState:
    """The current state of the host, as far as the plan depends on it."""

    absent_programs: tuple[str, ...] = ()
    runtime: str = ""
    manifests: frozenset[str] = frozenset()
    kubeconfigs: frozenset[str] = frozenset()
    kubeconfig_problem: str = ""
    kubelet_server: str = ""
    pki: frozenset[str] = frozenset()
    pki_problem: str = ""
    pod_network: tuple[str, ...] = ()
    kubelet_configured: bool = False
    kubelet_healthy: bool = False
    finalized: bool = True
    rotated: bool = False
    etcd_data: str = ""
    etcd_written: float = 0.0
    answer: ApiStatus = ApiStatus()
    marker: Marker | None = None
    running: tuple[tuple[int, str], ...] = ()


def read_facts(spec: InitSpec, machine: NodeContext) -> InitState:
    """Read the current state of the host and of its API server."""
    root = machine.root
    admin, admin_problem = _kubeconfig(root, spec.kubeconfig)
    kubelet, kubelet_problem = _kubeconfig(root, KUBELET_CONF)
    rotated = os.path.exists(root(KUBELET_CERTIFICATE))
    finalized = not rotated or bool(kubelet and kubelet.certificate_file)
    answer = _ask(spec, machine, admin, finalized) if admin else ApiStatus()
    ready = answer.state == "ready"
    etcd_data, written = ("", 0.0) if ready else _etcd_data(spec, root)
    return InitState(
        absent_programs=missing_programs(machine),
        # The runtime is only queried where a control plane may have to be created: it takes a while.
        runtime="" if ready else socket_message(machine, spec.cri_socket),
        manifests=frozenset(name for name in (*COMPONENTS, "etcd") if _filled(root(_manifest(name)))),
        kubeconfigs=frozenset(name for name, path in KUBECONFIGS.items() if _filled(root(path))),
        kubeconfig_problem=admin_problem or kubelet_problem,
        kubelet_server=kubelet.server if kubelet else "",
        pki=files_below(root(spec.pki)),
        pki_problem=_pki_problem(spec, machine, admin, thorough=not ready),
        pod_network=left_pod_network(root),
        kubelet_configured=_filled(root(KUBELET_CONFIG)),
        kubelet_healthy=machine.kubelet_answers(*spec.health_address),
        finalized=finalized,
        rotated=rotated,
        etcd_data=etcd_data,
        etcd_written=written,
        answer=answer,
        marker=read_marker(root),
        running=tuple(running_kubeadm(root)),
    )


def _manifest(name: str) -> str:
    return f"{MANIFESTS}/{name}.yaml"


def _filled(path: str) -> bool:
    """Return whether a file exists and is not empty; a killed process leaves an empty one."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _kubeconfig(root: Root, path: str) -> tuple[Kubeconfig | None, str]:
    try:
        return load_kubeconfig(root, path), ""
    except ClassroomError as problem:
        return None, str(problem)


def files_below(directory: str) -> frozenset[str]:
    found: list[str] = []
    for place, _directories, names in os.walk(directory):
        found.extend(os.path.relpath(os.path.join(place, name), directory) for name in names)
    return frozenset(found)


def etcd_directories(spec: InitSpec, root: Root) -> tuple[str, ...]:
    """Return where etcd's data may be: as configured, as in the manifest on the host, and the default directory."""
    found = [spec.etcd_directory, "/var/lib/etcd"]
    for line in (read_text(root(_manifest("etcd"))) or "").splitlines():
        if "--data-dir=" in line:
            found.append(line.split("--data-dir=", 1)[1].strip())
    return tuple(dict.fromkeys(found))


def _etcd_data(spec: InitSpec, root: Root) -> tuple[str, float]:
    """Return the directory that holds a database, and when it was last written in seconds since the epoch."""
    for directory in etcd_directories(spec, root):
        files = files_below(root(directory + "/member"))
        if files:
            paths = [os.path.join(root(directory + "/member"), name) for name in files]
            return directory, max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=0.0)
    return "", 0.0


def _pki_problem(spec: InitSpec, machine: NodeContext, admin: Kubeconfig | None, thorough: bool) -> str:
    """Return what does not match among CA, API server and admin.conf, empty if all match.

    An API that answered has verified its own certificate; `thorough` checks the signatures in addition.
    """
    root = machine.root
    ca = read_text(root(spec.pki + "/ca.crt"))
    if not ca or not ca.strip():
        return ""
    try:
        if admin and x509.first_pem(ca) != x509.first_pem(admin.ca):
            return (f"{spec.kubeconfig} trusts the wrong CA: expected that of {spec.pki}/ca.crt "
                    f"({x509.discovery_hash(ca)}), found {x509.discovery_hash(admin.ca)}")
        return _unsigned(spec, root, ca) if thorough else ""
    except ClassroomError as problem:
        return f"{spec.pki}/ca.crt or {spec.kubeconfig}: {problem}"


def _unsigned(spec: InitSpec, root: Root, ca: str) -> str:
    for name, signer in (("apiserver", ca), ("etcd/server", read_text(root(spec.pki + "/etcd/ca.crt")) or "")):
        certificate, key = (root(f"{spec.pki}/{name}.{kind}") for kind in ("crt", "key"))
        if not (_filled(certificate) and _filled(key) and signer):
            continue
        problem = x509.signing_problem(signer, certificate, key)
        if problem:
            return f"{spec.pki}/{name}.crt is not signed by its CA: {problem}"
    return ""


def broken_pki(spec: InitSpec, root: Root) -> frozenset[str]:
    """Return the files that make `kubeadm init` fail: a key without its certificate, or an empty file.

    kubeadm writes the key first. A certificate without a key is left alone: it may be that of an external CA.
    """
    base = root(spec.pki)
    names = files_below(base)
    broken = {name for name in names if not _filled(os.path.join(base, name))}
    for name in names:
        stem, kind = os.path.splitext(name)
        partner = stem + (".pub" if stem == "sa" else ".crt")
        if kind == ".key" and (partner not in names or partner in broken or name in broken):
            broken.update({name, partner} & names)
    return frozenset(broken)


def _ask(spec: InitSpec, machine: NodeContext, admin: Kubeconfig, finalized: bool) -> ApiStatus:
    """Query the API server, all on one connection."""
    api = machine.connect(spec.server or admin.server, admin.ca, admin)
    try:
        api.get("/readyz")
        version = str(api.get("/version")["gitVersion"])
        return _phases(spec, api, version, finalized)
    except Untrusted as problem:
        return ApiStatus("untrusted", _trust(problem))
    except AccessDenied as problem:
        return ApiStatus("denied", f"{problem}{_admin_dates(admin, machine)}")
    except ApiError as problem:
        return ApiStatus("unreachable", str(problem))


def _trust(problem: Untrusted) -> str:
    hints = {
        "ca": "it was signed by another CA than the one in admin.conf",
        "dates": "check the clock of this host, and 'kubeadm certs check-expiration'",
        "name": "it does not contain the address of this host; the address may have changed since 'kubeadm init'",
    }
    return f"{problem} ({hints[problem.why]})" if problem.why in hints else str(problem)


def _admin_dates(admin: Kubeconfig, machine: NodeContext) -> str:
    try:
        problem = x509.read(admin.certificate).date_problem(machine.now())
    except ClassroomError:
        return ""
    return f"; its client certificate {problem}: renew it with 'kubeadm certs renew admin.conf'" if problem else ""


def _phases(spec: InitSpec, api: Api, version: str, finalized: bool) -> ApiStatus:
    found: dict[str, Any] = {}
    missing: list[str] = []
    try:
        node = _get(api, "/api/v1/nodes/" + segment(spec.node))
        for phase in spec.phases:
            if not _complete(phase, api, node, finalized, found):
                missing.append(phase)
        used_tokens = bootstrap_token.used(api)
    except AccessDenied as problem:
        if problem.status != 403:
            raise
        # kubeadm grants admin.conf its rights in the first of these phases, so all of them are missing.
        return ApiStatus("ready", str(problem), version, False, spec.phases)
    maps = {name: (found.get(f"{_SYSTEM}/configmaps/{name}") or {}).get("data") or {}
            for name, _key in kubeadm_drift.PLACES.values()}
    uploaded = "upload-config kubeadm" not in missing
    drift = kubeadm_drift.sentences(spec.documents, maps) if uploaded else []
    return ApiStatus(
        "ready", "", version, node is not None, tuple(missing), uploaded, tuple(drift), used_tokens, node)


def _complete(phase: str, api: Api, node: Any, finalized: bool, found: dict[str, Any]) -> bool:
    if phase == "kubelet-finalize all":
        return finalized
    if phase == "mark-control-plane":
        return node is not None and CONTROL_PLANE_LABEL in (node["metadata"].get("labels") or {})
    for path in PHASES[phase]:
        found[path] = _get(api, path)
        if found[path] is None:
            return False
    return True


def _get(api: Api, path: str) -> Any:
    try:
        return api.get(path)
    except NotFound:
        return None


def node_registered(spec: InitSpec, machine: NodeContext) -> bool:
    """Return whether the Node of this host exists by now."""
    admin, _problem = _kubeconfig(machine.root, spec.kubeconfig)
    if admin is None:
        return False
    try:
        return _get(machine.connect(spec.server or admin.server, admin.ca, admin),
                    "/api/v1/nodes/" + segment(spec.node)) is not None
    except (Unreachable, AccessDenied):
        return False
