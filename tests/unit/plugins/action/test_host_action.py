# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook with hosts that answer every module with a JSON of an attacker's choice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.answering_hosts import ROOT, Hosts


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path)


PLAY = """
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - classroom.kubeadm.{module}: {options}
      register: found
      # The next tasks show what was registered, of a failed host as well
      ignore_errors: true
    - ansible.builtin.debug:
        msg: "{{{{ inventory_hostname }}}} path={{{{ path }}}} failed={{{{ found is failed }}}}"
    - ansible.builtin.debug: {{var: found}}
    - ansible.builtin.debug: {{var: ansible_facts}}
    - ansible.builtin.debug: {{msg: "hosts={{{{ groups.all | sort }}}}"}}
"""


def test_facts_of_a_module_change_no_variable(hosts: Hosts) -> None:
    owned = hosts.directory / "owned"
    lie = {"ansible_facts": {"path": "/home/instructor", "cluster_control_plane": "other"}, "path": "/home/instructor",
           "add_host": {"host_name": "localhost", "host_vars": {"path": "/home/instructor"}},
           "undeclared": f"{{{{ lookup('pipe', 'touch {owned}') }}}}"}
    said = hosts.run(PLAY.format(module="residue_info", options="{}"), {"master": lie}, {"path": "/inventory"})

    assert "master path=/inventory failed=False" in said and "node1 path=/inventory failed=False" in said
    assert "undeclared" not in said and "cluster_control_plane" not in said
    assert "hosts=['master', 'node1']" in said and not owned.exists()


@pytest.mark.parametrize("lie", [
    {"residue": ["x"]}, {"ansible_facts": ["x"], "cluster": 7}, {"hygiene": "\x1b[2J"},
    {"cluster": "x" * 100_000},
], ids=lambda lie: str(lie)[:30])
def test_a_result_of_other_types_fails_its_host_alone(hosts: Hosts, lie: dict[str, Any]) -> None:
    said = hosts.run(PLAY.format(module="residue_info", options="{}"), {"master": lie}, {"path": "/inventory"})

    assert "master path=/inventory failed=True" in said and "node1 path=/inventory failed=False" in said
    assert "The result of classroom.kubeadm.residue_info on master was rejected" in " ".join(said.split())
    assert "Traceback" not in said and "\x1b[2J" not in said


def test_changed_of_another_type_is_not_passed_on(hosts: Hosts) -> None:
    said = hosts.run(PLAY.format(module="residue_info", options="{}"), {"master": {"changed": "no"}}, {"path": "/x"})

    # From 2.21 on ansible-core makes it a bool, with a warning; before, the host fails
    assert "changed: 'no'" not in said and "master path=/x failed=" in said
    assert "node1 path=/x failed=False" in said and "Traceback" not in said


@pytest.mark.parametrize("address", ["0.0.0.0/0", ["192.0.2.7"]], ids=["network", "list"])
def test_an_address_that_a_host_reports_is_one_of_the_network(hosts: Hosts, address: Any) -> None:
    lie, good = ({"ansible_facts": {"classroom_interfaces": {
        "internal": {"interface": "eth1", "address": each, "prefix": 24}, "external": {}}}}
        for each in (address, "192.0.2.7"))
    play = PLAY.format(module="host_interfaces", options="{internal_network: 192.0.2.0/24}")
    said = hosts.run(play, {"master": lie, "node1": good}, {"path": "/inventory"})

    assert "master path=/inventory failed=True" in said and "node1 path=/inventory failed=False" in said


ADDRESSES = """
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: classroom.kubeadm.cluster, tasks_from: discover_addresses}
    - ansible.builtin.import_role: {name: classroom.kubeadm.cluster, tasks_from: validate_addresses}
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }} goes on"}
"""


