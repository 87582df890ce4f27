# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ssh's answers mean, and what is written down of a machine that was never seen."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.classroom.kubeadm.plugins.action.ssh_first_contact import ActionModule, ssh_of
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._enroll.ssh_probe import (
    DIFFERS,
    KEY,
    NO_ANSWER,
    PASSWORD,
    SHUT,
    UNKNOWN,
    Contact,
    Ssh,
    append,
    fingerprints,
    make_contact,
)

BLOB = base64.b64encode(b"a public key").decode()
PRINT = "SHA256:" + base64.b64encode(hashlib.sha256(b"a public key").digest()).decode().rstrip("=")
LINE = "10.20.0.10 ssh-ed25519 " + BLOB
VERIFY = "No ED25519 host key is known for 10.20.0.10 and you have requested strict checking.\n" \
         "Host key verification failed.\n"
CHANGED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nThe fingerprint for the ED25519 key sent by " \
          "the remote host is\nSHA256:other.\nPlease contact your administrator.\nHost key verification failed.\n"
SSH = Ssh("ssh", ("-o", "User=student"), "10.20.0.10", 5)


WORKS = (0, "")
ASKS = (255, "student@10.20.0.10: Permission denied (publickey,password).\n")


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def contact(
    run: Any, known_hosts: Path, *knocks: tuple[int, str], scanned: str = "", record: bool = True,
    more: str = "",
) -> Contact:
    """With recorded answers: ssh's, one a login, and what a scan brings. What is written down is read as it is."""
    run.on("ssh", "-G", out=f"hostname 10.20.0.10\nport 22\nuser student\nuserknownhostsfile {known_hosts}\n{more}")
    for rc, words in knocks:
        run.on("ssh", "-o", rc=rc, err=words)
    run.on("ssh-keygen", "-F", out=known_hosts.read_text() if known_hosts.exists() else "")
    run.on("ssh-keyscan", out=scanned)
    return make_contact(SSH, run, record=record)


@pytest.mark.parametrize(("knock", "state", "method", "says"), [
    (WORKS, KEY, "", ""),
    (ASKS, PASSWORD, "password", ""),
    ((255, "Permission denied (publickey,keyboard-interactive)."), PASSWORD, "keyboard-interactive", ""),
    ((255, "Permission denied (keyboard-interactive,password)."), PASSWORD, "password", ""),
    ((255, "Permission denied (publickey)."), SHUT, "", "its sshd accepts publickey only, and not this key"),
    ((255, VERIFY), DIFFERS, "", "found one of another type or a revoked one. No password was sent"),
    ((255, CHANGED), DIFFERS, "", "found another one, SHA256:other. No password was sent"),
    ((255, "ssh: connect to host 10.20.0.10 port 22: No route to host"), NO_ANSWER, "", "found: No route to host."),
    ((255, "ssh: Could not resolve hostname x: Name or service not known"), NO_ANSWER, "",
     "Name or service not known."),
    ((255, "Connection timed out during banner exchange"), NO_ANSWER, "", "found: Connection timed out during banner"),
    ((255, "Connection closed by 10.20.0.10 port 22"), NO_ANSWER, "", "for a while after failed logins"),
    ((255, ""), NO_ANSWER, "", "found: it did not answer."),
    ((124, "no answer within 20 s"), NO_ANSWER, "", "found: no answer within 20 s."),
    ((1, "This account is currently not available.\n"), SHUT, "",
     "found that it ends with 1: This account is currently"),
])
def test_what_an_answer_means(
    fake_run: Any, known_hosts: Path, knock: tuple[int, str], state: str, method: str, says: str
) -> None:
    append(str(known_hosts), [LINE])
    found = contact(fake_run, known_hosts, knock)
    assert (found.state, found.method, found.user) == (state, method, "student")
    assert says in found.problem and bool(found.problem) == bool(says)
    assert not fake_run.did("ssh-keyscan") and found.recorded == ()
    assert known_hosts.read_text() == LINE + "\n"


