# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse certificates and keys from hosts and encode them again, as the controller writes them."""

from __future__ import annotations

import re

from ...module_utils._core.errors import ClassroomError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError:
    # ansible-core requires it, so it is missing only when ansible-test imports this file alone.
    pass

_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----\s[A-Za-z0-9+/=\s]+-----END \1-----\s*")
# Characters of an RSA key of 8192 bits; the effort of a check grows with the third power of the size.
_LONGEST_KEY = 8192
# More CAs than a rotation needs.
_MOST_AUTHORITIES = 4


def authorities(text: str, most: int = _MOST_AUTHORITIES) -> str:
    """Return one to `most` CA certificates as PEM. Raise ClassroomError, whose message starts with what was found."""
    found = _certificates(text)
    if not 1 <= len(found) <= most:
        raise ClassroomError("{} certificates instead of {}".format(
            len(found), "one" if most == 1 else f"1 to {most}"))
    for certificate in found:
        if not _is_authority(certificate):
            raise ClassroomError("a certificate that is not a CA's")
    return "".join(_pem(certificate) for certificate in found)


def client(certificate_text: str, key_text: str) -> tuple[str, str, str, list[str]]:
    """Return certificate and key as PEM, and the certificate's user (CN) and groups (O). Raise ClassroomError."""
    found = _certificates(certificate_text)
    if len(found) != 1:
        raise ClassroomError(f"{len(found)} client certificates instead of one")
    key = _private_key(key_text)
    if found[0].public_key() != key.public_key():
        raise ClassroomError("a client certificate and a key that do not belong together")
    subject = found[0].subject
    names = [str(name.value) for name in subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if len(names) != 1:
        raise ClassroomError("a client certificate without exactly one user name (CN)")
    groups = [str(name.value) for name in subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _pem(found[0]), key_pem.decode("ascii"), names[0], groups


def _certificates(text: str) -> list[x509.Certificate]:
    if any(kind != "CERTIFICATE" for kind in _blocks(text)):
        raise ClassroomError("a PEM text that is not only certificates")
    if not text.strip():
        return []
    try:
        return x509.load_pem_x509_certificates(text.encode("utf-8"))
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise ClassroomError("a certificate that cannot be read") from problem


def _private_key(text: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    if len(text) > _LONGEST_KEY or len([kind for kind in _blocks(text) if kind.endswith("PRIVATE KEY")]) != 1:
        raise ClassroomError("a client key that is not one private key as PEM")
    try:
        key = serialization.load_pem_private_key(text.encode("utf-8"), password=None)
    # TypeError: the key is encrypted
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise ClassroomError("a client key that cannot be read") from problem
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        raise ClassroomError("a client key of a kind that Kubernetes does not use")
    return key


def _blocks(text: str) -> list[str]:
    """Return the kinds of the PEM blocks, of which the whole text must consist."""
    if _BLOCK.sub("", text).strip():
        raise ClassroomError("a text that is not PEM")
    return [match.group(1) for match in _BLOCK.finditer(text)]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return constraints.value.ca


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
