# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run of ansible-playbook with the module host_configure: what is sent, and what roles take from its result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.answering_hosts import Hosts

PLAY = """
- hosts: k8s_cluster
  gather_facts: false
  vars:
    desired: {hostname: node}
    not_concerned: ""
    sections:
      - {name: host, module: host_settings, variable: desired, tags: [host]}
      - {name: firewall, module: host_firewalld, variable: SECOND}
      - {name: membership, module: kubeadm_join, options: {endpoint: "192.0.2.1:6443"}, state: planned}
  tasks:
    - classroom.kubeadm.host_configure: {sections: "{{ sections }}"}
      register: configure_result
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }} complete={{ configure_result.complete }}"}
    - ansible.builtin.meta: end_host
      when: configure_result.complete
    - ansible.builtin.set_fact: {desired: {hostname: other}}
      when: OTHER
    - classroom.kubeadm.host_settings:
      args: "{{ desired }}"
      register: host_result
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }} host changed={{ host_result is changed }}"}
    - classroom.kubeadm.kubeadm_join: {endpoint: "192.0.2.1:6443"}
"""
CHANGED = {"changed": True, "changes": ["hostname node: it is another"], "findings": []}
UNCHANGED = {"changed": False, "changes": [], "findings": [], "warnings": ["an old kernel"]}
FIREWALL = {"changed": False, "changes": [], "zone": ""}
MEMBER = {"changed": False, "decision": "none", "reason": "it is a member", "actions": [], "needs_discovery": False,
          "node_name": "node", "machine_id": "a" * 32}


def answer(
    host: Mapping[str, Any] | None = None, planned: bool = True, member: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The answer of a host; one with a plan also has the section of its membership."""
    plan = {"membership": member or MEMBER} if planned else {}
    return {"sections": {"host": host or UNCHANGED, "firewall": FIREWALL, **plan, **more}}


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


def called(hosts: Hosts, name: str) -> list[str]:
    """The modules that a host was asked to run, in their order."""
    return re.findall(rf"^{name} (\w+)$", hosts.received.read_text(), re.MULTILINE)


JOINS = {**MEMBER, "changed": True, "decision": "join", "needs_discovery": True}
FAILED = {"failed": True, "msg": "Cannot set the name: expected a, found b."}


@pytest.mark.parametrize(("found", "second", "other", "options", "complete", "calls"), [
    (answer(), "not_concerned", False, (), True, []),
    # The host leaves out plans after a change, and those that are a change
    (answer(CHANGED, False), "not_concerned", False, (), False, ["kubeadm_join"]),
    (answer(CHANGED), "not_concerned", False, ("--check",), False, []),
    (answer(planned=False), "not_concerned", False, (), False, ["kubeadm_join"]),
    (answer(member=JOINS), "not_concerned", False, ("--check",), False, []),
    (answer(planned=False), "not_concerned", True, (), False, ["host_settings", "kubeadm_join"]),
    (answer(member={**MEMBER, "decision": "undecided"}), "not_concerned", False, (), False, ["kubeadm_join"]),
    (answer(FAILED), "not_concerned", False, ("--skip-tags", "host"), True, []),
    (answer(), "nowhere", False, (), False, ["kubeadm_join"]),
    ({"sections": {}}, "not_concerned", False, (), False, ["host_settings", "kubeadm_join"]),
], ids=["unchanged", "changed", "check mode", "has to join", "has to join in check mode", "other options", "undecided",
        "skipped by its tag", "a variable without a value", "no sections"])
def test_which_modules_are_called_after_it(
    hosts: Hosts, found: dict[str, Any], second: str, other: bool, options: tuple[str, ...], complete: bool,
    calls: list[str],
) -> None:
    play = PLAY.replace("SECOND", second).replace("OTHER", str(other).lower())
    said = hosts.run(play, {"node1": {**MEMBER, **found}, "master": answer()}, {}, *options)

    assert f"node1 complete={complete}" in said, said
    assert called(hosts, "node1") == ["host_configure", *calls], said
    if "host_settings" not in calls and not complete:
        assert f"node1 host changed={found['sections']['host']['changed']}" in said, said
    if complete and not options:
        # No role shows it
        assert "an old kernel" in said


def test_an_error_of_a_section_is_that_of_its_role(hosts: Hosts) -> None:
    said = hosts.run(
        PLAY.replace("SECOND", "not_concerned").replace("OTHER", "false"),
        {"node1": answer(FAILED, False), "master": answer()}, {})

    assert "Cannot set the name: expected a, found b." in said
    assert called(hosts, "node1") == ["host_configure"]
    assert re.search(r"node1 .*failed=1", said) and re.search(r"master .*failed=0", said)


@pytest.mark.parametrize("sections", [
    ["host"], {"host": "changed"}, {"host": {**UNCHANGED, "changes": "all"}}, {"host": {"changed": False}},
], ids=["list", "text", "wrong type", "incomplete"])
def test_sections_of_other_types_fail_their_host_alone(hosts: Hosts, sections: Any) -> None:
    said = hosts.run(
        PLAY.replace("SECOND", "not_concerned").replace("OTHER", "false"),
        {"node1": {"sections": sections}, "master": answer()}, {})

    assert "The result of classroom.kubeadm.host_configure on node1 was rejected" in " ".join(said.split())
    assert re.search(r"node1 .*failed=1", said) and "master complete=True" in said and "Traceback" not in said


def test_sections_that_were_not_requested_are_dropped(hosts: Hosts) -> None:
    said = hosts.run(
        PLAY.replace("SECOND", "not_concerned").replace("OTHER", "false"),
        {"node1": answer(other={"changed": True, "text": "x-of-the-attacker"}), "master": answer()}, {}, "-v")

    assert "node1 complete=True" in said and "x-of-the-attacker" not in said


def test_shared_variables_are_evaluated_once(hosts: Hosts, tmp_path: Path) -> None:
    counter = tmp_path / "evaluations"
    count = f"lookup('ansible.builtin.pipe', 'echo >> {counter}; echo node')"
    play = f"""
- hosts: node1
  gather_facts: false
  vars:
    shared: "{{{{ {count} }}}}"
    derived: "{{{{ shared }}}}-derived"
    nowhere: "{{{{ missing }}}}"
    desired: {{hostname: "{{{{ shared }}}}", files: ["{{{{ derived }}}}", "{{{{ shared }}}}"]}}
  tasks:
    - classroom.kubeadm.host_configure:
        shared_variables: [nowhere, shared, derived]
        sections: [{{name: host, module: host_settings, variable: desired}}]
"""
    said = hosts.run(play, {"node1": {"sections": {"host": UNCHANGED}}}, {})

    assert re.search(r"node1 .*failed=0", said), said
    assert counter.read_text() == "\n"
