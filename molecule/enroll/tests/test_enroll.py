# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From machines that know a password to machines that know a key: one after the other what an instructor meets."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.support.playbooks import FAILED, Run, playbook
from tests.support.snapshots import machine
from tests.support.terminal import in_terminal

INSTRUCTOR = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "instructor"
CLASS = INSTRUCTOR / "class.yml"
KNOWN_HOSTS = INSTRUCTOR / "known_hosts"
QUESTION = "Password for "
PRESENT = "!seat03-master"
FREE_SUDO = ("-e", "enroll_sudo_without_password=true")


def enroll(*arguments: str) -> Run:
    """Where nobody can be asked."""
    return playbook("enroll.yml", *arguments, inventories=(CLASS,))


def enroll_in_terminal(*arguments: str, answers: tuple[tuple[str, str], ...]) -> Run:
    return in_terminal("enroll.yml", "-i", str(CLASS), *arguments, answers=answers)


def table(run: Run) -> dict[str, tuple[str, ...]]:
    """The rows by machine: state, login, sudo, Python, and the reason."""
    rows = re.findall(r"^ +((?:seat|utility)\S+)  +(.*)$", run.output, re.MULTILINE)
    return {name: tuple(re.split(r"  +", row)) for name, row in rows}


def lines_of(address: str) -> list[str]:
    return [line for line in KNOWN_HOSTS.read_text().splitlines() if line.startswith(address + " ")]


def address(name: str) -> str:
    found: str = machine(name).ansible.get_variables()["ansible_host"]
    return found


def tries(name: str, words: str) -> int:
    """How often sshd of a machine wrote that of the student."""
    journal: str = machine(name).check_output("journalctl --unit ssh --no-pager")
    return sum(words in line and "student" in line for line in journal.splitlines())


def test_nothing_is_recorded_in_check_mode() -> None:
    run = enroll("--check", "--limit", "seat01-master")
    assert table(run)["seat01-master"][:2] == ("not ready", "not recorded")
    assert not KNOWN_HOSTS.exists()


def test_a_missing_password_is_an_error() -> None:
    run = enroll("--limit", "seat01-master")
    assert run.status == FAILED and run.changed == {"seat01-master": 1}
    assert "or --ask-pass, found none. Run this in a terminal" in run.failures["seat01-master"]
    assert "First contact: the host keys of seat01-master were trusted on first use" in run.output
    assert [line.split()[1] for line in lines_of(address("master"))] == ["ssh-ed25519"]


def test_first_contact() -> None:
    run = enroll_in_terminal("-vvv", answers=((QUESTION, "template-secret"),))
    assert run.status == FAILED, run.output
    rows = table(run)
    assert rows["seat01-master"] == ("ready", "key installed", "without password", rows["seat01-master"][3])
    for name, other in (("seat01-node1", "seat02-master"), ("seat02-master", "seat01-node1")):
        assert rows[name][:3] == ("not ready", "key installed", "with password")
        assert f"It is a clone of {other}, or the other way round: the same machine-id and ssh" in rows[name][4]
    assert rows["seat03-master"][:2] == ("not ready", "no answer")
    assert "Check that the host is running and that its address is correct" in rows["seat03-master"][4]
    assert rows["utility.example.com"][:2] == ("not ready", "password")
    assert "found that it is rejected. It was tried once. Run this again" in rows["utility.example.com"][4]
    assert "1 of 5 machines ready" in run.output
    # Said to ssh and sudo, and to nobody else, however much is asked for
    assert "template-secret" not in run.output
    assert tries("utility.example.com", "Failed password") == 1
    assert run.recap["seat01-master"]["failed"] == 0 and run.recap["utility.example.com"]["failed"] == 1


def test_its_own_password_and_a_sudo_that_asks_no_more() -> None:
    # Ansible's own questions, the second of which is answered by the first
    answers = (("SSH password", "another-secret"), ("BECOME password", ""))
    run = enroll_in_terminal(
        "--limit", "utility.example.com", "--ask-pass", "--ask-become-pass", *FREE_SUDO, answers=answers)
    assert run.status == 0, run.output
    assert table(run)["utility.example.com"][:3] == ("ready", "key installed", "without password")
    assert machine("utility.example.com").file("/etc/sudoers.d/zz-classroom-kubeadm").mode == 0o440


def test_a_sudo_that_asks_needs_an_answer() -> None:
    run = enroll("--limit", "seat01-node1")
    assert run.status == FAILED and set(run.changed.values()) == {0}
    assert "found that it asks for a password and: Missing sudo password. Enter one with --ask-become-pass" in (
        run.failures["seat01-node1"])


def test_the_clones_are_made_different() -> None:
    for name in ("node1", "node2"):
        machine(name).check_output("rm -f /etc/machine-id /etc/ssh/ssh_host_ecdsa_key*; systemd-machine-id-setup")
        machine(name).check_output("sed -i /HostKey/d /etc/ssh/sshd_config.d/05-template.conf; systemctl restart ssh")
    run = enroll_in_terminal("--limit", "seat01-node1,seat02-master", "--ask-become-pass", *FREE_SUDO,
                             answers=(("BECOME password", "template-secret"),))
    assert run.status == 0, run.output
    assert {row[:2] for row in table(run).values()} == {("ready", "key")}


def test_the_second_run_changes_nothing_and_does_not_prompt() -> None:
    run = enroll("--limit", PRESENT)
    assert run.status == 0, run.output
    assert set(run.changed.values()) == {0}
    assert {row[:3] for row in table(run).values()} == {("ready", "key", "without password")}


def test_the_site_is_entered_with_the_key_alone() -> None:
    run = playbook("site.yml", "--limit", "seat01", "--tags", "preflight", inventories=(CLASS,))
    assert run.status == 0, run.output
    assert run.recap["seat01-node1"]["ok"] > 0 and tries("node1", "Accepted password") == 1


def test_a_host_that_is_not_who_it_was_gets_no_password() -> None:
    former = KNOWN_HOSTS.read_text()
    master, utility = address("master"), lines_of(address("utility.example.com"))[0].split(" ", 1)[1]
    kept = [line for line in former.splitlines() if not line.startswith(master + " ")]
    KNOWN_HOSTS.write_text("\n".join([*kept, f"{master} {utility}"]))
    run = enroll_in_terminal("--limit", "seat01-master", "--ask-pass", answers=(("SSH password", "template-secret"),))
    assert run.status == FAILED and table(run)["seat01-master"][:2] == ("not ready", "another host key")
    says = ("expected the one that is recorded", "found another one, SHA256:", "No password was sent", "ssh-keygen -R ")
    assert [words for words in says if words not in run.output] == []
    assert tries("master", "Accepted keyboard-interactive") == 1
    KNOWN_HOSTS.write_text(former)


def test_a_public_key_that_is_not_there() -> None:
    run = enroll("--limit", "seat01-master", "-e", "enroll_public_key=/nowhere/id.pub")
    assert run.status == FAILED
    assert "found no file /nowhere/id.pub. Create one with 'ssh-keygen -t ed25519'" in run.failures["seat01-master"]
