# Copyright (c) 2026 the classroom.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every play of the collection has in common, and inventories without hosts, with Ansible's own configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
CLASS = """
plugin: classroom.kubeadm.seats
seats: 1-2
machines: [master]
addresses: {first: 10.20.0.10}
"""
ADDRESS = "line 5, addresses.first: expected an IP address"
NO_HOSTS = "The inventory has no host for this play: expected hosts in the group k8s_cluster, found "


def plays(path: Path) -> list[dict[str, Any]]:
    """Return the plays of a playbook itself; those that it imports are in the list of playbooks."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [play for play in found if "ansible.builtin.import_playbook" not in play]


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_no_play_gathers_facts_implicitly(path: Path) -> None:
    assert [play["name"] for play in plays(path) if play.get("gather_facts") is not False] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_the_first_play_requires_hosts(path: Path) -> None:
    """A later one may have none: a utility is optional."""
    hosts = plays(path)[0]["hosts"]
    assert hosts == "localhost" or hosts.endswith(" | classroom.kubeadm.require_hosts(groups) }}")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    (tmp_path / "class.yml").write_text(CLASS, encoding="utf-8")
    (tmp_path / "bad.yml").write_text(CLASS.replace("10.20.0.10", "10.20.0.999"), encoding="utf-8")
    (tmp_path / "empty.ini").write_text("", encoding="utf-8")
    (tmp_path / "empty.yml").write_text("all: {children: {k8s_cluster: {}}}\n", encoding="utf-8")
    (tmp_path / "other.ini").write_text("[web]\nhost1\nhost2\n", encoding="utf-8")
    return tmp_path


def run(place: Path, *arguments: str, **more: str) -> tuple[int, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "CLASSROOM_"))}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), str(ROOT / "playbooks" / "verify.yml"), *arguments],
        cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        timeout=120, env={**kept, "ANSIBLE_CONFIG": str(place / "none.cfg"), "COLUMNS": "1000", **more,
                          "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")})
    return done.returncode, done.stdout


@pytest.mark.parametrize(("arguments", "message"), [
    ("-i empty.yml", NO_HOSTS + "no hosts at all"),
    ("-i missing.yml", NO_HOSTS + "no hosts at all"),
    ("-i other.ini --limit web --tags none", NO_HOSTS + "2 in other groups"),
    ("-i empty.ini --list-tasks", NO_HOSTS + "no hosts at all"),
    ("-i bad.yml", ADDRESS),
    ("-i bad.yml -i class.yml", ADDRESS),
    ("-i class.yml -i bad.yml --limit seat01 --list-hosts", ADDRESS),
])
def test_an_inventory_without_hosts_or_with_an_error_is_an_error(place: Path, arguments: str, message: str) -> None:
    status, text = run(place, *arguments.split())
    assert status not in (0, 2), text
    assert message in text and "Nothing was changed." in text
    assert "PLAY [" not in text


@pytest.mark.parametrize("order", [
    "classroom.kubeadm.seats,yaml,ini", "yaml,ini,auto", "ini,yaml,classroom.kubeadm.seats"])
def test_the_order_of_inventory_plugins_does_not_matter(place: Path, order: str) -> None:
    more = {"ANSIBLE_INVENTORY_ENABLED": order, "ANSIBLE_STDOUT_CALLBACK": "classroom.kubeadm.seats"}
    status, text = run(place, "-i", "bad.yml", "-i", "other.ini", **more)
    assert status not in (0, 2) and ADDRESS in text, text
    status, text = run(place, "-i", "class.yml", "-i", "other.ini", "--list-hosts", **more)
    assert status == 0 and "seat02-master" in text, text


def test_a_syntax_check_needs_no_inventory(place: Path) -> None:
    status, text = run(place, "--syntax-check")
    assert status == 0, text
