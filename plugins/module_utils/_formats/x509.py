# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read certificates without a library and without the openssl program, which a managed host need not have.

Dates, names and public key are read from the DER of the certificate. Signatures are verified by the TLS implementation,
with a handshake inside this process.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone

from .._core.errors import ClassroomError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_COMMON_NAME = bytes.fromhex("0603550403")
_ALTERNATIVE_NAME = bytes.fromhex("0603551d11")
_UTC_TIME = 0x17
_EXTENSIONS = 0xA3
# Tags of the two kinds of alternative names that identify a server
_DNS_NAME, _ADDRESS = 0x82, 0x87


@dataclass(frozen=True)
class Certificate:
    """The fields of a certificate that decisions need. Times are seconds since the epoch."""

    common_name: str
    not_before: float
    not_after: float
    public_key_hash: str

    def date_problem(self, now: float) -> str:
        """Return why the certificate is not valid at `now`, empty if it is. The text continues that of the caller."""
        if now > self.not_after:
            return f"expired on {as_date(self.not_after)}"
        if now < self.not_before:
            return f"is valid from {as_date(self.not_before)} only, and the clock of this host says {as_date(now)}"
        return ""


def as_date(moment: float) -> str:
    """Return a time (seconds since the epoch) as text in UTC."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def first_pem(text: str) -> str:
    """Return the first certificate of a PEM text, which may have a key and other certificates, too.

    Raises ClassroomError if there is none.
    """
    found = _PEM.search(text)
    if not found:
        raise ClassroomError("no certificate was found in the PEM text.")
    return found.group(0) + "\n"


def read(text: str) -> Certificate:
    """Return the fields of the first certificate of a PEM text; raise ClassroomError if it cannot be read."""
    try:
        return _read_der(ssl.PEM_cert_to_DER_cert(first_pem(text)))
    except (ValueError, IndexError) as problem:
        raise ClassroomError(f"a certificate cannot be read: {problem}.") from problem


def discovery_hash(text: str) -> str:
    """Return kubeadm's discovery-token-ca-cert-hash: the hash of the public key, which a renewal does not change."""
    return read(text).public_key_hash


def alternative_names(text: str) -> tuple[str, ...]:
    """Return the alternative names and addresses of the first certificate of a PEM text, in its order."""
    try:
        return _alternative_names(ssl.PEM_cert_to_DER_cert(first_pem(text)))
    except (ValueError, IndexError) as problem:
        raise ClassroomError(f"a certificate cannot be read: {problem}.") from problem


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the tag of the DER element at `at`, and the offsets of its content and of its end."""
    length, start = data[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    if start + length > len(data):
        raise ValueError("its DER is cut off")
    return data[at], start, start + length


def _children(data: bytes, at: int) -> list[bytes]:
    _tag, start, end = _element(data, at)
    found = []
    while start < end:
        _tag, _content, behind = _element(data, start)
        found.append(data[start:behind])
        start = behind
    return found


def _read_der(der: bytes) -> Certificate:
    fields = _children(_children(der, 0)[0], 0)
    # The version comes first, with its own tag, and is omitted in version 1.
    if fields[0][0] == 0xA0:
        fields = fields[1:]
    _serial, _algorithm, _issuer, validity, subject, public_key = fields[:6]
    begin, end = (_moment(element) for element in _children(validity, 0))
    return Certificate(
        common_name=_common_name(subject),
        not_before=begin,
        not_after=end,
        public_key_hash="sha256:" + hashlib.sha256(public_key).hexdigest(),
    )


def _alternative_names(der: bytes) -> tuple[str, ...]:
    for field in _children(_children(der, 0)[0], 0):
        if field[0] != _EXTENSIONS:
            continue
        for extension in _children(_children(field, 0)[0], 0):
            parts = _children(extension, 0)
            if parts[0] == _ALTERNATIVE_NAME:
                # The value, an octet string, comes last: the optional critical flag is before it.
                _tag, start, _end = _element(parts[-1], 0)
                names = (_name(each) for each in _children(parts[-1], start))
                return tuple(name for name in names if name)
    return ()


def _name(element: bytes) -> str:
    tag, start, end = _element(element, 0)
    if tag == _ADDRESS:
        return str(ipaddress.ip_address(element[start:end]))
    return element[start:end].decode("ascii") if tag == _DNS_NAME else ""


def _moment(element: bytes) -> float:
    tag, start, end = _element(element, 0)
    text = element[start:end].decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280: two-digit years from 50 on belong to the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()


def _common_name(subject: bytes) -> str:
    at = subject.find(_COMMON_NAME)
    if at < 0:
        return ""
    value = subject[at + len(_COMMON_NAME) :]
    _tag, start, end = _element(value, 0)
    return value[start:end].decode("utf-8", "replace")


def signing_problem(ca_pem: str, certificate_file: str, key_file: str) -> str:
    """Return why a client that trusts the CA rejects a server with this certificate and key, empty if it does not.

    Comparing names is not enough: every CA of kubeadm has the name "kubernetes".
    """
    try:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(certificate_file, key_file)
        client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_side.check_hostname = False
        client_side.load_verify_locations(cadata=first_pem(ca_pem))
        _shake_hands(client_side, server_side)
    except ssl.SSLCertVerificationError as problem:
        return problem.verify_message
    except (ssl.SSLError, OSError) as problem:
        return problem.strerror or str(problem)
    return ""


def _shake_hands(client_side: ssl.SSLContext, server_side: ssl.SSLContext) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    # A handshake takes two rounds; the limit only prevents an endless loop.
    for _round in range(10):
        waiting = 0
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return
    raise OSError(0, "the handshake does not end")