def test_a_host_that_was_never_seen_is_recorded_before_it_is_entered(fake_run: Any, known_hosts: Path) -> None:
    scanned = "# 10.20.0.10:22 SSH-2.0-OpenSSH\n" + LINE + "\n"
    found = contact(fake_run, known_hosts, (255, VERIFY), ASKS, scanned=scanned)
    assert (found.state, found.recorded) == (PASSWORD, ("ssh-ed25519 " + PRINT,))
    assert found.host_keys == {"ssh-ed25519": PRINT} and known_hosts.read_text() == LINE + "\n"
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    knocks = [call for call in fake_run.calls if call[:2] == ["ssh", "-o"]]
    # Nobody is asked, and no connection of an earlier run is borrowed
    assert all({"BatchMode=yes", "StrictHostKeyChecking=yes", "ControlPath=none"} <= set(call) for call in knocks)


@pytest.mark.parametrize(("scanned", "record", "more", "state", "says"), [
    (LINE, False, "", UNKNOWN, "In check mode its host keys are not recorded"),
    ("", True, "", NO_ANSWER, "found: Host key verification failed"),
    (LINE, True, "proxyjump bastion\n", UNKNOWN, "a host behind a jump host is not scanned"),
])
def test_nothing_is_recorded(
    fake_run: Any, known_hosts: Path, scanned: str, record: bool, more: str, state: str, says: str
) -> None:
    found = contact(fake_run, known_hosts, (255, VERIFY), scanned=scanned, record=record, more=more)
    assert found.state == state and says in found.problem and not known_hosts.exists()


@pytest.mark.parametrize(("more", "name"), [
    ("port 2222\n", "[10.20.0.10]:2222"), ("hostkeyalias seat01\n", "seat01"), ("", "10.20.0.10"),
])
def test_the_name_in_the_file_is_the_one_that_ssh_looks_for(
    fake_run: Any, known_hosts: Path, more: str, name: str
) -> None:
    if more.startswith("port"):
        fake_run.on("ssh", "-G", out=f"hostname 10.20.0.10\nuser student\nuserknownhostsfile {known_hosts}\n{more}")
    contact(fake_run, known_hosts, (255, VERIFY), WORKS, scanned=LINE, more=more)
    assert known_hosts.read_text().split()[0] == name


def test_the_public_key_is_that_of_the_first_key_that_has_one(fake_run: Any, tmp_path: Path) -> None:
    (tmp_path / "second.pub").write_text("ssh-ed25519 AAAA")
    more = f"identityfile {tmp_path}/first\nidentityfile {tmp_path}/second\n"
    assert contact(fake_run, tmp_path / "known_hosts", WORKS, more=more).public_key == str(tmp_path / "second.pub")


def test_many_are_recorded_at_once(known_hosts: Path) -> None:
    known_hosts.parent.mkdir()
    known_hosts.write_text("a line without an end")
    lines = [f"10.20.0.{number} ssh-ed25519 {BLOB}" for number in range(60)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda line: append(str(known_hosts), [line]), lines))
    assert sorted(known_hosts.read_text().splitlines()) == sorted([*lines, "a line without an end"])


def test_lines_that_are_no_keys_have_no_fingerprint() -> None:
    assert fingerprints(["@cert-authority * ssh-ed25519 " + BLOB, "host ssh-rsa %%%", "host", LINE]) == {
        "ssh-ed25519": PRINT}


def test_ssh_gets_what_ansible_gives_it_in_the_same_order() -> None:
    options = {
        "ssh_executable": "ssh", "ssh_args": "-o ControlMaster=auto", "ssh_common_args": "-o UserKnownHostsFile='a b'",
        "ssh_extra_args": None, "private_key_file": "/k", "port": 22, "remote_user": "student", "host": "10.20.0.10"}
    assert ssh_of(options, 5).arguments == (
        "-o", "ControlMaster=auto", "-o", 'IdentityFile="/k"', "-o", "Port=22", "-o", "User=student",
        "-o", "UserKnownHostsFile=a b")


def test_a_host_without_ssh_is_refused() -> None:
    task = SimpleNamespace(args={}, check_mode=False, diff=False, async_val=0, action="ssh_first_contact")
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), transport="local")
    with pytest.raises(AnsibleError, match="reached by ssh, found the connection 'local'"):
        ActionModule(task, connection, SimpleNamespace(), DataLoader(), None, None).run(task_vars={})
