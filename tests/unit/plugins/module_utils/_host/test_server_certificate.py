# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A private CA and its certificate, made by a real openssl and looked at by a real TLS client."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core.command import CommandFailed, Completed, run
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.server_certificate import (
    CertificateSpec,
    apply,
    made,
    plan,
    presented,
    read_state,
    validate,
    with_found_names,
)

DAY = 86400.0
NAMES = ("192.0.2.10", "utility.example.com", "2001:db8::1")


@pytest.fixture
def spec(tmp_path: Path) -> CertificateSpec:
    return CertificateSpec(str(tmp_path / "tls"), NAMES, "Registry of utility.example.com")


def titles(spec: CertificateSpec, now: float) -> list[str]:
    return [step.action for step in plan(spec, read_state(spec, now))]


def make(spec: CertificateSpec, now: float | None = None) -> list[str]:
    """Carry the plan out and return what it was."""
    steps = plan(spec, read_state(spec, now or time.time()))
    apply(spec, steps, run)
    return [step.action for step in steps]


def text(spec: CertificateSpec, name: str) -> str:
    return Path(spec.path(name)).read_text(encoding="ascii")


def swap_key(name: str) -> Callable[[CertificateSpec], None]:
    """Another key of the same kind in the place of this one."""
    def act(spec: CertificateSpec) -> None:
        run(["openssl", "ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", spec.path(name)])
        os.chmod(spec.path(name), 0o600)

    return act


def test_made_once_with_keys_for_root_only(spec: CertificateSpec) -> None:
    assert make(spec) == ["authority", "certificate"]
    before = {name: text(spec, name) for name in ("ca.crt", "ca.key", "server.crt", "server.key")}
    assert sorted(os.listdir(spec.directory)) == sorted(before)
    modes = {name: stat.S_IMODE(os.stat(spec.path(name)).st_mode) for name in before}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}
    assert make(spec) == []
    assert {name: text(spec, name) for name in before} == before


@pytest.mark.parametrize(("change", "days", "expected"), [
    (lambda spec: None, 0, []),
    # The certificate ends after 397 days, and is issued again a month before
    (lambda spec: None, 366, []),
    (lambda spec: None, 368, ["certificate"]),
    (lambda spec: None, 400, ["certificate"]),
    (lambda spec: None, 3649, ["authority", "certificate"]),
    (lambda spec: os.unlink(spec.path("server.key")), 0, ["certificate"]),
    (lambda spec: os.unlink(spec.path("server.crt")), 0, ["certificate"]),
    (lambda spec: Path(spec.path("server.crt")).write_text("", encoding="ascii"), 0, ["certificate"]),
    (swap_key("server.key"), 0, ["certificate"]),
    # There is nothing to sign: clients that trust this authority may go on to
    (lambda spec: os.unlink(spec.path("ca.key")), 0, []),
    (swap_key("ca.key"), 0, []),
    (lambda spec: os.unlink(spec.path("ca.key")), 368, ["authority", "certificate"]),
    (swap_key("ca.key"), 368, ["authority", "certificate"]),
    (lambda spec: os.unlink(spec.path("ca.crt")), 0, ["authority", "certificate"]),
    (lambda spec: os.chmod(spec.path("ca.key"), 0o640), 0, ["mode"]),
    (lambda spec: os.chmod(spec.path("server.key"), 0o644), 0, ["mode"]),
])
def test_what_is_created_again(
    spec: CertificateSpec, change: Callable[[CertificateSpec], None], days: int, expected: list[str]
) -> None:
    make(spec)
    change(spec)
    now = time.time() + days * DAY
    assert titles(spec, now) == expected
    authority = text(spec, "ca.crt") if os.path.exists(spec.path("ca.crt")) else ""
    assert make(spec, now) == expected
    assert (text(spec, "ca.crt") == authority) == ("authority" not in expected)
    assert titles(spec, time.time()) == []
    assert os.stat(spec.path("server.key")).st_mode & 0o077 == 0


@pytest.mark.parametrize("names", [NAMES[:2], (*NAMES, "utility"), ("192.0.2.11", *NAMES[1:])])
def test_other_names_mean_another_certificate_of_the_same_authority(
    spec: CertificateSpec, names: tuple[str, ...]
) -> None:
    make(spec)
    authority = text(spec, "ca.crt")
    assert make(replace(spec, names=names)) == ["certificate"]
    assert text(spec, "ca.crt") == authority


