# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A class file as Ansible's own program reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.paths import ROOT, environment

CLASS = """\
plugin: classroom.kubeadm.seats
class: kubernetes-basics
seats:
  - 1-2
  - {number: 20, student: Łukasz Żak, machines: [master], variables: {cluster_runtime: crio}}
addresses: {first: 10.20.0.10}
utility: {name: utility.example.com, address: 10.20.0.2}
students: {1: Anna Müller}
variables:
  cluster_runtime: containerd
  node_domain: "{{ seat_name }}.school.example"
"""


def inventory(path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = path / "class.yml"
    file.write_text(text, encoding="utf-8")
    argv = ["ansible-inventory", "-i", str(file), *arguments]
    return subprocess.run(argv, env=environment(), check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = inventory(tmp_path_factory.mktemp("class"), CLASS, "--list")
    assert done.returncode == 0 and not done.stderr, done.stderr
    # What is not to be taken for a template is marked so
    found: dict[str, Any] = json.loads(done.stdout, object_hook=lambda value: value.get("__ansible_unsafe", value))
    return found


def test_groups_of_the_roles_and_of_each_seat(listed: dict[str, Any]) -> None:
    assert set(listed["k8s_cluster"]["children"]) == {"control_plane", "workers"}
    assert set(listed["seat01"]["children"]) == {"seat01_control_plane", "seat01_workers"}
    assert listed["seat01_workers"]["hosts"] == ["seat01-node1", "seat01-node2"]
    assert set(listed["control_plane"]["children"]) == {f"seat{n}_control_plane" for n in ("01", "02", "20")}
    assert listed["utility"]["hosts"] == ["utility.example.com"]


def test_every_host_knows_its_peers(listed: dict[str, Any]) -> None:
    machines = listed["_meta"]["hostvars"]
    assert machines["seat02-node1"]["cluster_machines"] == ["seat02-master", "seat02-node1", "seat02-node2"]
    assert machines["seat02-node1"]["cluster_control_plane"] == "seat02-master"
    assert machines["seat02-node1"]["ansible_host"] == "10.20.0.21"
    assert machines["seat01-master"]["seat_student"] == "Anna Müller"
    # A seat's own variables go before those of the class
    assert machines["seat01-master"]["cluster_runtime"] == "containerd"
    assert machines["seat20-master"]["cluster_runtime"] == "crio"
    assert machines["seat20-master"]["seat_student"] == "Łukasz Żak"
    assert machines["seat20-master"]["node_domain"] == "{{ seat_name }}.school.example"


def test_the_graph_shows_each_seat(tmp_path: Path) -> None:
    done = inventory(tmp_path, CLASS, "--graph", "seat01")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.splitlines() == [
        "@seat01:", "  |--@seat01_control_plane:", "  |  |--seat01-master",
        "  |--@seat01_workers:", "  |  |--seat01-node1", "  |  |--seat01-node2"]


def test_the_example_is_an_inventory() -> None:
    done = subprocess.run(["ansible-inventory", "-i", str(ROOT / "inventories/class"), "--list"], env=environment(),
                          check=False, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert len(json.loads(done.stdout)["_meta"]["hostvars"]) == 60


@pytest.mark.parametrize(("text", "words"), [
    (CLASS.replace("{first: 10.20.0.10}", "{first: 10.20.0.10, next_seat: 1}"), "expected every address once"),
    (CLASS + "names: node-{number}\n", "line 12, names: expected every name once, found node-1 for seat 1"),
    (CLASS.replace("machines: [master],", "machines: [master, node1], addresses: [10.20.1.1],"),
     "line 5, seats.addresses: expected a list of 2 addresses, one for each of master, node1, found 1."),
    (CLASS + "machine: x\n", "line 12, machine: expected one of"),
    (CLASS.replace("- 1-2", "- [1-2"), "YAML"),
])
def test_a_bad_file_is_no_inventory(tmp_path: Path, text: str, words: str) -> None:
    done = inventory(tmp_path, text, "--list")
    assert done.returncode != 0 and words in done.stderr and "seat01" not in done.stdout
