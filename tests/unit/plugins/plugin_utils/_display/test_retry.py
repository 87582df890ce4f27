# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.retry import (
    harmless,
    limits,
    retry_command,
    without_limit,
)
from ansible_collections.classroom.kubeadm.plugins.plugin_utils._display.run import Failure, Run, SeatPlacement

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
        run.add(machine, SeatPlacement("s", "", "s-master", group))
    run.add("utility", SeatPlacement("utility"))
    for machine in failed:
        run.fails(Failure(machine, "x", "y"))
    run.fails(Failure("utility", "x", "y", tolerated=True))
    assert limits(run) == ({"": hosts} if hosts else {})


@pytest.mark.parametrize(("before", "after", "check", "commands"), [
    # Every host was reset: only the installation is repeated
    ([], ["s-node1"], False, {"site.yml": ["s-node1"]}),
    ([], ["s-master", "s-node1"], False, {"site.yml": ["s"]}),
    (["s-node1"], [], False, {"": ["s-node1"]}),
    (["s-node1"], ["s-node2"], False, {"": ["s-node1", "s-node2"]}),
    # Workers that were reset wait for a control plane that was not
    (["s-master"], ["s-node1", "s-node2"], False, {"": ["s"]}),
    # Check mode has reset no host
    ([], ["s-node1"], True, {"": ["s-node1"]}),
])
def test_a_host_that_was_reset_is_not_reset_again(
    before: list[str], after: list[str], check: bool, commands: dict[str, list[str]],
) -> None:
    run = Run(check=check)
    machines = ("s-master", "s-node1", "s-node2")
    for machine in machines:
        run.add(machine, SeatPlacement("s", "", "s-master", True))
    run.stage_begins("Reset hosts", "reset.yml")
    for machine in machines:
        if machine in before:
            run.fails(Failure(machine, "x", "y"))
        else:
            run.machine_ends(machine, reset=True)
    run.stage_begins("Join workers", "site.yml")
    for machine in after:
        run.fails(Failure(machine, "x", "y"))
    assert limits(run) == commands


def test_a_failure_in_the_playbook_of_the_reset_repeats_it() -> None:
    run = Run()
    run.stage_begins("Reset hosts", "reset.yml")
    run.machine_ends("node1", reset=True)
    run.fails(Failure("node1", "Remove admin kubeconfig", "y"))
    assert limits(run) == {"": ["node1"]}


@pytest.mark.parametrize(("typed", "shown"), [
    ("renew.yml", "site.yml"),
    ("../kubeadm/playbooks/renew.yml", "../kubeadm/playbooks/site.yml"),
    ("classroom.kubeadm.renew", "classroom.kubeadm.site"),
    ("/another.yml", "/another.yml"),
])
def test_the_playbook_is_replaced_as_it_was_typed(typed: str, shown: str) -> None:
    argv = ["ansible-playbook", typed, "-i", "renew", "-e", "@renew.json"]
    assert retry_command(argv, ["m"], "renew.yml", "site.yml") == (
        f"ansible-playbook {shown} -i renew -e @renew.json --limit m")


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
    ("proxy_pass='a hunter2' reset_level=bare", "'proxy_pass=*** reset_level=bare'"),
    ('{"api_token": "hunter2", "reset_confirm": true}', """'{"api_token": "***", "reset_confirm": true}'"""),
    ('{"cluster_proxy":{"http":"http://anna:hunter2@proxy"}}', """'{"cluster_proxy": "***"}'"""),
    ("{reset_level: bare, x: [hunter2]}", """'{"reset_level": "bare", "x": "***"}'"""),
    ("{broken hunter2", "'***'"),
    ("[hunter2]", "'***'"),
    ("x='hunter2", "'***'"),
    ("apikey=hunter2", "'apikey=***'"),
    ("hunter2 words", "'*** ***'"),
    # Known, but with a value that a person would have to quote
    ("reset_level='bare hunter2'", "'reset_level=***'"),
    ('{"reset_level": ["hunter2"]}', """'{"reset_level": "***"}'"""),
    ("compass=hunter2", "'compass=***'"),
    ("reset_level=bare", "reset_level=bare"),
    ("cluster_version=1.36.3", "cluster_version=1.36.3"),
    ("cluster_pod_subnet=10.244.0.0/16", "cluster_pod_subnet=10.244.0.0/16"),
    ("@vars.yml", "@vars.yml"),
    ("@my vars.yml", "'@my vars.yml'"),
])
@pytest.mark.parametrize("option", [
    ("-e", ""), ("-e",), ("-ve", ""), ("--extra-vars", ""), ("--extra-vars=",), ("--ex=",)])
def test_only_harmless_variables_are_repeated_and_words_are_quoted(
    option: tuple[str, ...], word: str, shown: str,
) -> None:
    given = [option[0], word] if len(option) == 2 else [option[0] + word]
    command = retry_command([*PLAYBOOK, *given], ["m"])
    assert "hunter2" not in command
    # What a shell makes of it is what Ansible is given, apart from the masks
    expected = shlex.split(shown)[0]
    assert shlex.split(command) == [
        "ansible-playbook", "site.yml", "-i", "class.yml",
        *([option[0], expected] if len(option) == 2 else [option[0] + expected]), "--limit", "m"]


@pytest.mark.parametrize(("word", "shown"), [
    ("https://anna:hunter2@host/inventory", "'https://***@host/inventory'"),
    ("https://anna:hun@ter2@host/inventory", "'https://***@host/inventory'"),
    ("--ssh-extra-args=password=hunter2 and hunter2", "'--ssh-extra-args=password=***'"),
    ("--private-key=~/.ssh/id", "'--private-key=~/.ssh/id'"),
    ("--vault-id=dev@prompt", "--vault-id=dev@prompt"),
    ("compass=north", "compass=north"),
    ("a b", "'a b'"),
])
def test_other_words_have_no_secrets(word: str, shown: str) -> None:
    assert retry_command([*PLAYBOOK, word], ["m"]) == (
        f"ansible-playbook site.yml -i class.yml {shown} --limit m")


def test_a_harmless_variable_is_one_of_ours_and_can_hold_no_password() -> None:
    found = harmless()
    assert {"reset_level", "reset_confirm", "bundle_directory", "report_directory"} <= found
    assert not {"cluster_proxy", "ansible_become_password", "ansible_password"} & found
