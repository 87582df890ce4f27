# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mistakes of an inventory, found by site.yml itself before it connects to a host."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.playbooks import as_upstream

ROOT = Path(__file__).resolve().parents[3]
INI = """[control_plane]
master ansible_host=127.0.0.1
[workers]
node1 ansible_host=127.0.0.2
node1 ansible_host=127.0.0.3
[k8s_cluster:children]
control_plane
workers
"""
YAML = """all:
  children:
    k8s_cluster:
      children:
        control_plane: {hosts: {master: {ansible_host: 192.0.2.100}}}
        workers:
          hosts:
            node1: {ansible_host: 192.0.2.101}
            NODE: {ansible_host: 192.0.2.102}
  vars: {VARS}
"""


def run(inventory: Path, *arguments: str, playbook: str = "site.yml") -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CLASSROOM_"))}
    return subprocess.run(
        ["ansible-playbook", str(ROOT / "playbooks" / playbook), "-i", str(inventory), *arguments], cwd=ROOT,
        env={**variables, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PWD": str(ROOT)}, text=True, check=False,
        capture_output=True, stdin=subprocess.DEVNULL, timeout=120)


@pytest.mark.parametrize(("name", "text", "words"), [
    ("hosts", INI, ["the host node1 has 2 addresses", "127.0.0.2 in line 4 and 127.0.0.3 in line 5"]),
    ("hosts.yml", YAML.replace("NODE", "node1").replace("VARS", ""), ["the host node1", "lines 8 and 9"]),
    ("hosts.yml", YAML.replace("NODE", "node2").replace("VARS", "cluster_packages_from: utility"),
     ["cluster_packages_from is utility: expected a host in the group utility", "the group utility has no host"]),
    ("hosts.yml", YAML.replace("NODE", "node2").replace("VARS", "cluster_images_from: utility, cluster_utility: gone"),
     ["cluster_images_from is utility", "cluster_utility names 'gone'"]),
])
def test_a_mistake_ends_the_run_before_a_connection(tmp_path: Path, name: str, text: str, words: list[str]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    for source in (tmp_path, tmp_path / name):
        done = run(source)

        assert done.returncode == 2
        assert all(word in done.stdout for word in words), done.stdout
        assert "UNREACHABLE" not in done.stdout and "unreachable=1" not in done.stdout


@pytest.mark.parametrize("playbook", sorted(path.name for path in (ROOT / "playbooks").glob("*.yml")))
def test_each_playbook_stops_for_a_host_with_two_addresses(tmp_path: Path, playbook: str) -> None:
    """Which of two hosts would be changed, reset or believed is not known."""
    if playbook in ("bundle.yml", "init.yml"):
        pytest.skip("it has no host but localhost")
    text = INI.replace("127.0.0.1", "127.0.0.4\nmaster ansible_host=127.0.0.5")
    (tmp_path / "hosts").write_text(
        text + "[utility]\nutility ansible_host=127.0.0.6\nutility ansible_host=127.0.0.7\n", encoding="utf-8")

    done = run(tmp_path / "hosts", "-e", "reset_confirm=true", playbook=playbook)

    assert done.returncode == 2, done.stdout
    assert "has 2 addresses: expected one" in done.stdout and "Correct the inventory" in done.stdout, done.stdout
    assert "UNREACHABLE" not in done.stdout and "unreachable=1" not in done.stdout


def test_a_host_with_two_addresses_stops_no_other_cluster(tmp_path: Path) -> None:
    variables = "cluster_machines='[\"{0}\"]' cluster_control_plane={0} cluster_name={0} ansible_connection=local"
    text = "[control_plane]\n" + "".join(
        f"{name} ansible_host={address} {variables.format(name)}\n"
        for name, address in (("seat1", "127.0.0.4"), ("seat1", "127.0.0.5"), ("seat2", "127.0.0.6")))
    (tmp_path / "hosts").write_text(text + "[k8s_cluster:children]\ncontrol_plane\n", encoding="utf-8")

    more = {"ansible_become": False, "harvest_directories": [str(tmp_path)], "harvest_temporary": str(tmp_path)}

    done = run(tmp_path / "hosts", "--check", "-e", json.dumps(more), playbook="harvest.yml")

    assert done.returncode == 2, done.stdout
    states = re.findall(r"^(seat\d) .* (\w+)$", done.stdout, re.MULTILINE)
    assert states == [("seat1", "stuck"), ("seat2", "checked")], done.stdout


def test_the_manifest_of_the_benchmark_is_rendered(tmp_path: Path) -> None:
    done = run(
        ROOT / "inventories/lab", "-e", f"benchmark_manifest={tmp_path}/flannel.yml",
        playbook="../benchmarks/manifest.yml")

    assert done.returncode == 0, done.stdout
    rendered = (tmp_path / "flannel.yml").read_text(encoding="utf-8")
    assert "192.168.90.100" in rendered
    # The role's agent writes the CNI configuration when it is ready, the one of flannel's own manifest before
    for text, hook, containers in (
        (rendered, True, ["install-cni-plugin"]), (as_upstream(rendered), False, ["install-cni-plugin", "install-cni"]),
    ):
        agents = [each for each in yaml.safe_load_all(text) if each["kind"] == "DaemonSet"]
        pod = agents[0]["spec"]["template"]["spec"]
        assert ("10-flannel.conflist" in str(pod["containers"][0].get("lifecycle"))) is hook
        assert [each["name"] for each in pod["initContainers"]] == containers


@pytest.mark.parametrize("playbook", sorted(path.name for path in (ROOT / "benchmarks").glob("*.yml")))
def test_each_playbook_of_the_benchmark_loads(playbook: str) -> None:
    assert run(ROOT / "inventories/lab", "--syntax-check", playbook=f"../benchmarks/{playbook}").returncode == 0