@pytest.mark.parametrize(("address", "endpoint", "going_on", "reason"), [
    # The address of Ansible's connection to master
    ("192.0.2.1", "", {"master"}, "node1 reports an address of another host"),
    ("198.51.100.7", "198.51.100.7:6443", {"node1"}, "master reports an address of another host"),
    ("198.51.100.7", "", set(), "found 198.51.100.7 on master and node1"),
], ids=["ansible_host", "cluster_endpoint", "not declared"])
def test_an_address_belongs_to_one_host_of_a_class(
    hosts: Hosts, address: str, endpoint: str, going_on: set[str], reason: str
) -> None:
    """Of two clusters with one host each."""
    answer = {"ansible_facts": {"classroom_interfaces": {
        "internal": {"interface": "eth1", "address": address, "prefix": 24}, "external": {}}}}
    said = hosts.run(ADDRESSES, {"master": answer, "node1": answer}, {
        "cluster_internal_network": "eth1", "cluster_machines": ["{{ inventory_hostname }}"],
        "cluster_control_plane": "{{ inventory_hostname }}",
        "cluster_endpoint": "{{ '" + endpoint + "' if inventory_hostname == 'node1' else '' }}"})

    assert {name for name in ("master", "node1") if name + " goes on" in said} == going_on, said
    assert reason in " ".join(said.split()), said


STAT = """
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - classroom.kubeadm.guarded:
        module: ansible.builtin.stat
        options: {path: /etc/hosts}
        returns:
          stat: {type: dict, contains: {exists: {type: bool}, path: {type: str, returned: when it exists}}}
      register: found
      # The next tasks show what was registered, of a failed host as well
      ignore_errors: true
    - ansible.builtin.debug:
        msg: "{{ inventory_hostname }} path={{ path }} failed={{ found is failed }}
          exists={{ (found.stat | default({})).exists | default('-') }}"
    - ansible.builtin.debug: {var: found}
"""


@pytest.mark.parametrize("lie", [
    {"stat": {"exists": "false"}}, {"stat": []}, {"stat": {}}, {}, {"stat": {"exists": False, "path": ["x"]}},
    {"stat": {"exists": False, "path": "x" * 100_000}},
], ids=lambda lie: str(lie)[:30])
def test_a_guarded_result_of_other_types_fails_its_host_alone(hosts: Hosts, lie: dict[str, Any]) -> None:
    good = {"stat": {"exists": True, "path": "/etc/hosts"}}
    said = hosts.run(STAT, {"master": lie, "node1": good}, {"path": "/inventory"})

    assert "master path=/inventory failed=True exists=-" in said, said
    assert "node1 path=/inventory failed=False exists=True" in said, said
    assert "The result of ansible.builtin.stat on master was rejected" in " ".join(said.split())


def test_a_guarded_result_has_nothing_undeclared(hosts: Hosts) -> None:
    lie = {"ansible_facts": {"path": "/home/instructor"}, "path": "/home/instructor", "undeclared": "x",
           "stat": {"exists": True, "path": "\x1b[2J/etc/hosts", "mode": "undeclared"},
           "warnings": ["careful \x1b[2J"], "msg": "text \x1b[2J"}
    said = hosts.run(STAT, {"master": lie, "node1": lie}, {"path": "/inventory"})

    assert "master path=/inventory failed=False exists=True" in said, said
    assert "undeclared" not in said and "/home/instructor" not in said and "\x1b[2J" not in said
    assert "careful" in said


OTHERS = """
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - classroom.kubeadm.guarded:
        module: ansible.builtin.raw
        options: {_raw_params: "printf 'python=%s\\n' 3; exit 3"}
        returns: {stdout_lines: {type: list, elements: str}}
      register: probe
      # Ends with 3: its output is registered nevertheless
      failed_when: false
    - classroom.kubeadm.guarded:
        module: ansible.builtin.copy
        options: {content: new, dest: "{{ file }}", mode: "0600"}
      register: copied
    - classroom.kubeadm.guarded:
        module: ansible.builtin.tempfile
        options: {state: directory, path: "{{ file | dirname }}"}
        returns: {path: {type: str}}
      register: place
    - ansible.builtin.debug:
        msg: "lines={{ probe.stdout_lines | default('-') }} rc={{ probe.rc | default('-') }}
          copied={{ copied is changed }} keys={{ copied | sort }}
          place={{ place.path | default('-') }} skipped={{ place is skipped }}"
"""


