# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA and kubeconfigs with certificates of it, as kubeadm makes them."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """The CA of all honest clusters of a run."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
        self._certificate = self._signed(self._name, self._key.public_key(), authority=True)
        self.certificate = _pem(self._certificate)
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        # As kubeadm prints it
        self.hash = "sha256:" + hashlib.sha256(public).hexdigest()

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePublicKey, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=300))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256()))

    @functools.cache  # noqa: B019 - one authority for a run
    def _identity(self, user: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if user == "kubernetes-admin":
            names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, "kubeadm:cluster-admins"))
        certificate = self._signed(x509.Name(names), key.public_key(), authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        return _pem(certificate), private.decode()

    def kubeconfig(self, server: str, user: str, cluster: str) -> str:
        """A kubeconfig with everything in it, one cluster, one user and one context."""
        certificate, key = self._identity(user)
        name = f"{user}@{cluster}"
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": name,
            "clusters": [{"name": cluster, "cluster": {
                "server": server, "certificate-authority-data": _base64(self.certificate)}}],
            "contexts": [{"name": name, "context": {"cluster": cluster, "user": user}}],
            "users": [{"name": user, "user": {
                "client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}}],
        })


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
