# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._report.enroll import enroll_report


def machine(number: int = 1, **different: Any) -> dict[str, Any]:
    """One that became ready in this run; None takes a result away."""
    found: dict[str, Any] = {
        "__enroll_contact": {"state": "password", "user": "student", "problem": "", "recorded": []},
        "__enroll_probe": {"stdout_lines": ["python=3.13.5", "sudo=asks"]},
        "__enroll_sudo": {"rc": 0},
        "__enroll_identity": {"identity": {
            "container": False, "machine_id": f"{number:032x}", "product_uuid": f"uuid-{number}",
            "mac_addresses": {}, "ssh_host_keys": {"ssh-ed25519": f"SHA256:{number}"}}},
        "__enroll_key_login": {"state": "key"},
        "_enroll_result": {"problem": ""},
    }
    found.update(different)
    return {name: value for name, value in found.items() if value is not None}


def row(hostvars: dict[str, Any], name: str = "a") -> dict[str, str]:
    rows: list[dict[str, str]] = enroll_report(hostvars, list(hostvars))["rows"]
    return next(each for each in rows if each["host"] == name)


def test_a_host_that_became_ready() -> None:
    report = enroll_report({"a": machine()}, ["a"])
    assert report["rows"] == [{
        "host": "a", "state": "ready", "login": "key installed", "sudo": "with password", "python": "3.13.5",
        "reason": ""}]
    assert report["problems"] == {}
    assert report["lines"] == [
        "machine  state  login          sudo           python  why",
        "a        ready  key installed  with password  3.13.5",
        "",
        "1 of 1 machines ready",
        "site.yml needs --ask-become-pass, because sudo asks for a password on: a",
    ]


@pytest.mark.parametrize(("sudo", "word"), [
    ("root", "not needed"), ("free", "without password"), ("asks", "with password"),
])
def test_how_root_is_reached(sudo: str, word: str) -> None:
    probe = {"stdout_lines": ["a banner", "python=3.9.2", "sudo=" + sudo]}
    contact = {"state": "key", "user": "student", "problem": ""}
    found = row({"a": machine(__enroll_contact=contact, __enroll_probe=probe, __enroll_key_login={"skipped": True})})
    assert (found["state"], found["login"], found["sudo"], found["python"]) == ("ready", "key", word, "3.9.2")


def test_a_sudo_that_asked_until_now() -> None:
    report = enroll_report({"a": machine(__enroll_sudoers={"changed": True})}, ["a"])
    assert report["rows"][0]["sudo"] == "without password" and report["lines"][-1] == "1 of 1 machines ready"


DENIED = {"unreachable": True, "msg": "Task failed: Failed to connect to the host via ssh: a: Permission denied (x)."}
GONE = {"unreachable": True, "msg": "Task failed: Connection closed by 10.20.0.10 port 22"}
EXPIRED = {"rc": 1, "stdout": "", "stdout_lines": [], "stderr": "Your password has expired.\n"}


@pytest.mark.parametrize(("different", "says"), [
    ({"__enroll_contact": None}, "It was not checked."),
    ({"__enroll_contact": {"failed": True, "msg": "reached by ssh, found"}}, "reached by ssh, found"),
    ({"__enroll_contact": {"state": "no answer", "problem": "Wanted an answer."}}, "Wanted an answer."),
    ({"__enroll_probe": DENIED},
     "The password of student is wrong: expected a login with it, found that it is rejected. It was tried once."),
    ({"__enroll_probe": GONE}, "as student fails: Connection closed by 10.20.0.10 port 22. Its sshd may close"),
    ({"__enroll_probe": {"skipped": True}},
     "expected one from a prompt or --ask-pass, found none. Run this in a terminal"),
    ({"__enroll_probe": EXPIRED}, "The login as student fails: expected a shell, found: Your password has expired."),
    ({"__enroll_probe": {"stdout_lines": ["python=none", "sudo=free"]}}, "too old: expected 3.9 or newer for"),
    ({"__enroll_probe": {"stdout_lines": ["python=3.8.10", "sudo=free"]}}, "found 3.8.10. Install it"),
    ({"__enroll_probe": {"stdout_lines": ["python=3.9.2", "sudo=missing"]}}, "found no sudo. Install it"),
    ({"__enroll_sudo": {"failed": True, "msg": "Task failed: Incorrect sudo password"}}, "Incorrect sudo password."),
    ({"_enroll_result": {"problem": "a cannot become a worker:\n no memory"}}, "a cannot become a worker: no memory"),
    ({"_enroll_result": None}, "It stopped responding"),
    ({"__enroll_key_login": {"state": "password", "problem": ""}}, "The host still asks for a password."),
    ({"__enroll_key_login": {"state": "no answer", "problem": "Wanted an answer."}},
     "just installed. Wanted an answer."),
])
def test_what_is_in_the_way(different: dict[str, Any], says: str) -> None:
    report = enroll_report({"a": machine(1, **different), "b": machine(2)}, ["a", "b"])
    assert [each["state"] for each in report["rows"]] == ["not ready", "ready"]
    assert says in report["problems"]["a"] and "b" not in report["problems"]
    assert "1 of 2 machines ready; not ready: a" in report["lines"]


def test_clones_are_named_once_for_each_group() -> None:
    twin = machine(1)["__enroll_identity"]
    hosts = {"a": machine(1), "b": machine(2, __enroll_identity=twin), "c": machine(3)}
    found = row(hosts)
    assert found["reason"] == ("It is a clone of b, or the other way round: the same machine-id and product_uuid and "
                               "ssh host key.")
    problems = enroll_report(hosts, list(hosts))["problems"]
    assert set(problems) == {"a", "b"} and "systemd-machine-id-setup" in problems["a"]


def test_a_host_that_is_not_entered_is_known_by_its_host_keys() -> None:
    shut = {"state": "no way in", "user": "x", "problem": "No.", "host_keys": {"ssh-ed25519": "SHA256:1"}}
    hosts = {"a": machine(1), "b": {"__enroll_contact": shut}}
    assert "It is a clone of a" in row(hosts, "b")["reason"]


def test_numbers_in_names_count() -> None:
    names = ("seat10", "seat2", "seat1-node", "10.0.0.1", "seat1")
    hosts = {name: machine(number) for number, name in enumerate(names)}
    assert [each["host"] for each in enroll_report(hosts, list(hosts))["rows"]] == [
        "10.0.0.1", "seat1", "seat1-node", "seat2", "seat10"]


def test_first_contact_is_said_plainly() -> None:
    contact = {"state": "key", "problem": "", "recorded": ["ssh-ed25519 SHA256:x"]}
    assert "First contact: the host keys of a were trusted on first use" in enroll_report(
        {"a": machine(__enroll_contact=contact)}, ["a"])["lines"][-1]


@pytest.mark.parametrize("identity", [["x"], "x", {"machine_id": ["x"]}, {"machine_id": "x", "mac_addresses": ["x"]}])
def test_an_odd_identity_costs_only_its_host(identity: Any) -> None:
    found = enroll_report({"a": machine(1), "b": machine(2, __enroll_identity={"identity": identity})}, ["a", "b"])
    assert "its answer is not one of this collection's" in found["problems"]["b"] and list(found["problems"]) == ["b"]
