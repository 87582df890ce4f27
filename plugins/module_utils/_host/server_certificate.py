# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Issue the server certificate of one host, signed by a certificate authority of its own.

The host's openssl generates the keys, which never leave the host. Existing files are checked with Python's TLS
implementation, as clients would check them: whether the key fits, and whether the certificate is trusted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._core.command import Runner
from .._core.errors import ClassroomError
from .._core.files import mode_of, read_text
from .._core.plan import Change
from .._formats import x509

AUTHORITY, AUTHORITY_KEY = "ca.crt", "ca.key"
CERTIFICATE, KEY = "server.crt", "server.key"
_KEYS = (AUTHORITY_KEY, KEY)
_SECRET = 0o600
_DAY = 86400.0
_TIMEOUT = 5.0
_MISSING = "there is none"
_OPEN = "others could read the key"
# Elliptic curves: a signature takes a fraction of RSA's time, and sixty hosts connect at once
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
# Certificates are valid since yesterday, because the clocks of a class differ
_EARLIER = _DAY
# A separate configuration, because extensions of the distribution's openssl.cnf would be added twice
_CONFIGURATION = """\
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {subject}
[ca]
default_ca = made
[made]
database = {work}/index
new_certs_dir = {work}
default_md = sha256
rand_serial = yes
unique_subject = no
policy = named
[named]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass(frozen=True)
class CertificateSpec:
    """The desired certificate: directory, host names and addresses, and periods in days.

    Unless the names are `exclusive`, those that the certificate has by now stay.
    """

    directory: str
    names: tuple[str, ...]
    authority: str = "Private CA"
    days: int = 397
    authority_days: int = 3650
    renew_days: int = 30
    exclusive: bool = True

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)


@dataclass(frozen=True)
class CertificateState:
    """Reasons to replace authority and certificate (empty: none), the certificate's names, and modes of open keys."""

    authority_problem: str
    certificate_problem: str
    names: tuple[str, ...] = ()
    open_keys: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Presented:
    """The certificate that a server presents: its problem (empty: none), its fingerprint, and its authority as PEM."""

    problem: str
    fingerprint: str = ""
    authority: str = ""


def validate(spec: CertificateSpec) -> None:
    """Check the names of a certificate: openssl would misread invalid ones. Raises ClassroomError."""
    for name in spec.names:
        if not _is_address(name) and not all(part.replace("-", "a").isalnum() for part in name.split(".")):
            raise ClassroomError(
                f"A name of the certificate is invalid: expected host names and addresses, found '{name}'. Correct it.")
    if not spec.names:
        raise ClassroomError("The certificate has no name: expected at least one name or address, found none. Add one.")


def read_state(spec: CertificateSpec, now: float) -> CertificateState:
    """Check the existing files. `now` is in seconds since the epoch."""
    certificate = read_text(spec.path(CERTIFICATE)) or ""
    return CertificateState(
        authority_problem=_authority_problem(spec, now),
        certificate_problem=_certificate_problem(spec, certificate, now),
        names=x509.alternative_names(certificate) if _holds_certificate(certificate) else (),
        open_keys=tuple(_open_keys(spec)),
    )


def with_found_names(spec: CertificateSpec, state: CertificateState) -> CertificateSpec:
    """Return the spec with the names that a new certificate takes over from the former one."""
    if spec.exclusive:
        return spec
    wanted = [_plain(name) for name in spec.names]
    return replace(spec, names=(*spec.names, *(name for name in state.names if name not in wanted)))


def plan(spec: CertificateSpec, state: CertificateState) -> list[Change]:
    """Plan the changes. An authority is kept as long as possible, because every client has to trust a new one.

    An authority whose key is missing is kept, too, until a certificate has to be signed.
    """
    found = ", ".join(state.names) or "none"
    reason = state.certificate_problem
    steps = []
    if state.authority_problem and reason:
        steps.append(Change("authority", spec.path(AUTHORITY), "see the reason", spec.authority,
                            state.authority_problem))
    if reason:
        steps.append(Change("certificate", spec.path(CERTIFICATE), found, ", ".join(spec.names), reason))
        return steps
    return [Change("mode", spec.path(name), f"{mode:04o}", f"{_SECRET:04o}", _OPEN)
            for name, mode in state.open_keys]


def apply(spec: CertificateSpec, steps: Sequence[Change], run: Runner) -> None:
    """Carry the changes out. An interrupted run may leave files that do not match; the next run replaces them."""
    actions = {step.action for step in steps}
    for step in steps:
        if step.action == "mode":
            os.chmod(step.target, _SECRET)
    if actions & {"authority", "certificate"}:
        _make(spec, run, "authority" in actions)


def presented(spec: CertificateSpec, port: int, now: float) -> Presented:
    """Return what the server at a local port presents to clients that trust the authority in `spec.directory`.

    `now` is in seconds since the epoch. Failures are reported as the `problem` of the result.
    """
    text = read_text(spec.path(AUTHORITY)) or ""
    if not _holds_certificate(text):
        return Presented("there is no authority yet")
    authority = x509.first_pem(text)
    try:
        der = _shown(authority, port)
    except ssl.SSLCertVerificationError as error:
        return Presented(error.verify_message, authority=authority)
    except (OSError, ssl.SSLError) as error:
        return Presented(f"no TLS server responds at port {port}: {error.strerror or error}",
                         authority=authority)
    problem = _unfit(spec, ssl.DER_cert_to_PEM_cert(der), now) or (_OPEN if _open_keys(spec) else "")
    return Presented(problem, fingerprint(der), authority)


