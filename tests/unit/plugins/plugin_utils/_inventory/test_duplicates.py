# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.classroom.kubeadm.plugins.plugin_utils._inventory.duplicates import duplicates

ROOT = Path(__file__).resolve().parents[5]
ONE_NAME = """[workers]
node1 ansible_host=192.168.90.101
node1 ansible_host=192.168.90.102
"""
ONE_NAME_YAML = """
all:
  children:
    workers:
      hosts:
        node1: {ansible_host: 192.168.90.101}
        node1: {ansible_host: 192.168.90.102}
"""
TWO_GROUPS_YAML = """
control_plane:
  hosts:
    node1: {ansible_host: 192.168.90.101}
workers:
  hosts:
    node1:
      ansible_host: 192.168.90.102
"""


@pytest.mark.parametrize(("name", "text", "hosts", "words"), [
    ("hosts.ini", ONE_NAME, ["node1"], ["192.168.90.101 in line 2", "192.168.90.102 in line 3", "two names"]),
    ("hosts", ONE_NAME, ["node1"], ["line 2", "line 3"]),
    ("hosts", ONE_NAME.replace("[workers]", "---"), ["node1"], ["line 2"]),
    ("hosts", "node1:2222 ansible_host=10.0.0.1 # a\n[b]\nnode1 ansible_ssh_host='10.0.0.2'\n", ["node1"], ["line 3"]),
    ("hosts", "node1 ansible_host=10.0.0.1 ansible_host=10.0.0.2\n", ["node1"], ["line 1"]),
    ("hosts.yml", ONE_NAME_YAML, ["node1"], ["group workers: the host node1", "lines 6 and 7"]),
    ("hosts", ONE_NAME_YAML, ["node1"], ["lines 6 and 7"]),
    ("hosts.yml", TWO_GROUPS_YAML, ["node1"], ["192.168.90.101 in line 4", "192.168.90.102 in line 8"]),
    ("hosts.yml", "a: {hosts: {n: {ansible_host: 1, ansible_host: 2}}}", ["n"], ["variable ansible_host"]),
    ("hosts.yml", "a: {hosts: {n: }}\na: {hosts: {m: }}\n", [""], ["the group a", "lines 1 and 2"]),
    ("hosts.yml", "a:\n  hosts: {n: }\n  hosts: {m: }\n", [""], ["the key hosts", "lines 2 and 3"]),
    ("hosts.yml", "a: {children: {b: {}, b: {}}}", [""], ["the group b"]),
    ("hosts.yml", "a: {vars: {x: 1, x: 2}}", [""], ["the variable x"]),
    ("hosts.json", '{"a": {"hosts": {"n": {}, "n": {}}}}', ["n"], ["the host n"]),
    ("hosts.yml", "a: {children: {b: {hosts: {n: {ansible_host: 1}}}}, hosts: {n: {ansible_host: 2}}}", ["n"],
     ["line 1"]),
])
def test_what_is_declared_twice_is_named_with_its_lines(
    tmp_path: Path, name: str, text: str, hosts: list[str], words: list[str]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    for source in (tmp_path / name, tmp_path):
        found = duplicates([str(source)])

        assert [each.host for each in found] == hosts
        assert all(word in found[0].message for word in (*words, str(tmp_path / name)))


@pytest.mark.parametrize(("name", "text"), [
    ("hosts.yml", TWO_GROUPS_YAML.replace("192.168.90.102", "192.168.90.101")),
    ("hosts.yml", "a: {hosts: {n: {ansible_host: 1}}}\nb: {hosts: {n: }}"),
    ("hosts.yml", "a:\n  vars: {x: !vault abc}\n  hosts: {n: {x: !unsafe '{{'}}\n"),
    ("hosts.yml", "x: &x {y: 1}\na: {vars: {<<: *x, <<: *x}}"),
    ("hosts.yml", "plugin: classroom.kubeadm.seats\nseats: 1\nseats: 2\n"),
    ("hosts.yml", "a: [b"), ("hosts.yml", "- a\n- a\n"), ("hosts.yml", ""), ("hosts.yml", "a: b\nc: {hosts: d}\n"),
    ("hosts.yml", "a: {hosts: {? [x] : 1, ? [y] : 2}}"),
    ("hosts.toml", ONE_NAME), ("hosts.cfg", "[a:vars]\nn ansible_host=1\nn ansible_host=2\n"),
    ("hosts", "[a]\nn ansible_host=1\n[b]\nn ansible_host=1\n[c:children]\na\na\n"), ("hosts", "n ansible_host='1\n"),
    ("hosts", "# n ansible_host=1\n; n ansible_host=2\nn ansible_host=3\n"),
    ("hosts", "fd00::1 ansible_host=1\nfd00::2 ansible_host=2"),
])
def test_what_is_declared_once_or_is_no_inventory_passes(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert duplicates([str(tmp_path / name)]) == []


def test_scripts_lists_missing_and_unreadable_sources_are_left_to_others(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n" + ONE_NAME, encoding="utf-8")
    script.chmod(0o755)
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + ONE_NAME.encode())

    assert duplicates([str(script), str(tmp_path / "binary"), str(tmp_path / "none"), "node1,node1", "/dev/null"]) == []
    # Where every file is executable, an inventory is none the less one
    script.write_text(ONE_NAME, encoding="utf-8")
    assert [found.host for found in duplicates([str(script)])] == ["node1"]


def test_in_a_directory_only_what_ansible_reads_counts(tmp_path: Path) -> None:
    for name in ("group_vars/all.yml", "host_vars/n.yml", ".hidden", "old.orig", "more/hosts"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ONE_NAME_YAML if name.endswith(".yml") else ONE_NAME, encoding="utf-8")

    found = duplicates([str(tmp_path)], [".orig"])

    assert [each.message.split(":")[0] for each in found] == [str(tmp_path / "more/hosts")]
    # Another file may say something else on purpose
    assert duplicates([str(ROOT / "inventories/lab"), str(ROOT / "inventories/class")]) == []
