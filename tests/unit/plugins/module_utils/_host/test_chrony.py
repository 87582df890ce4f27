# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""chrony in place of whatever kept the clock, its servers, and the way back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.module_utils._core import original_state
from ansible_collections.classroom.kubeadm.plugins.module_utils._core.errors import ClassroomError
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import chrony as time_service
from ansible_collections.classroom.kubeadm.plugins.module_utils._host import time_services, time_sync
from ansible_collections.classroom.kubeadm.plugins.module_utils._host.time_services import TimeSpec

DEBIAN = "confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\n" \
         "sourcedir /etc/chrony/sources.d\n"
REDHAT = "pool 2.rocky.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\ndriftfile /var/lib/chrony/drift\n"
HEADER = "# Written by the collection classroom.kubeadm; the next run replaces changes made here.\n"
BLOCK = "# BEGIN classroom.kubeadm: time servers\nserver 192.0.2.1 iburst\n# END classroom.kubeadm\n"
SERVERS = ("192.0.2.1",)
RUNNING = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
STATUS = "Package: {0}\nStatus: install ok installed\nVersion: 1.0\n\n"


@pytest.mark.parametrize(("files", "servers", "path", "content"), [
    ({}, SERVERS, "/etc/chrony/sources.d/classroom-kubeadm.sources", HEADER + "server 192.0.2.1 iburst\n"),
    ({"/etc/chrony/chrony.conf": DEBIAN}, SERVERS, "/etc/chrony/sources.d/classroom-kubeadm.sources",
     HEADER + "server 192.0.2.1 iburst\n"),
    ({"/etc/chrony.conf": "confdir /etc/chrony.d\n"}, SERVERS, "/etc/chrony.d/classroom-kubeadm.conf",
     HEADER + "server 192.0.2.1 iburst\n"),
    ({"/etc/redhat-release": "Rocky Linux release 9.6"}, SERVERS, "/etc/chrony.conf", BLOCK),
    ({"/etc/chrony.conf": REDHAT}, SERVERS, "/etc/chrony.conf", REDHAT + BLOCK),
    ({"/etc/chrony.conf": BLOCK.replace(".1", ".9") + REDHAT}, SERVERS, "/etc/chrony.conf", REDHAT + BLOCK),
    # None any more: what an earlier run wrote goes, and nothing is written that was not there
    ({"/etc/chrony.conf": REDHAT + BLOCK}, (), "/etc/chrony.conf", REDHAT),
    ({"/etc/chrony.conf": REDHAT}, (), None, None),
    ({"/etc/chrony/chrony.conf": DEBIAN}, (), None, None),
    ({"/etc/chrony/chrony.conf": DEBIAN, "/etc/chrony/sources.d/classroom-kubeadm.sources": "old"}, (),
     "/etc/chrony/sources.d/classroom-kubeadm.sources", HEADER),
])
def test_where_chrony_reads_its_servers(
    machine: Any, files: dict[str, str], servers: tuple[str, ...], path: str | None, content: str | None,
) -> None:
    for each, text in files.items():
        machine.write(each, text)
    found = time_service.desired_files(machine.root, servers)
    assert [(file.path, file.content) for file in found] == ([(path, content)] if path else [])


@pytest.mark.parametrize("server", ["", "a b", "x\nallow", "192.0.2.1 iburst", "-x"])
def test_a_server_is_a_name_or_an_address(server: str) -> None:
    with pytest.raises(ClassroomError, match="A time server is invalid: expected a host name or an address, found"):
        time_sync.validate(TimeSpec(True, (server,)))


class Systemd:
    """Units that run, as systemctl tells of them; what is asked of it happens."""

    def __init__(self, fake_run: Any, *running: str) -> None:
        self.fake_run = fake_run
        names = (*time_services.CHRONY, *time_services.OTHERS)
        fake_run.on("systemctl", "is-active", rc=3, out="".join(
            ("active" if name in running else "inactive") + "\n" for name in names))


def all_answer(_servers: Sequence[str]) -> tuple[str, ...]:
    return ()


def read(machine: Any, fake_run: Any, spec: TimeSpec, ask: Any) -> time_service.ChronyState:
    return time_service.read_state(machine.root, fake_run, spec, time_services.running(fake_run), ask)


@pytest.mark.parametrize(("running", "named"), [
    ((), True), (("systemd-timesyncd.service",), False), (("chronyd.service",), False), (("ntpd.service",), False),
])
def test_a_clock_without_a_time_service_is_named(
    machine: Any, fake_run: Any, running: tuple[str, ...], named: bool,
) -> None:
    Systemd(fake_run, *running)
    found = time_sync.plan(TimeSpec(), time_sync.read_state(machine.root, fake_run, TimeSpec()))
    assert found.steps == ()
    assert ["no time service is active" in each for each in found.findings] == ([True] if named else [])


