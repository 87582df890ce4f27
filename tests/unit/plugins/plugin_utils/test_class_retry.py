# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils.class_retry import limit, retry_command, without_limit
from ansible_collections.classroom.kubeadm.plugins.plugin_utils.class_run import Failure, Place, Run

PLAYBOOK = ["/usr/bin/ansible-playbook", "site.yml", "-i", "class.yml"]


@pytest.mark.parametrize(("failed", "group", "hosts"), [
    ([], True, []),
    (["s-node1"], True, ["s-node1"]),
    (["s-node1", "s-node2"], True, ["s-node1", "s-node2"]),
    (["s-master"], True, ["s"]),
    (["s-master", "s-node1", "s-node2"], True, ["s"]),
    # Without a group of that name there are only machines
    (["s-master"], False, ["s-master"]),
])
def test_what_failed(failed: list[str], group: bool, hosts: list[str]) -> None:
    run = Run()
    for machine in ("s-master", "s-node1", "s-node2"):
        run.add(machine, Place("s", "", "s-master", group))
    run.add("utility", Place("utility"))
    for machine in failed:
        run.fails(Failure(machine, "x", "y"))
    run.fails(Failure("utility", "x", "y", tolerated=True))
    assert limit(run) == hosts


def test_nothing_failed_and_nothing_is_said() -> None:
    assert retry_command(PLAYBOOK, []) == ""


@pytest.mark.parametrize("given", [
    [], ["--limit", "seat01,seat02"], ["--limit=seat01"], ["-l", "seat01"], ["-lseat01"], ["--lim", "seat01"]])
def test_the_limit_is_replaced(given: list[str]) -> None:
    assert retry_command([*PLAYBOOK, *given, "--check"], ["seat03", "seat07-node1"]) == (
        "ansible-playbook site.yml -i class.yml --check --limit seat03,seat07-node1")


@pytest.mark.parametrize(("words", "kept"), [
    (["-Kl", "seat01", "a.yml"], ["-K", "a.yml"]),
    (["-vvl", "seat01"], ["-vv"]),
    (["--list-hosts"], ["--list-hosts"]),
    (["-i", "lab", "-e", "level=bare"], ["-i", "lab", "-e", "level=bare"]),
    (["--limit"], []),
])
def test_other_words_stay(words: list[str], kept: list[str]) -> None:
    assert without_limit(words) == kept


@pytest.mark.parametrize(("word", "shown"), [
    ("ansible_become_password=hunter2", "'ansible_become_password=***'"),
    ("proxy_pass='a b' x=1", "'proxy_pass=*** x=1'"),
    ('{"api_token": "hunter2", "x": 1}', "'{\"api_token\": ***, \"x\": 1}'"),
    ("reset_level=bare", "reset_level=bare"),
    ("compass=north", "compass=north"),
    ("a b", "'a b'"),
])
def test_secrets_are_not_shown_and_words_are_quoted(word: str, shown: str) -> None:
    assert retry_command([*PLAYBOOK, "-e", word], ["m"]) == (
        "ansible-playbook site.yml -i class.yml -e {0} --limit m".format(shown))