@pytest.mark.parametrize("check", [False, True])
def test_a_guarded_module_has_its_action_and_its_check_mode(tmp_path: Path, check: bool) -> None:
    """With a real Python on the host."""
    written = tmp_path / "place" / "file"
    written.parent.mkdir()
    (tmp_path / "play.yml").write_text(OTHERS)
    inventory = {"k8s_cluster": {"hosts": {"here": {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "file": str(written)}}}}
    (tmp_path / "inventory.yml").write_text(json.dumps(inventory))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yml", "play.yml",
         *(["--check"] if check else [])],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "PWD": str(tmp_path),
             "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"})
    said = done.stdout + done.stderr

    assert done.returncode == 0, said
    assert "keys=['changed', 'diff', 'failed']" in said or "keys=['changed', 'failed']" in said, said
    if check:
        assert "lines=- rc=- copied=True" in said and "place=- skipped=True" in said, said
        assert list(written.parent.iterdir()) == []
    else:
        assert "lines=['python=3'] rc=3 copied=True" in said, said
        assert "place=" + str(written.parent) in said and "skipped=False" in said, said
        assert written.read_text() == "new" and written.stat().st_mode & 0o777 == 0o600


def test_what_a_guarded_module_returns_is_declared_like_a_module(hosts: Hosts) -> None:
    said = hosts.run(STAT.replace("type: bool", "type: any"), {}, {"path": "/inventory"})

    assert "Invalid returns of ansible.builtin.stat: expected the form of a RETURN section" in " ".join(said.split())
    assert "Traceback" not in said and hosts.received.read_text() == ""


def test_a_reset_deletes_nothing_else_on_the_controller(hosts: Hosts) -> None:
    victim = hosts.directory / "home"
    victim.mkdir()
    (victim / "thesis").write_text("weeks of work")
    lie = {"ansible_facts": {"reset_kubeconfig": str(victim)}, "reset_kubeconfig": str(victim)}
    said = hosts.run(ROOT / "playbooks" / "reset.yml", {"master": lie, "node1": lie}, {}, "-e", "reset_confirm=true")

    assert "kubeadm_reset" in hosts.received.read_text(), said
    assert (victim / "thesis").read_text() == "weeks of work"


def test_no_file_of_the_controller_is_sent_to_a_host(hosts: Hosts) -> None:
    secret = hosts.directory / "id_ed25519"
    secret.write_text("the instructor's private key")
    lie = {"ansible_facts": {"cluster_utility_ca": str(secret)}}
    play = """
- hosts: k8s_cluster
  gather_facts: false
  tasks:
    - classroom.kubeadm.residue_info:
    - ansible.builtin.import_role: {name: classroom.kubeadm.registries}
"""
    said = hosts.run(play, {"master": lie, "node1": lie}, {"cluster_images_from": "utility"})

    assert "residue_info" in hosts.received.read_text(), said
    assert "private key" not in hosts.received.read_text() + said


def test_no_other_cluster_is_asked_for_a_token(hosts: Hosts) -> None:
    play = """
- hosts: node1
  gather_facts: false
  tasks:
    - classroom.kubeadm.residue_info:
    - classroom.kubeadm.kubeadm_token:
        {nodes: [{name: x, address: 192.0.2.9, machine_id: x}], endpoint: "192.0.2.1:6443"}
      delegate_to: "{{ cluster_control_plane }}"
      # Only the host that was asked counts, and node1 knows no token
      ignore_errors: true
"""
    lie = {"ansible_facts": {"cluster_control_plane": "master"}}
    hosts.run(play, {"node1": lie}, {"cluster_control_plane": "node1"})

    assert "node1 kubeadm_token" in hosts.received.read_text()
    assert "master kubeadm_token" not in hosts.received.read_text()


@pytest.mark.parametrize("audit", [True, False])
def test_an_audit_counts_no_changes(hosts: Hosts, audit: bool) -> None:
    variables = {"_cluster_audit_mode": audit, "path": "x"}
    said = hosts.run(PLAY.format(module="residue_info", options="{}"), {"master": {"changed": True}}, variables)
    assert "master path=x failed=False" in said
    assert ("changed: [master]" in said) is not audit