def test_chrony_in_its_desired_state_needs_nothing(machine: Any, fake_run: Any) -> None:
    Systemd(fake_run, "chrony.service")
    machine.write("/etc/chrony/chrony.conf", DEBIAN)
    fake_run.on("systemctl", "show", out=RUNNING)
    spec = TimeSpec(True)
    state = read(machine, fake_run, spec, all_answer)
    assert time_service.plan(spec, state) == time_services.TimePlan()


def test_a_server_that_does_not_answer_is_named_and_no_more(machine: Any, fake_run: Any) -> None:
    Systemd(fake_run, "chrony.service")
    machine.write("/etc/chrony/chrony.conf", DEBIAN)
    machine.write("/etc/chrony/sources.d/classroom-kubeadm.sources", HEADER + "server 192.0.2.1 iburst\n")
    fake_run.on("systemctl", "show", out=RUNNING)
    spec = TimeSpec(True, SERVERS)
    state = read(machine, fake_run, spec, tuple)
    found = time_service.plan(spec, state)
    assert found.steps == ()
    assert [each.partition(". ")[0] for each in found.findings] == [
        "time server 192.0.2.1: it does not respond at UDP port 123"]


def test_another_service_is_replaced_and_brought_back(machine: Any, fake_run: Any) -> None:
    machine.write("/var/lib/dpkg/status", STATUS.format("systemd-timesyncd") + STATUS.format("chrony"))
    machine.write("/etc/chrony/chrony.conf", DEBIAN)
    Systemd(fake_run, "systemd-timesyncd.service")
    fake_run.on("systemctl", "show", out="LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n")
    fake_run.on("systemctl", "show", out=RUNNING)
    fake_run.on("systemctl")
    spec = TimeSpec(True, SERVERS)
    state = read(machine, fake_run, spec, all_answer)
    found = time_service.plan(spec, state)
    assert [step.title for step in found.steps] == [
        "time service systemd-timesyncd.service", "file /etc/chrony/sources.d/classroom-kubeadm.sources",
        "enable chrony.service", "start chrony.service"]
    time_service.apply(machine.root, fake_run, spec, state)
    assert fake_run.did("disable", "--now", "systemd-timesyncd.service")
    former = original_state.read(machine.root)["time"]
    assert former == {"chrony": "inactive", "replaced": {"systemd-timesyncd.service": "systemd-timesyncd=1.0"}}

    later = type(fake_run)()
    Systemd(later, "chrony.service")
    later.on("systemctl", "show", out=RUNNING).on("systemctl")
    steps = time_service.plan_restore(machine.root, later, former)
    assert [step.title for step in steps] == ["stop chrony.service", "time service systemd-timesyncd.service"]
    assert [time_service.restore(machine.root, later, step, former) for step in steps] == [[], []]
    assert later.did("stop", "chrony.service") and later.did("enable", "--now", "systemd-timesyncd.service")


@pytest.mark.parametrize(("chrony", "running", "titles"), [
    ("active", ("chrony.service",), ["restart chrony.service"]),
    ("inactive", ("chrony.service",), ["stop chrony.service"]),
    ("inactive", (), []),
    # Installed by this collection: its package goes
    ("", ("chrony.service",), []),
])
def test_chrony_goes_back_to_what_it_was(
    machine: Any, fake_run: Any, chrony: str, running: tuple[str, ...], titles: list[str],
) -> None:
    Systemd(fake_run, *running)
    steps = time_service.plan_restore(machine.root, fake_run, {"chrony": chrony, "replaced": {}})
    assert [step.title for step in steps] == titles


def test_a_service_that_does_not_start_again_is_named(machine: Any, fake_run: Any) -> None:
    Systemd(fake_run)
    fake_run.on("systemctl", "show", out=RUNNING).on("systemctl", rc=1, err="Unit is masked.")
    former = {"chrony": "", "replaced": {"ntpd.service": ""}}
    [step] = time_service.plan_restore(machine.root, fake_run, former)
    assert time_service.restore(machine.root, fake_run, step, former) == [
        "ntpd.service is not restored: Unit is masked."]


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a time server that answers whoever asks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))

        def serve() -> None:
            _question, client = listener.recvfrom(512)
            listener.sendto(48 * b"\0", client)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_who_answers_is_found_by_asking(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_service, "_TIMEOUT", 0.5)
    answered: set[str] = set()
    time_service._ask("127.0.0.1", answered, server)
    assert answered == {"127.0.0.1"}
    # Nobody listens there, and nobody knows that name
    assert time_service.unreachable(("127.0.0.2", "no-such-server.invalid")) == ("127.0.0.2", "no-such-server.invalid")
