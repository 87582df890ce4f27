# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of a node that expire soon."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass

from .._core.errors import ClassroomError
from .._core.files import Root, read_text
from .._formats import x509
from .._formats.x509 import Certificate
from .._kube.kubeconfig import load as load_kubeconfig
from .._kube.node_paths import ADMIN_CONF, ETC, KUBELET_CERTIFICATE, KUBELET_DIR, PKI
from .._residue.model import KUBERNETES, Finding

_DAY = 86400.0
# Names of `kubeadm certs renew` by the path of the certificate.
_RENEWED: dict[str, str] = {
    PKI + "/apiserver.crt": "apiserver",
    PKI + "/apiserver-kubelet-client.crt": "apiserver-kubelet-client",
    PKI + "/apiserver-etcd-client.crt": "apiserver-etcd-client",
    PKI + "/front-proxy-client.crt": "front-proxy-client",
    PKI + "/etcd/server.crt": "etcd-server",
    PKI + "/etcd/peer.crt": "etcd-peer",
    PKI + "/etcd/healthcheck-client.crt": "etcd-healthcheck-client",
    ADMIN_CONF: "admin.conf",
    ETC + "/super-admin.conf": "super-admin.conf",
    ETC + "/controller-manager.conf": "controller-manager.conf",
    ETC + "/scheduler.conf": "scheduler.conf",
}
_CAS = tuple(PKI + "/" + name for name in ("ca.crt", "front-proxy-ca.crt", "etcd/ca.crt"))


@dataclass(frozen=True)
class Source:
    """A certificate of this host: its path, its PEM as `text`, and the command that shows its dates."""

    path: str
    text: str
    command: str


def certificate_sources(root: Root) -> Iterator[Source]:
    """Return every certificate that the cluster uses on this host, each once."""
    for path in (*_below(root, PKI), *_kubelet_certificates(root)):
        text = _content(root, path)
        if text:
            yield Source(path, text, "openssl x509 -noout -subject -enddate -in " + path)
    for found in sorted(glob.glob(root(ETC + "/*.conf"))):
        path = found[len(root.path):]
        text = _embedded(root, path)
        if text:
            yield Source(path, text, f"sed -n 's/.*client-certificate-data: //p' {path} | base64 -d | "
                                     "openssl x509 -noout -subject -enddate")


def _below(root: Root, directory: str) -> list[str]:
    found: list[str] = []
    for place, _directories, names in os.walk(root(directory)):
        found.extend(os.path.join(place, name)[len(root.path):] for name in names if name.endswith(".crt"))
    return sorted(found)


def _kubelet_certificates(root: Root) -> Iterator[str]:
    """Return the paths of the certificates in use; the kubelet keeps all former ones in the same directory."""
    for name in ("kubelet-client-current.pem", "kubelet-server-current.pem", "kubelet.crt"):
        path = f"{KUBELET_DIR}/pki/{name}"
        # With a certificate of the cluster, the former self-signed one is not served any more.
        served = name != "kubelet.crt" or not os.path.exists(root(KUBELET_DIR + "/pki/kubelet-server-current.pem"))
        if served and os.path.exists(root(path)):
            yield path


def _content(root: Root, path: str) -> str:
    try:
        return read_text(root(path)) or ""
    except ClassroomError:
        return ""


def _embedded(root: Root, path: str) -> str:
    """Return the client certificate in a kubeconfig, empty if it names a file or the kubeconfig is invalid.

    Certificates in files are found by their own path.
    """
    try:
        config = load_kubeconfig(root, path)
    except ClassroomError:
        return ""
    return config.certificate if config else ""


def check_certificate(source: Source, now: float, days: int) -> Finding | None:
    """Return a finding for a certificate that expires within `days`, is expired, not yet valid, or unreadable."""
    try:
        said = _dates(x509.read(source.text), now, days)
    except ClassroomError as problem:
        said = str(problem).rstrip(".")
    if not said:
        return None
    reason = f"{said}; {_remedy(source.path)}"
    return Finding("certificate", source.path, source.command, reason, KUBERNETES)


def _dates(certificate: Certificate, now: float, days: int) -> str:
    problem = certificate.date_problem(now)
    if problem or certificate.not_after - now > days * _DAY:
        return problem
    return f"expires on {x509.as_date(certificate.not_after)}, in {(certificate.not_after - now) // _DAY:.0f} days"


def _remedy(path: str) -> str:
    """Return what happens when this certificate is not valid, and what to do."""
    if path in _RENEWED:
        return f"the control plane stops working without it: 'kubeadm certs renew {_RENEWED[path]}', then restart " \
               "its static pods"
    if path in _CAS:
        return "no certificate that it signed is trusted any more, and only a new cluster has a new CA"
    if path == KUBELET_CERTIFICATE:
        return "the kubelet renews it by itself while it reaches the API, and has to join again once it has expired"
    if path.startswith(KUBELET_DIR):
        return "the kubelet serves logs, exec and metrics with it, and creates a new one only when this one is " \
               "removed and the kubelet restarted"
    return "clients that use it are rejected"