def made(spec: CertificateSpec) -> Presented:
    """Return the certificate in its file, for use right after it was issued."""
    certificate, authority = read_text(spec.path(CERTIFICATE)), read_text(spec.path(AUTHORITY))
    if certificate is None or authority is None:
        return Presented(_MISSING)
    der = ssl.PEM_cert_to_DER_cert(x509.first_pem(certificate))
    return Presented("", fingerprint(der), x509.first_pem(authority))


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 digest of a certificate in DER."""
    return "sha256:" + hashlib.sha256(der).hexdigest()


def _holds_certificate(text: str) -> bool:
    return "-----BEGIN CERTIFICATE-----" in text


def _authority_problem(spec: CertificateSpec, now: float) -> str:
    text = read_text(spec.path(AUTHORITY)) or ""
    if not _holds_certificate(text):
        return _MISSING
    authority = x509.read(text)
    if authority.date_problem(now):
        return "it " + authority.date_problem(now)
    # Twice as early as a certificate, so that a new certificate is not due for renewal at once
    if authority.not_after - now < 2 * spec.renew_days * _DAY:
        return f"it ends on {x509.as_date(authority.not_after)}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(spec.path(AUTHORITY), spec.path(AUTHORITY_KEY))
    except FileNotFoundError:
        return "its key is missing"
    except ssl.SSLError:
        return "its key belongs to another certificate"
    return ""


def _certificate_problem(spec: CertificateSpec, text: str, now: float) -> str:
    authority = read_text(spec.path(AUTHORITY)) or ""
    if not _holds_certificate(text) or not os.path.exists(spec.path(KEY)):
        return _MISSING
    if not _holds_certificate(authority):
        return "its authority is missing"
    return _unfit(spec, text, now) or x509.signing_problem(authority, spec.path(CERTIFICATE), spec.path(KEY))


def _unfit(spec: CertificateSpec, text: str, now: float) -> str:
    """Return why a trusted certificate has to be replaced, empty when it has not."""
    certificate = x509.read(text)
    if certificate.date_problem(now):
        return "it " + certificate.date_problem(now)
    if certificate.not_after - now < spec.renew_days * _DAY:
        return f"it ends on {x509.as_date(certificate.not_after)}"
    found, wanted = set(x509.alternative_names(text)), {_plain(name) for name in spec.names}
    if found != wanted and (spec.exclusive or not wanted <= found):
        return "it has other names"
    return ""


def _open_keys(spec: CertificateSpec) -> list[tuple[str, int]]:
    modes = [(name, mode_of(spec.path(name))) for name in _KEYS]
    return [(name, mode) for name, mode in modes if mode is not None and mode != _SECRET]


def _shown(authority: str, port: int) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only the signature is verified here; the names are compared one by one later
    context.check_hostname = False
    context.load_verify_locations(cadata=authority)
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as plain, context.wrap_socket(plain) as client:
        return client.getpeercert(binary_form=True) or b""


def _make(spec: CertificateSpec, run: Runner, with_authority: bool) -> None:
    os.makedirs(spec.directory, mode=0o755, exist_ok=True)
    # In the same directory, so that files can be renamed; mkdtemp makes it readable by its owner only
    work = tempfile.mkdtemp(prefix=".new-", dir=spec.directory)
    try:
        fresh = [CERTIFICATE]
        if with_authority:
            _self_signed(spec, run, work)
            fresh.insert(0, AUTHORITY)
        _signed(spec, run, work, work if with_authority else spec.directory)
        for name in fresh:
            key = name.replace(".crt", ".key")
            for each, mode in ((key, _SECRET), (name, 0o644)):
                os.chmod(os.path.join(work, each), mode)
                os.rename(os.path.join(work, each), spec.path(each))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _self_signed(spec: CertificateSpec, run: Runner, work: str) -> None:
    key, now = os.path.join(work, AUTHORITY_KEY), time.time()
    _issue(spec, run, work, spec.authority, key, now + spec.authority_days * _DAY,
           ["-selfsign", "-keyfile", key, "-extensions", "authority", "-out", os.path.join(work, AUTHORITY)])


def _signed(spec: CertificateSpec, run: Runner, work: str, authority: str) -> None:
    issuer = os.path.join(authority, AUTHORITY)
    # A certificate is not valid for longer than its authority
    end = min(time.time() + spec.days * _DAY, x509.read(read_text(issuer) or "").not_after)
    # The subject is for people; clients compare the alternative names only
    _issue(spec, run, work, spec.names[0], os.path.join(work, KEY), end,
           ["-cert", issuer, "-keyfile", os.path.join(authority, AUTHORITY_KEY), "-extensions", "server",
            "-out", os.path.join(work, CERTIFICATE)])


def _issue(
    spec: CertificateSpec, run: Runner, work: str, subject: str, key: str, end: float, how: Sequence[str]
) -> None:
    """Issue a new key and a certificate for it. `openssl x509` sets a start date only in its latest versions."""
    request, configuration, index = (os.path.join(work, name) for name in ("request", "openssl.cnf", "index"))
    names = ", ".join(("IP:{0}" if _is_address(name) else "DNS:{0}").format(_plain(name)) for name in spec.names)
    for path, text in ((configuration, _CONFIGURATION.format(subject=subject, names=names, work=work)), (index, "")):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    run(["openssl", "req", "-new", *_NEW_KEY, "-config", configuration, "-keyout", key, "-out", request])
    run(["openssl", "ca", "-batch", "-notext", "-config", configuration, "-in", request, *how,
         "-startdate", _moment(time.time() - _EARLIER), "-enddate", _moment(end)])


def _moment(seconds: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """Return a name in the form in which x509.alternative_names reads it."""
    return str(ipaddress.ip_address(name)) if _is_address(name) else name