def test_a_clock_that_is_late_believes_it(spec: CertificateSpec) -> None:
    make(spec)
    assert titles(spec, time.time() - 3600) == []


def test_no_certificate_outlives_its_authority(spec: CertificateSpec) -> None:
    short = replace(spec, authority_days=100)
    make(short)
    assert titles(short, time.time() + 68 * DAY) == []
    assert titles(short, time.time() + 71 * DAY) == ["authority", "certificate"]


def test_what_an_old_authority_signs_is_not_due_at_once(spec: CertificateSpec) -> None:
    make(replace(spec, authority_days=61))
    assert make(replace(spec, names=("utility",))) == ["certificate"]
    assert make(replace(spec, names=("utility",))) == []


def test_the_order_of_names_is_no_difference(spec: CertificateSpec) -> None:
    make(spec)
    assert make(replace(spec, names=NAMES[::-1])) == []


@pytest.mark.parametrize(("names", "found"), [
    (("a b",), "found 'a b'"), (("utility,DNS:evil.example.org",), "found 'utility,DNS"),
    (("x\n[server]",), "found 'x"),
    (("192.0.2.0/24",), "found '192.0.2.0/24'"), (("",), "found ''"), ((), "found none"),
])
def test_names_that_no_certificate_can_have(spec: CertificateSpec, names: tuple[str, ...], found: str) -> None:
    with pytest.raises(ClassroomError, match="certificate .*: expected .*" + found):
        validate(replace(spec, names=names))


def test_a_failure_half_way_leaves_what_was_there(spec: CertificateSpec) -> None:
    make(spec)
    before = {name: text(spec, name) for name in sorted(os.listdir(spec.directory))}
    wanted = replace(spec, names=("other.example.com",))

    def stops(argv: Sequence[str], **options: Any) -> Completed:
        if "-cert" in argv:
            raise CommandFailed(argv, Completed(1, "", "no more"))
        return run(argv, **options)

    with pytest.raises(CommandFailed, match="no more"):
        apply(wanted, plan(wanted, read_state(wanted, time.time())), stops)
    assert {name: text(spec, name) for name in sorted(os.listdir(spec.directory))} == before


@contextmanager
def serving(spec: CertificateSpec) -> Iterator[int]:
    """A TLS server with the certificate of `spec`, on a port of this host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(spec.path("server.crt"), spec.path("server.key"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer() -> None:
            while True:
                try:
                    plain, _address = listener.accept()
                    context.wrap_socket(plain, server_side=True).close()
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_what_a_server_shows(spec: CertificateSpec, tmp_path: Path) -> None:
    now = time.time()
    other = replace(spec, directory=str(tmp_path / "other"))
    assert presented(spec, 1, now).problem == "there is no authority yet"
    make(spec)
    make(other)
    assert "no TLS server responds at port 1" in presented(spec, 1, now).problem
    with serving(spec) as port:
        good = presented(spec, port, now)
        assert good == made(spec)
        assert (good.problem, good.authority) == ("", text(spec, "ca.crt"))
        # The other authority has the same name, so that only its key tells it from the right one
        assert "certificate" in presented(other, port, now).problem
        assert presented(other, port, now).authority == text(other, "ca.crt")
        assert presented(replace(spec, names=NAMES[:1]), port, now).problem == "it has other names"
        assert "it ends on" in presented(spec, port, now + 380 * DAY).problem
        os.chmod(spec.path("ca.key"), 0o644)
        assert presented(spec, port, now).problem == "others could read the key"


def test_a_server_with_a_former_certificate_is_seen(spec: CertificateSpec) -> None:
    make(spec)
    with serving(spec) as port:
        make(replace(spec, names=("utility",)))
        assert presented(replace(spec, names=("utility",)), port, time.time()).problem == "it has other names"


def test_inventories_that_share_a_server_keep_the_names_of_each_other(spec: CertificateSpec) -> None:
    first = replace(spec, exclusive=False)
    make(first)
    second = replace(first, names=("198.51.100.7", NAMES[0]))
    made_of_both = with_found_names(second, read_state(second, time.time()))
    assert make(made_of_both) == ["certificate"]
    assert set(read_state(spec, time.time()).names) == {"198.51.100.7", *NAMES}
    assert titles(first, time.time()) == titles(second, time.time()) == []
    with serving(spec) as port:
        assert presented(second, port, time.time()).problem == ""
        assert presented(spec, port, time.time()).problem == "it has other names"
